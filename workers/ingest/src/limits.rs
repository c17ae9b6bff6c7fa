//! Named limits of an ingest worker, each with its unit.

use std::time::Duration;

/// Bytes for everything that a worker's partitions hold, by default: of a memory limit of 256 MiB.
pub const BUDGET_BYTES: usize = 192 << 20;
/// Least share of unacknowledged rows that one partition gets, in bytes.
pub const SHARE_BYTES_MIN: usize = 256 << 10;
/// Bytes of one read from the log at most.
pub const READ_BYTES: usize = 1 << 20;
/// Bytes of one read from the log at least, however many partitions there are.
pub const READ_BYTES_MIN: usize = 64 << 10;
/// How long a read waits at the log's end.
pub const READ_WAIT: Duration = Duration::from_millis(250);
/// Records of one commit at most.
pub const ROLL_ROWS: u64 = 4_000_000;
/// Records between two looks at the size of the open files.
pub const SIZE_CHECK_RECORDS: u64 = 256;
/// Rows of one upsert at most.
pub const UPSERT_ROWS: usize = 1_000;
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
/// Least time between two claims of one partition by one worker.
pub const CLAIM_AGAIN: Duration = Duration::from_millis(500);
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
/// Least time between two log lines of one partition that say the same.
pub const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Reasons kept apart in the log before old ones are forgotten.
pub const QUIET_REASONS: usize = 4_096;
/// How often the topic's set-up is looked at while working.
pub const FACTS_EVERY: Duration = Duration::from_secs(15);
/// How often a topic that cannot be worked on is looked at.
pub const FACTS_AGAIN: Duration = Duration::from_secs(2);
/// How long a look at the topic before a commit may take: a log that does not answer holds no commit up.
pub const FACTS_PATIENCE: Duration = Duration::from_secs(2);
/// How often a writer that is not sure of its partitions looks again.
pub const SURE_EVERY: Duration = Duration::from_millis(20);
/// How long the state of a lost partition stays in memory.
pub const PARK_FOR: Duration = Duration::from_secs(600);
/// How long before the end of its time a hand-over is broken off.
pub const HAND_OVER_MARGIN: Duration = Duration::from_millis(500);
/// How long a leaving worker waits for its ownership to end.
pub const LEAVE_PATIENCE: Duration = Duration::from_secs(10);
/// How often a halted partition's log is looked at: whoever does something about it leaves a commit there.
pub const HALT_LOOK_EVERY: Duration = Duration::from_secs(5);
/// When a halted partition is tried again though nothing was seen to have been done; twice as long each time.
pub const HALT_RETRY: Duration = Duration::from_secs(15);
/// The longest such time.
pub const HALT_RETRY_MAX: Duration = Duration::from_secs(600);
/// How long a fenced worker leaves a partition alone that is still said to be its: no other worker can rely on having it
/// for longer (a session and a drain).
pub const FENCED_WAIT: Duration = Duration::from_secs(30);
/// Greatest k of the 2^k seconds before a fence without ownership.
pub const FENCE_BACKOFF_MAX: u32 = 6;
/// State files and raw files read at once in a restore.
pub const RESTORE_READS: usize = 8;
/// Files deleted at once.
pub const DELETES: usize = 8;
/// How long a worker without partitions waits for the first word of its ownership before it counts as ready.
pub const SETTLE: Duration = Duration::from_secs(15);
/// Symbols of a worker whose partitions are remembered to find one in two.
pub const PLACED_SYMBOLS: usize = 1_000_000;
/// How long a batch waits for the log to say where it ends.
pub const END_PATIENCE: Duration = Duration::from_secs(1);
/// Longest pause between two reads of a log that does not answer.
pub const READ_BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How long after midnight, by the clock here, an idle partition waits before it says that a day is over: clocks differ.
pub const DAY_GRACE: Duration = Duration::from_secs(600);
/// How long one re-reading of the last consumed record waits for it.
pub const REREAD_WAIT: Duration = Duration::from_millis(500);
/// Bytes of a provisional row that is kept, about.
pub const PROVISIONAL_BYTES: usize = 512;
/// How long after its start a worker may compact.
pub const COMPACT_AFTER: Duration = Duration::from_secs(900);
/// Bytes of files that a worker puts together: twice as much memory is taken meanwhile.
pub const COMPACT_BYTES: u64 = 8 << 20;
