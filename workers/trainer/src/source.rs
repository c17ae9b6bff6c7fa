//! The bars a run learns from: the committed view of the lake, as of an instant of event time.

use std::collections::BTreeMap;

use indicators::BarEngineSpec;
use lake::{Lake, history};
use market::{FeatureRow, Span, Timestamp};

use crate::{Data, TrainError};

/// Bars and how far they are complete.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Final bars in (symbol, window_start) order, settling bars before `data.from` included.
    pub bars: Vec<FeatureRow>,
    /// What `now` means for this data; absent without any.
    pub now: Option<Timestamp>,
    /// Watermark by source partition.
    pub watermarks: BTreeMap<u32, Timestamp>,
}

/// Reads the committed bars that a run needs: those of its range, and before it as many as indicators need to settle.
pub async fn read(
    lake: &dyn Lake,
    root: &str,
    data: &Data,
    spec: &BarEngineSpec,
) -> Result<Source, TrainError> {
    let heads = history::partitions(lake, root).await?;
    let Some(now) = history::now_of(&heads) else { return Ok(Source::default()) };
    let from = data.from.as_from(now).map(|from| settled_from(from, data.bar, spec.schema().settle_bars()));
    let to = data.to.as_to(now);
    let mut bars = history::bars(lake, root, &data.bar.to_string(), from, Some(to), &[]).await?;
    bars.retain(|bar| data.symbols.iter().any(|pattern| matches(pattern, bar.symbol.as_str())));
    let watermarks = heads.iter().filter_map(|head| Some((head.partition, head.watermark?))).collect();
    Ok(Source { bars, now: Some(now), watermarks })
}

/// Bars are not evenly spaced where a market closes: twice the span, and the engine discards what it does not need.
fn settled_from(from: Timestamp, bar: Span, settle: usize) -> Timestamp {
    let bars = i64::try_from(settle.saturating_mul(2)).unwrap_or(i64::MAX);
    let micros = bar.micros().saturating_mul(bars);
    Span::from_micros(micros).map_or(from, |span| from - span)
}

/// True when `name` fits the pattern, in which `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("*", "AAPL", true),
            ("AAPL", "AAPL", true),
            ("AAPL", "AAPLX", false),
            ("A*", "AAPL", true),
            ("*L", "AAPL", true),
            ("A*P*", "AAPL", true),
            ("A*X*", "AAPL", false),
            ("AA*APL", "AAPL", false),
            ("*-USD", "BTC-USD", true),
            ("", "A", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
