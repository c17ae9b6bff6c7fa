//! Named limits, each with its unit.

/// Longest window name, bar size or pipeline name, in bytes.
pub const NAME_BYTES: usize = 253;
/// Most entries of a row's indicators or features.
pub const VECTOR_LEN: usize = 4_096;
/// Longest note, run or alias event, in bytes.
pub const NOTE_BYTES: usize = 4 * 1024 * 1024;
/// Writes that wait for the writer; more wait for room.
pub const WAITING_WRITES: usize = 1_024;
/// Bytes of waiting writes that share one durable commit.
pub const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Largest file whose every page is verified when it is opened, in bytes; opening a larger one would take seconds.
pub const VERIFY_AT_OPEN_BYTES: u64 = 256 * 1024 * 1024;
/// Page cache of the embedded store, in bytes.
pub const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Predictions removed in one commit by expiry.
pub const EXPIRE_ROWS: usize = 10_000;
