//! Going through stored rows again: verdicts are facts by then, everything else is computed as it was the first time.
//!
//! Raw rows and dead letters of a partition, each offset once and in order, lead to the state, the rows and the T that
//! their records led to. What no stored row tells is the record's key: key mismatches are taken over by
//! [`Partition::recount`].

use std::borrow::Cow;

use market::{Record, Tick};

use crate::{
    Counters, DeadLetter, Partition, RawRow, Sink,
    dedup::{Identity, symbol_hash},
};

impl Partition {
    /// Applies a tick that was accepted: its raw row as it is computed now, then the rows it closes. A row that was
    /// applied already changes nothing.
    pub fn reapply_raw<S: Sink + ?Sized>(&mut self, row: &RawRow<'_>, sink: &mut S) {
        let record = Record { offset: row.offset, record_ms: row.record_ms, key: None, value: b"" };
        if !self.advance(&record) {
            return;
        }
        let hash = symbol_hash(row.symbol);
        let by = self.semantics.dedup.by;
        let identity = Identity::new(by, hash, row.ts, &row.prices, row.tick_id);
        self.dedup.push(&identity, row.ts.micros(), row.offset);
        // A stored symbol is a valid one.
        let Some(index) = self.symbols.find(row.symbol, hash).or_else(|| self.admit(row.symbol)) else {
            return;
        };
        let tick = Tick {
            symbol: Cow::Borrowed(row.symbol),
            ts: row.ts,
            prices: row.prices,
            id: row.tick_id.map(Cow::Borrowed),
        };
        self.accept(&record, &tick, index, sink);
    }

    /// Applies a record that was rejected: its place in the log, its T and its count.
    pub fn reapply_dead(&mut self, row: &DeadLetter<'_>) {
        let record = Record { offset: row.offset, record_ms: row.record_ms, key: None, value: b"" };
        if self.advance(&record) {
            *self.counters.dead.entry(row.reason).or_default() += 1;
        }
    }

    /// Takes counts over that were recorded at this very prefix.
    pub fn recount(&mut self, counters: Counters) {
        self.counters = counters;
    }
}
