//! The state machine of one partition.

use std::sync::Arc;

use market::{Ohlcv, Record, Timestamp};

use crate::{CorruptState, Counters, InvalidSemantics, Semantics, Sink};

/// What happens to a partition besides records.
#[derive(Debug, Clone)]
pub enum Control {
    /// Another epoch took over: changes nothing, so that restarts leave no trace.
    Fence,
    /// Records up to `to` are lost: rows that may miss some of them are marked partial.
    Gap {
        /// The next offset really delivered.
        to: u64,
    },
    /// The topic was made anew and accepted.
    Generation {
        /// Its number.
        generation: u32,
        /// The first offset of the new topic.
        next_offset: u64,
        /// T is at least this afterwards.
        t_floor: i64,
    },
    /// Other semantics from here on.
    Config {
        /// The new ones.
        semantics: Arc<Semantics>,
        /// T is at least this afterwards.
        t_floor: i64,
    },
}

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

/// Which raw rows a restored partition needs to know copies again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DedupNeed {
    /// Rows of this generation only.
    pub generation: u32,
    /// Rows at or after this offset (and before `next_offset`).
    pub from_offset: u64,
    /// Rows at or after this event time.
    pub from_ts: Option<Timestamp>,
    /// The newest so many rows are enough.
    pub entries: usize,
}

/// The whole state of one partition.
pub struct Partition {}

#[allow(unused_variables, clippy::todo)]
impl Partition {
    /// A partition before its first record.
    pub fn new(semantics: Arc<Semantics>, partition: u32, generation: u32) -> Result<Self, InvalidSemantics> {
        todo!()
    }
    /// Applies one record: verdict, raw row or dead letter, then the rows it closes.
    pub fn apply<S: Sink + ?Sized>(&mut self, record: Record<'_>, sink: &mut S) {
        todo!()
    }
    /// Passes a record over by hand: dead letter `skipped`, whatever it holds.
    pub fn skip<S: Sink + ?Sized>(&mut self, record: Record<'_>, sink: &mut S) {
        todo!()
    }
    /// The first offset not applied.
    pub fn next_offset(&self) -> u64 {
        todo!()
    }
    /// T of the prefix, microseconds.
    pub fn write_ts(&self) -> i64 {
        todo!()
    }
    /// Greatest event time covered by an accepted tick.
    pub fn max_ts(&self) -> Option<Timestamp> {
        todo!()
    }
    /// W of the prefix.
    pub fn watermark(&self) -> Option<Timestamp> {
        todo!()
    }
    /// Greatest record time, milliseconds.
    pub fn record_ms(&self) -> i64 {
        todo!()
    }
    /// The partition's number.
    pub fn partition(&self) -> u32 {
        todo!()
    }
    /// Generation of the source topic.
    pub fn generation(&self) -> u32 {
        todo!()
    }
    /// Config commits so far.
    pub fn revision(&self) -> u32 {
        todo!()
    }
    /// The semantics in force.
    pub fn semantics(&self) -> &Arc<Semantics> {
        todo!()
    }
    /// Counts since the first record.
    pub fn counters(&self) -> &Counters {
        todo!()
    }
    /// Rows of open windows and bars, `final = false`.
    pub fn provisional<S: Sink + ?Sized>(&mut self, only_touched_since_last: bool, sink: &mut S) {
        todo!()
    }
    /// Applies a control.
    pub fn control(&mut self, control: Control) -> Result<(), InvalidSemantics> {
        todo!()
    }
    /// The whole state but the dedup set.
    pub fn encode_full(&self) -> Vec<u8> {
        todo!()
    }
    /// What changed since the last delta.
    pub fn encode_delta(&mut self) -> Vec<u8> {
        todo!()
    }
    /// Restores; the state must have exactly these semantics.
    pub fn decode(semantics: Arc<Semantics>, full: &[u8], deltas: &[Vec<u8>]) -> Result<Self, CorruptState> {
        todo!()
    }
    /// Restores with the semantics kept in the state; apply a `Config` control where they differ from today's.
    pub fn decode_stored(full: &[u8], deltas: &[Vec<u8>]) -> Result<Self, CorruptState> {
        todo!()
    }
    /// Which raw rows [`Partition::rebuild_dedup`] needs.
    pub fn dedup_need(&self) -> DedupNeed {
        todo!()
    }
    /// Fills the dedup set after a restore, from raw rows in offset order; rows not needed are ignored.
    pub fn rebuild_dedup<'a>(&mut self, rows: impl Iterator<Item = DedupRow<'a>>) {
        todo!()
    }
    /// Bytes of memory held, about.
    pub fn state_bytes(&self) -> usize {
        todo!()
    }
}
