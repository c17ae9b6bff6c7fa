//! What leaves a partition, and who takes it.

use market::{FeatureRow, Ohlcv, Reason, Timestamp};

/// An accepted tick as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawRow<'a> {
    /// The instrument.
    pub symbol: &'a str,
    /// Event time: the start of what the record covers.
    pub ts: Timestamp,
    /// Prices and volume.
    pub prices: Ohlcv,
    /// The source's own id.
    pub tick_id: Option<&'a str>,
    /// Generation of the source topic.
    pub generation: u32,
    /// The partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
    /// Record time in milliseconds, as the log gave it.
    pub record_ms: i64,
    /// W(o-1): what lateness was judged by. Absent before the first accepted tick.
    pub watermark: Option<Timestamp>,
    /// True when the tick missed at least one window or bar.
    pub late: bool,
}

/// A record that is no tick of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Generation of the source topic.
    pub generation: u32,
    /// The partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
    /// Record time in milliseconds, as the log gave it.
    pub record_ms: i64,
    /// Why.
    pub reason: Reason,
    /// Offset of the accepted tick that a duplicate is a copy of.
    pub first_offset: Option<u64>,
    /// Length of the record's value in bytes.
    pub length: u32,
    /// SHA-256 of the whole value.
    pub sha256: [u8; 32],
    /// The value's first 4 KiB; empty for a copy that is equal in every parsed value.
    pub bytes: &'a [u8],
}

/// Takes what a partition makes of its records. Calls come in the order of the log: the raw row or dead letter of a
/// record, then the rows it closed, in closing order.
pub trait Sink {
    /// An accepted tick.
    fn raw(&mut self, row: RawRow<'_>);
    /// A rejected record.
    fn dead(&mut self, row: DeadLetter<'_>);
    /// A window or bar: final where it closed, else provisional.
    fn row(&mut self, row: FeatureRow);
}
