//! Predictions that wait for their target, and what became of them.
//!
//! **How the watermark is known.** Final rows of a source partition are published in closing order, and a row closes only
//! when the watermark has passed its end. So after a final row that ends at E, the partition's watermark is >= E, and every
//! row with an end < E has been published. A target T has therefore matured when
//! - the symbol's own bar that ends at T was seen (its close is the outcome), or
//! - any row of the partition with an end > T was seen: then the last close of the symbol in (as_of, T] is the outcome, and
//!   where there was no bar in that interval the outcome is Void, exactly as in training.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use market::{FeatureRow, Outcome, PredictionRow, Symbol, Timestamp};

use crate::limits::PENDING;

type Key = (Timestamp, u32, u64);

#[derive(Debug)]
struct Pending {
    row: PredictionRow,
    /// Last bar of the symbol in (as_of, target_ts]: its end and close.
    last: Option<(Timestamp, f64)>,
}

#[derive(Debug, Default)]
struct Part {
    end: Option<Timestamp>,
    symbols: HashMap<Symbol, BTreeMap<Key, Pending>>,
    due: BTreeSet<(Timestamp, Symbol)>,
}

/// Predictions without an outcome, by source partition.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    parts: BTreeMap<u32, Part>,
    pending: usize,
}

impl Outcomes {
    /// Waits for the outcome of a prediction. `last` is what is already known of its target interval.
    pub(crate) fn expect(&mut self, part: u32, row: PredictionRow, last: Option<(Timestamp, f64)>) {
        if row.outcome != Outcome::Pending || self.pending >= PENDING {
            return;
        }
        let part = self.parts.entry(part).or_default();
        part.due.insert((row.target_ts, row.symbol.clone()));
        let key = (row.target_ts, row.horizon, row.version);
        let pending = part.symbols.entry(row.symbol.clone()).or_default();
        if let std::collections::btree_map::Entry::Vacant(slot) = pending.entry(key) {
            slot.insert(Pending { row, last });
            self.pending += 1;
        }
    }

    /// Takes a final bar of the predicted size: settles what ends with it. Feeding a bar twice changes nothing.
    pub(crate) fn feed(&mut self, bar: &FeatureRow) -> Vec<PredictionRow> {
        let Some(part) = self.parts.get_mut(&bar.part) else { return Vec::new() };
        let Some(pending) = part.symbols.get_mut(&bar.symbol) else { return Vec::new() };
        let (end, close) = (bar.window_end, bar.prices.close);
        for ((target_ts, _, _), waiting) in pending.iter_mut() {
            let inside = waiting.row.as_of < end && end <= *target_ts;
            if inside && waiting.last.is_none_or(|(seen, _)| seen < end) {
                waiting.last = Some((end, close));
            }
        }
        let later = pending.split_off(&(end, u32::MAX, u64::MAX));
        let earlier = std::mem::replace(pending, later);
        // Targets before this bar wait for the partition's end: a bar of their own could still be fed again.
        let (now, still): (Vec<_>, Vec<_>) =
            earlier.into_iter().partition(|((target, _, _), _)| *target == end);
        pending.extend(still);
        self.pending -= now.len();
        now.into_iter().map(|(_, waiting)| settle(waiting)).collect()
    }

    /// Takes the end of any final row of a source partition: settles every target before it.
    pub(crate) fn advance(&mut self, part: u32, end: Timestamp) -> Vec<PredictionRow> {
        let state = self.parts.entry(part).or_default();
        state.end = state.end.max(Some(end));
        self.sweep(part)
    }

    /// Settles every target before the known end of a source partition.
    pub(crate) fn sweep(&mut self, part: u32) -> Vec<PredictionRow> {
        let mut settled = Vec::new();
        let Some(part) = self.parts.get_mut(&part) else { return settled };
        while let Some((target, symbol)) =
            part.due.first().filter(|(target, _)| Some(*target) < part.end).cloned()
        {
            part.due.pop_first();
            let Some(pending) = part.symbols.get_mut(&symbol) else { continue };
            let later = pending.split_off(&(target, u32::MAX, u64::MAX));
            settled.extend(std::mem::replace(pending, later).into_values().map(settle));
            if pending.is_empty() {
                part.symbols.remove(&symbol);
            }
        }
        self.pending -= settled.len();
        settled
    }

    /// Least watermark known of each source partition.
    pub(crate) fn ends(&self) -> BTreeMap<u32, Timestamp> {
        self.parts.iter().filter_map(|(part, state)| Some((*part, state.end?))).collect()
    }

