//! What an engine is fed.

use market::{Ohlcv, Timestamp};

/// One closed bar of one symbol: a bucket of event time with at least one tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Start, inclusive.
    pub start: Timestamp,
    /// End, exclusive.
    pub end: Timestamp,
    /// First open, greatest high, least low, last close, summed volume.
    pub prices: Ohlcv,
    /// Counted ticks, at least 1.
    pub n: u64,
    /// Volume-weighted typical price; absent where volume is zero.
    pub vwap: Option<f64>,
}
