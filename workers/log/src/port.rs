//! The border: what a log promises, whichever one it is.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use market::{NewRecord, RecordBatch};

use crate::LogError;

/// Where wall-clock milliseconds come from. Injected, so that tests and the simulator own time.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Where an append landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record; of an append without records, the next offset to be written.
    pub first_offset: u64,
    /// Offset of the last record; of an append without records, `first_offset` - 1 (saturating).
    pub last_offset: u64,
    /// Record time that all records of the append share.
    pub record_ms: i64,
}

/// The offsets a partition holds, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset that can still be read.
    pub low: u64,
    /// The next offset to be written.
    pub high: u64,
}

/// How a topic is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicFacts {
    /// Partitions.
    pub partitions: u32,
    /// Copies of each record.
    pub replication_factor: u32,
    /// Record times are given by the log at append; else by whoever writes.
    pub log_append_time: bool,
    /// Records of one key replace each other: no log of ticks.
    pub compacted: bool,
    /// How long records are kept, in milliseconds; absent = for ever.
    pub retention_ms: Option<i64>,
}

/// One topic: partitions of records.
///
/// Guarantees of every implementation:
/// - offsets of a partition start at 0 and increase; an offset is never given twice, not even after retention. Embedded
///   logs leave no gaps; in Kafka's, transactions do;
/// - readers see a record only once it is durable, and then every reader sees it;
/// - an append with a note is whole or absent, together with its note, after any crash. So is a plain append in embedded
///   logs; in Kafka's it may end after any of its records where the writing process dies in its middle;
/// - `record_ms` never decreases in a partition, whatever the clock does;
/// - an append that returned an error may or may not have happened where the error is `Unavailable`: read the bounds
///   or the note before repeating it.
#[async_trait]
pub trait Topic: Send + Sync + 'static {
    /// The topic's name.
    fn name(&self) -> &str;

    /// Identity of this incarnation: a topic that is deleted and created again has another one.
    fn id(&self) -> String;

    /// Number of partitions, fixed at creation.
    fn partitions(&self) -> u32;

    /// Appends records in their order; durable when it returns. All get `record_ms` = max(previous, wall clock).
    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError>;

    /// Appends records and sets a note of the whole log, as one atomic step. Without records it only sets the note.
    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError>;

    /// Reads records from `from` on: at least one if there is one, and no more than fit in `max_bytes` (measured as
    /// [`RecordBatch::bytes`]) after the first. At the end of the partition it waits up to `max_wait` for an append and
    /// then returns an empty batch. A batch without records whose `next_offset` is past `from` says that the offsets
    /// between hold none: read on from there. Outside `low..=high` it fails with [`LogError::OffsetOutOfRange`].
    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError>;

    /// The offsets held.
    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError>;

    /// The first offset whose record time is at least `record_ms`; the partition's `high` where there is none.
    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError>;

    /// This handle does not read the partition any more: what is kept ready for it can go. A later read brings it back.
    fn release(&self, _partition: u32) {}

    /// Everything before `offset` is committed elsewhere. For tools that show lag, nobody reads it back: best effort,
    /// without waiting.
    fn commit_progress(&self, _partition: u32, _offset: u64) {}

    /// Fails with [`LogError::Recreated`] or [`LogError::UnknownTopic`] where the topic is not the incarnation that was
    /// opened any more. Handles notice by themselves within seconds; whoever is about to make something of what was read
    /// durable asks at once.
    async fn verify(&self) -> Result<(), LogError> {
        Ok(())
    }
}

/// A set of topics and small durable notes.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Creates a topic, or opens the one of that name (its retention becomes the given one). Fails where it exists with
    /// another number of partitions. `retention` counts from record time; `None` keeps everything.
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError>;

    /// Opens an existing topic.
    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError>;

    /// How a topic is set up. What stands here is true of embedded logs, whose retention nobody else changes.
    async fn facts(&self, name: &str) -> Result<TopicFacts, LogError> {
        let partitions = self.topic(name).await?.partitions();
        let kept = TopicFacts {
            partitions,
            replication_factor: 1,
            log_append_time: true,
            compacted: false,
            retention_ms: None,
        };
        Ok(kept)
    }

    /// Names of all topics, sorted.
    async fn topics(&self) -> Result<Vec<String>, LogError>;

    /// Removes a topic with everything in it; a missing one is fine. Handles to it fail from now on.
    async fn delete_topic(&self, name: &str) -> Result<(), LogError>;

    /// Sets a note; durable when it returns. The last writer wins.
    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError>;

    /// The note's value.
    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError>;
}
