//! Named limits, each with its unit.

use std::time::Duration;

/// Longest topic name, in bytes (as Kafka's).
pub const TOPIC_BYTES: usize = 249;
/// Most partitions of a topic.
pub const PARTITIONS: u32 = 4_096;
/// Longest record, key and value, in bytes. Far above what a tick may have: what is too long for the pipeline must
/// still reach it to become a dead letter.
pub const RECORD_BYTES: usize = 8 * 1024 * 1024;
/// Most bytes of one append, framing included.
pub const APPEND_BYTES: usize = 64 * 1024 * 1024;
/// Longest note, key and value, in bytes.
pub const NOTE_BYTES: usize = 64 * 1024;
/// Most different notes of a log.
pub const NOTES: usize = 65_536;
/// Size at which a segment is closed, in bytes.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Size at which a frame is closed, in bytes: what a reader that starts inside one reads in vain.
pub const FRAME_BYTES: usize = 64 * 1024;
/// Distance of two entries of the sparse index, in bytes.
pub const INDEX_BYTES: u64 = 32 * 1024;
/// Bytes of appends that wait for the writer, over all partitions; more wait for room.
pub const IN_FLIGHT_BYTES: usize = 64 * 1024 * 1024;
/// Appends that wait for the writer.
pub const IN_FLIGHT_APPENDS: usize = 4_096;
/// Most bytes that one group of appends writes before it is synced.
pub const GROUP_BYTES: usize = 32 * 1024 * 1024;
/// How often segments are checked against their retention, in milliseconds, while appends arrive.
pub const RETENTION_CHECK_MS: i64 = 60_000;
/// Fraction of the retention after which a segment is closed by age, so that slow topics expire too.
pub const SEGMENTS_PER_RETENTION: i64 = 4;
/// Dead bytes in the notes journal above which it is written anew at open.
pub const NOTES_SLACK_BYTES: u64 = 256 * 1024;

/// Bytes that a handle of a Kafka topic holds ready for its readers, where nothing else is set.
pub const FETCH_BYTES: usize = 16 * 1024 * 1024;
/// Least of them.
pub const FETCH_BYTES_MIN: usize = 2 * 1024 * 1024;
/// Records that wait inside the client, over all partitions. Each takes about 400 bytes besides its own, which no limit on
/// bytes counts.
pub const FETCH_WAITING: usize = 30_000;
/// Bytes of one answer of a broker, compressed: unpacked with what the client adds to a record they are ten times as many,
/// all at once. A record that is longer comes alone.
pub const FETCH_ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes of one partition in one answer of a broker.
pub const FETCH_PARTITION_BYTES: usize = 128 * 1024;
/// Longest answer of a broker that is taken: one batch of records can be longer than what was asked for.
pub const FETCH_RECEIVE_BYTES: usize = 24 * 1024 * 1024 + 1024;
/// Records taken from the Kafka client at once.
pub const FETCH_RECORDS: usize = 4_096;
/// Bytes at which a batch of records is closed and the next one begun.
pub const BATCH_BYTES: usize = 128 * 1024;
/// Records that wait in the Kafka producer.
pub const PRODUCER_RECORDS: usize = 500_000;
/// Bytes that wait in the Kafka producer.
pub const PRODUCER_BYTES: usize = 64 * 1024 * 1024;
/// Appends that one transaction takes together.
pub const TRANSACTION_APPENDS: usize = 64;
/// After this time a broker ends a transaction that its process left open.
pub const TRANSACTION: Duration = Duration::from_secs(30);
/// Longest wait for an answer about topics, offsets and settings.
pub const ASK: Duration = Duration::from_secs(5);
/// Longest wait for the first answer of a cluster.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for an append to be acknowledged; its outcome is unknown then. Longer than a broker takes to come back.
pub const APPEND: Duration = Duration::from_secs(60);
/// Pause of an append whose producer is full.
pub const FULL_PAUSE: Duration = Duration::from_millis(2);
/// How often topics are looked at, whether they are still the ones that were opened.
pub const TOPIC_CHECK: Duration = Duration::from_secs(5);
/// No record for this long although the log goes on: the client is set up again; twice: an error.
pub const STALL: Duration = Duration::from_secs(20);
/// Time between two log lines that say the same.
pub const REPEAT: Duration = Duration::from_secs(30);
/// How long a transaction that copies records is kept open for more of them.
pub const TRANSFER: Duration = Duration::from_millis(50);
