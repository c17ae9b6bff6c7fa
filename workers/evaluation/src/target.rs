//! What a row is asked to forecast, and what came of it.

use indicators::Calendar;
use market::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The end of a bar and its close: all a target needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Close {
    /// End of the bar, exclusive: the instant its close is known.
    pub end: Timestamp,
    /// Last price.
    pub close: f64,
}

/// What became of a target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// The log return from the close at `as_of` to the last close known at `target_ts`.
    Matured(f64),
    /// The symbol had no bar in (as_of, target_ts]: nothing was traded, nothing is learnt or scored.
    Void,
    /// The watermark has not reached `target_ts`.
    Pending,
}

/// The target of one bar over one horizon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// End of the bar it starts from.
    pub as_of: Timestamp,
    /// The instant it is about.
    pub target_ts: Timestamp,
    /// What became of it.
    pub y: Label,
}

/// The targets of one symbol's bars, `closes` ascending by end. A target matures when `watermark`, that of the symbol's
/// partition, has reached it; bars beyond the watermark are never looked at.
pub fn targets(
    closes: &[Close],
    calendar: &Calendar,
    horizon: u32,
    bar: Span,
    watermark: Option<Timestamp>,
) -> Vec<Target> {
    let target = |(index, from): (usize, &Close)| {
        let target_ts = calendar.advance(from.end, horizon, bar);
        let matured = watermark.is_some_and(|w| w >= target_ts);
        let y = if matured { label(closes, index, target_ts) } else { Label::Pending };
        Target { as_of: from.end, target_ts, y }
    };
    closes.iter().enumerate().map(target).collect()
}

fn label(closes: &[Close], index: usize, target_ts: Timestamp) -> Label {
    let known = index + closes[index..].partition_point(|c| c.end <= target_ts);
    if known <= index + 1 {
        return Label::Void;
    }
    let y = libm::log(closes[known - 1].close / closes[index].close);
    // prices are validated where they enter; whatever slipped through is no outcome
    if y.is_finite() { Label::Matured(y) } else { Label::Void }
}
