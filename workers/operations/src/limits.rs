//! Named limits of the operations, each with its unit.

use std::time::Duration;

/// Attempts at a store that fails in a passing way, after the first.
pub const ATTEMPTS: usize = 8;
/// Files read or written at a time: an HDFS server takes half a second to close each.
pub const FILES_IN_FLIGHT: usize = 32;
/// Bytes of files held in memory at a time, in MiB.
pub const FILES_MIB: usize = 256;
/// Queries to the feature store at a time.
pub const QUERIES_IN_FLIGHT: usize = 16;
/// Computed rows that are held before they are compared.
pub const COMPARED_ROWS: usize = 20_000;
/// Rows of one upsert.
pub const UPSERT_ROWS: usize = 1_000;
/// Differences told in full; more are counted.
pub const EXAMPLES: usize = 100;
/// Ranges of offsets told in one finding; more are counted.
pub const RANGES: usize = 10;
/// How long a check waits before it looks a second time at what it is about to report.
pub const SECOND_LOOK: Duration = Duration::from_secs(2);
/// Attempts to copy a view whose files are swept or compacted away meanwhile.
pub const VIEWS: usize = 5;
/// Rows of one file of a backup's store part.
pub const ITEMS: usize = 20_000;
/// Longest backup manifest that is read, in bytes.
pub const MANIFEST_BYTES: usize = 1024 * 1024 * 1024;
/// Attempts to fence a partition before the repair says that somebody keeps taking it.
pub const CLAIM_ATTEMPTS: usize = 16;
/// How far the clocks of two machines may be apart, in milliseconds: a day that a worker's clock has retired is not missed.
pub const CLOCKS_APART_MS: i64 = 3_600_000;
