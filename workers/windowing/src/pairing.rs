//! The replaced system's rows: one `sma_5` with the `sma_20` that was known when it ended.

use std::collections::BTreeMap;

use market::{FeatureRow, Span, Symbol, Timestamp};

use crate::plan::LONG_SMA;

/// One row of the replaced system's `market.features`.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedRow {
    /// The instrument.
    pub symbol: Symbol,
    /// Start of the `sma_5` window.
    pub bucket_start: Timestamp,
    /// End of the `sma_5` window.
    pub bucket_end: Timestamp,
    /// Its mean.
    pub sma_5: f64,
    /// Mean of the last `sma_20` window that ended in (bucket_end - reach, bucket_end]; none from the future, ever.
    pub sma_20: Option<f64>,
}

/// Pairs final rows in closing order. Equal ends close the longer window first, so what it has seen is what was known.
#[derive(Debug, Clone)]
pub struct SmaPairing {
    reach: Span,
    last: BTreeMap<Symbol, (Timestamp, f64)>,
}

impl SmaPairing {
    /// Starts with nothing seen. `reach` is the slide of `sma_20`.
    pub fn new(reach: Span) -> Self {
        Self { reach, last: BTreeMap::new() }
    }

    pub(crate) fn resume(reach: Span, last: impl Iterator<Item = (Symbol, i64, f64)>) -> Self {
        let last = last.map(|(symbol, end, sma)| (symbol, (Timestamp::from_micros(end), sma))).collect();
        Self { reach, last }
    }

    /// Takes the next final row; a paired row for each `sma_5`.
    pub fn pair(&mut self, row: &FeatureRow) -> Option<PairedRow> {
        if !row.is_final {
            return None;
        }
        match row.name.as_ref() {
            LONG_SMA => {
                self.last.insert(row.symbol.clone(), (row.window_end, row.sma));
                None
            }
            "sma_5" => Some(PairedRow {
                symbol: row.symbol.clone(),
                bucket_start: row.window_start,
                bucket_end: row.window_end,
                sma_5: row.sma,
                sma_20: self
                    .last
                    .get(&row.symbol)
                    .filter(|(end, _)| *end > row.window_end - self.reach)
                    .map(|(_, sma)| *sma),
            }),
            _ => None,
        }
    }
}
