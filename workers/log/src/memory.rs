//! A log without a disk: the same guarantees for as long as the process lives.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use market::{NewRecord, Record, RecordBatch};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Appended, Bounds, Clock, Log, LogError, Topic, error::check_topic, limits, system_clock};

/// A log in memory. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    topics: Mutex<Topics>,
    notes: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

#[derive(Default)]
struct Topics {
    by_name: BTreeMap<String, Arc<MemoryTopic>>,
    created: u64,
}

impl MemoryLog {
    /// An empty log on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(system_clock())
    }

    /// An empty log on a clock of the caller's.
    pub fn with_clock(clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { clock, topics: Mutex::default(), notes: Arc::default() }) }
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Log for MemoryLog {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        check_topic(name, partitions)?;
        let mut topics = self.shared.topics.lock();
        if let Some(topic) = topics.by_name.get(name) {
            let have = topic.partitions();
            if have != partitions {
                return Err(LogError::PartitionsDiffer { topic: name.into(), have, asked: partitions });
            }
            *topic.retention.lock() = retention;
            return Ok(topic.clone());
        }
        topics.created += 1;
        let topic = Arc::new(MemoryTopic {
            name: name.into(),
            id: format!("memory-{}", topics.created),
            clock: self.shared.clock.clone(),
            retention: Mutex::new(retention),
            notes: self.shared.notes.clone(),
            partitions: (0..partitions).map(|_| MemoryPartition::default()).collect(),
        });
        topics.by_name.insert(name.into(), topic.clone());
        Ok(topic)
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        match self.shared.topics.lock().by_name.get(name) {
            Some(topic) => Ok(topic.clone()),
            None => Err(LogError::UnknownTopic { topic: name.into() }),
        }
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        Ok(self.shared.topics.lock().by_name.keys().cloned().collect())
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        if let Some(topic) = self.shared.topics.lock().by_name.remove(name) {
            for partition in &topic.partitions {
                partition.records.lock().deleted = true;
                partition.changed.notify_waiters();
            }
        }
        Ok(())
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        check_note(key, &value)?;
        self.shared.notes.lock().insert(key.into(), value);
        Ok(())
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        Ok(self.shared.notes.lock().get(key).cloned())
    }
}

pub(crate) fn check_note(key: &str, value: &[u8]) -> Result<(), LogError> {
    let bytes = key.len() + value.len();
    if bytes > limits::NOTE_BYTES {
        return Err(LogError::too_large("a note", bytes, limits::NOTE_BYTES));
    }
    Ok(())
}

pub(crate) fn check_records(records: &[NewRecord]) -> Result<(), LogError> {
    let mut total = 0;
    for record in records {
        let bytes = record.key.as_ref().map_or(0, Vec::len) + record.value.len();
        if bytes > limits::RECORD_BYTES {
            return Err(LogError::too_large("a record", bytes, limits::RECORD_BYTES));
        }
        total += bytes;
    }
    if total > limits::APPEND_BYTES {
        return Err(LogError::too_large("an append", total, limits::APPEND_BYTES));
    }
    Ok(())
}

struct MemoryTopic {
    name: String,
    id: String,
    clock: Clock,
    retention: Mutex<Option<Duration>>,
    notes: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    partitions: Vec<MemoryPartition>,
}

struct MemoryPartition {
    records: Mutex<Records>,
    changed: Notify,
}

impl Default for MemoryPartition {
    fn default() -> Self {
        Self { records: Mutex::default(), changed: Notify::new() }
    }
}

#[derive(Default)]
struct Records {
    low: u64,
    record_ms: i64,
    deleted: bool,
    kept: VecDeque<(i64, NewRecord)>,
}

impl Records {
    fn bounds(&self) -> Bounds {
        Bounds { low: self.low, high: self.low + self.kept.len() as u64 }
    }

    fn expire(&mut self, before_ms: i64) {
        while self.kept.front().is_some_and(|(ms, _)| *ms < before_ms) {
            self.kept.pop_front();
            self.low += 1;
        }
    }

    fn read(&self, partition: u32, from: u64, max_bytes: usize) -> RecordBatch {
        let mut batch = RecordBatch::new(partition, from);
        for (i, (record_ms, record)) in self.kept.range((from - self.low) as usize..).enumerate() {
            let size = record.key.as_ref().map_or(0, Vec::len) + record.value.len();
            if i > 0 && batch.bytes() + size > max_bytes {
                break;
            }
            batch.push(Record {
                offset: from + i as u64,
                record_ms: *record_ms,
                key: record.key.as_deref(),
                value: &record.value,
            });
        }
        batch
    }
}

impl MemoryTopic {
    fn partition(&self, partition: u32) -> Result<&MemoryPartition, LogError> {
        self.partitions.get(partition as usize).ok_or_else(|| LogError::UnknownPartition {
            topic: self.name.clone(),
            partition,
            partitions: self.partitions(),
        })
    }

    fn write(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        note: Option<(String, Vec<u8>)>,
    ) -> Result<Appended, LogError> {
        check_records(&records)?;
        let held = self.partition(partition)?;
        let mut kept = held.records.lock();
        if kept.deleted {
            return Err(LogError::Closed { what: self.name.clone() });
        }
        let now = (self.clock)();
        let record_ms = now.max(kept.record_ms);
        if !records.is_empty() {
            kept.record_ms = record_ms;
        }
        let first_offset = kept.bounds().high;
        kept.kept.extend(records.into_iter().map(|r| (record_ms, r)));
        if let Some((key, value)) = note {
            self.notes.lock().insert(key, value);
        }
        if let Some(retention) = *self.retention.lock() {
            kept.expire(now.saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX)));
        }
        let high = kept.bounds().high;
        held.changed.notify_waiters();
        Ok(Appended { first_offset, last_offset: high.saturating_sub(1), record_ms })
    }
}

#[async_trait]
impl Topic for MemoryTopic {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> String {
        self.id.clone()
    }

    fn partitions(&self) -> u32 {
        self.partitions.len() as u32
    }

    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        self.write(partition, records, None)
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError> {
        check_note(key, &value)?;
        self.write(partition, records, Some((key.into(), value)))
    }

    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        let held = self.partition(partition)?;
        let deadline = tokio::time::Instant::now() + max_wait;
        loop {
            // Before the look, so that no append between the two is missed. Readers wake in the order in which they came:
            // a simulation can repeat it.
            let mut changed = pin!(held.changed.notified());
            changed.as_mut().enable();
            {
                let kept = held.records.lock();
                if kept.deleted {
                    return Err(LogError::Closed { what: self.name.clone() });
                }
                let Bounds { low, high } = kept.bounds();
                if from < low || from > high {
                    let topic = self.name.clone();
                    return Err(LogError::OffsetOutOfRange { topic, partition, offset: from, low, high });
                }
                if from < high {
                    return Ok(kept.read(partition, from, max_bytes));
                }
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Ok(RecordBatch::new(partition, from));
            }
        }
    }

    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError> {
        Ok(self.partition(partition)?.records.lock().bounds())
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        let kept = self.partition(partition)?.records.lock();
        Ok(kept.low + kept.kept.partition_point(|(ms, _)| *ms < record_ms) as u64)
    }
}
