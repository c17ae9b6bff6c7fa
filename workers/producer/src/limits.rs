//! Named limits, each with its unit.

use std::time::Duration;

/// Most symbols of one producer.
pub const SYMBOLS: usize = 1_000;
/// Most ticks a second, over all symbols.
pub const TICKS_PER_SECOND: u32 = 10_000_000;
/// Longest backfill at the first start, in days.
pub const BACKFILL_DAYS: i64 = 3_650;
/// Ticks of one append while catching up, over all partitions.
pub const BATCH_TICKS: usize = 16_384;
/// Shortest pause between two appends at one second a second: slower than it, ticks travel alone; faster, together.
pub const PACE_MIN: Duration = Duration::from_millis(20);
/// Longest pause: how late an ending is noticed, and a clock that jumped.
pub const PACE_MAX: Duration = Duration::from_millis(500);

/// Rows that an import sorts in memory.
pub const IMPORT_ROWS: usize = 20_000_000;
/// Rows of one append of an import, over all partitions.
pub const IMPORT_BATCH: usize = 8_192;
/// Rejected rows that a report names one by one; the others are counted.
pub const REJECTED_NAMED: usize = 100;
/// Share of rows behind the watermark above which an import stops before writing.
pub const LATE_SHARE: f64 = 0.01;
/// Newest records of a partition that are read to learn where the stream is.
pub const TAIL_RECORDS: u64 = 2_000;
/// Most bytes read of the tail of one partition.
pub const TAIL_BYTES: usize = 8 * 1024 * 1024;
/// Distances between rows that a verdict on their spacing needs.
pub const SPACING_MIN_ROWS: u64 = 10;
/// Share of equal distances above which a spacing is regular.
pub const SPACING_SHARE: f64 = 0.6;
/// Least regular spacing that makes rows bars, in microseconds.
pub const SPACING_BAR_MICROS: i64 = 5_000_000;
/// Longest line of a file that reaches the log whole, in bytes; of longer ones the first part does, which is far past
/// what a tick may have.
pub const LINE_BYTES: usize = 1024 * 1024;
/// Bytes of lines read before they are appended.
pub const INPUT_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Lines read before they are appended.
pub const INPUT_BATCH_LINES: usize = 8_192;
/// Bytes at the start of a file that tell it from another of the same path.
pub const IDENTITY_BYTES: usize = 4_096;
