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
/// Rows of a call that are encoded before the first of them is sent to Cassandra: what a call holds in memory.
pub const CASSANDRA_ENCODED_ROWS: usize = 4_096;
/// Rows of one unlogged batch. Cassandra warns above 10 partitions in one.
pub const CASSANDRA_BATCH_ROWS: usize = 10;
/// Bytes of one unlogged batch. Cassandra warns above 5 KiB and refuses 50 KiB.
pub const CASSANDRA_BATCH_BYTES: usize = 4_500;
/// Batches of one process that Cassandra has not answered.
pub const CASSANDRA_IN_FLIGHT: usize = 64;
/// Reads of one call that Cassandra has not answered.
pub const CASSANDRA_READS: usize = 64;
/// Days of one series that are read at once.
pub const CASSANDRA_DAYS_AT_ONCE: usize = 16;
/// Rows of a page.
pub const CASSANDRA_PAGE_ROWS: usize = 2_000;
/// Milliseconds until an unanswered request is given up.
pub const CASSANDRA_REQUEST_MS: u64 = 5_000;
/// Milliseconds until an unanswered change of the schema is given up and tried once more.
pub const CASSANDRA_CHANGE_MS: u64 = 30_000;
/// Milliseconds in which a refused request is tried again before the call fails as unavailable.
pub const CASSANDRA_RETRY_MS: u64 = 10_000;
/// Milliseconds of the first and the longest pause between two tries; each is varied by half.
pub const CASSANDRA_BACKOFF_MS: (u64, u64) = (50, 2_000);
/// Milliseconds in which a connection, and everything it needs to know, is there.
pub const CASSANDRA_CONNECT_MS: u64 = 12_000;
/// Seconds after which a day of a series is put into the index of days again.
pub const CASSANDRA_INDEX_AGAIN_S: u64 = 12 * 3_600;
/// Series whose last indexed day is remembered.
pub const CASSANDRA_KNOWN_SERIES: usize = 1_000_000;
/// Consecutive days without a pending forecast after which none is looked for.
pub const CASSANDRA_SETTLED_DAYS: usize = 3;
/// Longest time to live, in seconds: expiry beyond 2038 is refused by most clusters.
pub const CASSANDRA_TTL_S: u64 = 10 * 365 * 86_400;
/// Seconds after which the lock of an `init` that has ended without a word is free.
pub const CASSANDRA_INIT_S: u64 = 90;
/// Times that `init` begins again, a second later each, where another one has just made the tables it asks for.
pub const CASSANDRA_INIT_ATTEMPTS: u32 = 5;
