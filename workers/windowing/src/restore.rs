//! After a restore: the dedup set comes back from the raw rows.

use market::{Ohlcv, Timestamp};

use crate::{
    Partition,
    dedup::{Identity, symbol_hash},
    partition::NEVER,
};

/// A raw row as far as dedup needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DedupRow<'a> {
    /// The instrument.
    pub symbol: &'a str,
    /// Event time.
    pub ts: Timestamp,
    /// Prices and volume.
    pub prices: Ohlcv,
    /// The source's own id.
    pub tick_id: Option<&'a str>,
    /// Generation of the source topic.
    pub generation: u32,
    /// The record's offset.
    pub offset: u64,
}

/// Which raw rows a restored partition needs: all of `generation` with an offset in [from_offset, to_offset).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupNeed {
    /// Rows of this generation.
    pub generation: u32,
    /// First offset.
    pub from_offset: u64,
    /// The first offset not applied.
    pub to_offset: u64,
}

impl Partition {
    /// Which raw rows [`Partition::rebuild_dedup`] needs. An empty range needs none.
    pub fn dedup_need(&self) -> DedupNeed {
        DedupNeed {
            generation: self.generation,
            from_offset: self.dedup.from().min(self.next_offset),
            to_offset: self.next_offset,
        }
    }

    /// Fills the dedup set after a restore from raw rows in offset order; rows that are not needed are passed over.
    pub fn rebuild_dedup<'a>(&mut self, rows: impl Iterator<Item = DedupRow<'a>>) {
        let need = self.dedup_need();
        let by = self.semantics.dedup.by;
        self.dedup.clear(need.from_offset);
        for row in rows {
            if row.generation == need.generation && (need.from_offset..need.to_offset).contains(&row.offset) {
                let identity = Identity::new(by, symbol_hash(row.symbol), row.ts, &row.prices, row.tick_id);
                self.dedup.insert(&identity, row.ts.micros(), row.offset);
            }
        }
        self.dedup.advance(NEVER);
    }
}
