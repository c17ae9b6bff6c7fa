//! Named limits of an ingest worker, each with its unit.

use std::time::Duration;

/// Bytes for open and frozen files and unacknowledged rows of all partitions, by default.
pub const BUDGET_BYTES: usize = 112 << 20;
/// Least share of the budget that one partition gets, in bytes.
pub const SHARE_BYTES_MIN: usize = 256 << 10;
/// Bytes of one read from the log.
pub const READ_BYTES: usize = 1 << 20;
/// How long a read waits at the log's end.
pub const READ_WAIT: Duration = Duration::from_millis(250);
/// Records of one commit at most.
pub const ROLL_ROWS: u64 = 4_000_000;
/// Records between two looks at the size of the open files.
pub const SIZE_CHECK_RECORDS: u64 = 256;
/// Rows of one upsert at most.
pub const UPSERT_ROWS: usize = 1_000;
/// Bytes of unacknowledged finals in memory, per worker, before an early commit spills them.
pub const PENDING_BYTES: usize = 16 << 20;
/// Unacknowledged finals of one partition, spilled ones included, before it pauses.
pub const PENDING_ROWS: u64 = 10_000_000;
/// How long a commit waits for the acknowledgement of its finals before it spills them.
pub const ACK_GRACE: Duration = Duration::from_secs(2);
/// Least time between two batches of live provisional rows.
pub const LIVE_EVERY: Duration = Duration::from_millis(500);
/// How long after the log's end idle provisional rows are written.
pub const IDLE_AFTER: Duration = Duration::from_secs(1);
/// How often a worker confirms that its log was not taken over.
pub const CONFIRM_EVERY: Duration = Duration::from_secs(5);
/// How long a worker writes rows without such a confirmation.
pub const CONFIRM_VALID: Duration = Duration::from_secs(10);
/// How far T of a `config` commit is set ahead of the wall clock, in milliseconds.
pub const T_AHEAD_MS: i64 = 15_000;
/// Longest pause between two attempts at a store.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// First pause between two attempts at a store.
pub const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Attempts to take a partition over before the worker says that others keep taking it.
pub const CLAIM_ATTEMPTS: usize = 16;
/// How long a draining worker goes on trying a store that does not answer.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(20);
/// How long a worker that has written everything waits for upkeep that is still on its way.
pub const TIDY_PATIENCE: Duration = Duration::from_secs(5);
/// Longest time between two rounds of upkeep of a partition to which nothing arrives.
pub const SWEEP_AFTER: Duration = Duration::from_secs(3_600);
/// How often status and figures are brought up to date.
pub const STATUS_EVERY: Duration = Duration::from_millis(100);
/// How often the log's end is asked for while there is a backlog.
pub const LAG_EVERY: Duration = Duration::from_secs(1);
