//! Named limits, each with its unit.

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