    /// Predictions that wait.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }
}

fn settle(waiting: Pending) -> PredictionRow {
    let mut row = waiting.row;
    row.outcome = match waiting.last {
        Some((_, close)) => {
            let y_true = libm::log(close / row.close);
            Outcome::Joined { y_true, err: row.y_pred - y_true }
        }
        None => Outcome::Void,
    };
    row
}

#[cfg(test)]
mod tests {
    use evaluation::{Close, Label, targets};
    use indicators::Calendar;
    use market::{Ohlcv, Role, Span};
    use proptest::prelude::*;

    use super::*;

    const BAR: Span = Span::from_secs(60);

    fn minute(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 60_000_000)
    }

    fn bar(symbol: &str, end: i64, close: f64) -> FeatureRow {
        FeatureRow {
            symbol: Symbol::parse(symbol).unwrap(),
            name: "1m".into(),
            window_start: minute(end - 1),
            window_end: minute(end),
            sma: close,
            n: 1,
            prices: Ohlcv { open: close, high: close, low: close, close, volume: 1.0 },
            vwap: None,
            is_final: true,
            revision: 1,
            partial: false,
            generation: 1,
            part: 3,
            last_offset: 0,
            index: 0,
            write_ts: 0,
            indicators: Vec::new(),
            features: None,
            schema_hash: 0,
        }
    }

    fn prediction(bar: &FeatureRow, horizon: u32) -> PredictionRow {
        PredictionRow {
            symbol: bar.symbol.clone(),
            bar: bar.name.clone(),
            horizon,
            made_at: bar.window_end,
            as_of: bar.window_end,
            target_ts: Calendar::Always.advance(bar.window_end, horizon, BAR),
            close: bar.prices.close,
            y_pred: 0.0,
            lo: None,
            hi: None,
            y_naive: 0.0,
            version: 0,
            role: Role::Baseline,
            flags: Vec::new(),
            outcome: Outcome::Pending,
        }
    }

    proptest! {
        /// Live outcomes are the targets of training: same values, same voids, nothing settled before it has matured.
        #[test]
        fn outcomes_are_the_targets_of_training(
            bars in proptest::collection::vec((any::<bool>(), any::<bool>(), 1.0_f64..2.0), 5..80),
            horizons in proptest::sample::subsequence(vec![1_u32, 2, 5], 1..=3),
        ) {
            let mut outcomes = Outcomes::default();
            let mut settled = Vec::new();
            let (mut closes, mut watermark) = (Vec::new(), None);
            for (n, (a, b, close)) in bars.iter().enumerate() {
                let end = n as i64 + 1;
                // In closing order: symbol A first. B only carries the partition's end along.
                for row in [a.then(|| bar("A", end, *close)), b.then(|| bar("B", end, 1.0))].into_iter().flatten() {
                    let is_a = row.symbol.as_str() == "A";
                    if is_a {
                        settled.extend(outcomes.feed(&row));
                        prop_assert_eq!(outcomes.feed(&row), vec![], "feeding twice changes nothing");
                    }
                    settled.extend(outcomes.advance(row.part, row.window_end));
                    watermark = Some(row.window_end);
                    if is_a {
                        closes.push(Close { end: row.window_end, close: *close });
                        for horizon in &horizons {
                            outcomes.expect(row.part, prediction(&row, *horizon), None);
                        }
                    }
                }
            }
            // What the log proves is a little less than the watermark: the bar that ends with it may still come.
            let mut expected = 0;
            for horizon in &horizons {
                for target in targets(&closes, &Calendar::Always, *horizon, BAR, watermark) {
                    let found = settled.iter().find(|r| r.as_of == target.as_of && r.horizon == *horizon);
                    match (target.y, found.map(|r| r.outcome)) {
                        (Label::Matured(y), Some(Outcome::Joined { y_true, err })) => {
                            prop_assert_eq!(y.to_bits(), y_true.to_bits());
                            prop_assert_eq!(err, -y_true);
                        }
                        (Label::Void, Some(Outcome::Void)) | (Label::Pending, None) => {}
                        (_, None) if Some(target.target_ts) == watermark => {}
                        (label, outcome) => prop_assert!(false, "{:?}: {:?} and {:?}", target, label, outcome),
                    }
                    expected += usize::from(found.is_some());
                }
            }
            prop_assert_eq!(settled.len(), expected, "each at most once");
            prop_assert_eq!(outcomes.pending() + settled.len(), closes.len() * horizons.len());
        }
    }
}
