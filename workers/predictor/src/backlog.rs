//! Which bars of a backlog still get a forecast.
//!
//! A bar whose nearest target has passed can only get a LATE forecast: nobody waits for it, and hours of history would
//! make tens of thousands of rows that are never scored. Such bars are held until the log is quiet at its end, or a bar
//! of their symbol is in time; then the newest [`BACKLOG_BARS_PER_SYMBOL`] of each symbol are predicted, so that every chart starts with a stretch of forecasts
//! and their outcomes. Older ones are dropped and counted. Bars that are in time never wait.

use std::collections::{BTreeMap, VecDeque};

use market::{FeatureRow, Symbol};

use crate::limits::{BACKLOG_BARS, BACKLOG_BARS_PER_SYMBOL};

/// Bars that wait for the end of the log, per topic partition.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    held: BTreeMap<u32, BTreeMap<Symbol, VecDeque<FeatureRow>>>,
    symbols: usize,
}

impl Backlog {
    /// Holds a bar; returns how many older ones of its symbol were dropped for it.
    pub(crate) fn hold(&mut self, partition: u32, bar: FeatureRow) -> u64 {
        let symbols = self.held.entry(partition).or_default();
        if !symbols.contains_key(&bar.symbol) {
            self.symbols += 1;
        }
        let share = (BACKLOG_BARS / self.symbols.max(1)).clamp(1, BACKLOG_BARS_PER_SYMBOL);
        let bars = symbols.entry(bar.symbol.clone()).or_default();
        bars.push_back(bar);
        let mut dropped = 0;
        while bars.len() > share {
            bars.pop_front();
            dropped += 1;
        }
        dropped
    }

    /// True when nothing of this partition waits.
    pub(crate) fn is_empty(&self, partition: u32) -> bool {
        self.held.get(&partition).is_none_or(BTreeMap::is_empty)
    }

    /// The bars of one symbol, oldest first: a bar that is in time is about to overtake them.
    pub(crate) fn release_symbol(&mut self, partition: u32, symbol: &Symbol) -> Vec<FeatureRow> {
        let released = self.held.get_mut(&partition).and_then(|symbols| symbols.remove(symbol));
        self.symbols -= usize::from(released.is_some());
        released.map(Vec::from).unwrap_or_default()
    }

    /// All bars of a partition, oldest first per symbol: its end has been reached.
    pub(crate) fn release(&mut self, partition: u32) -> Vec<FeatureRow> {
        let symbols = self.held.remove(&partition).unwrap_or_default();
        self.symbols -= symbols.len();
        symbols.into_values().flatten().collect()
    }
}
