//! One topic: its description, its partitions, and the handle given to callers.
//!
//! `topics/<name>/topic.json` describes it; it is written last when a topic is made, so a directory without one is a
//! topic that never came to be. `topics/<name>/p=00003/` holds a partition.

use std::{fs, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use market::{NewRecord, RecordBatch};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    Inner,
    disk::Disk,
    file::TopicId,
    frame::Prepared,
    notes::Notes,
    partition::Partition,
    writer::{Append, Request},
};
use crate::{Appended, Bounds, LogError, Topic, error::check_topic, limits};

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Description {
    version: u32,
    name: String,
    id: String,
    partitions: u32,
    retention_ms: Option<i64>,
}

/// What all handles of a topic share.
pub(super) struct TopicShared {
    pub(super) name: String,
    pub(super) id: TopicId,
    retention_ms: Mutex<Option<i64>>,
    checked_ms: Mutex<i64>,
    pub(super) partitions: Vec<Arc<Partition>>,
}

fn hex(id: TopicId) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<TopicId> {
    let mut id = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(id)
}

pub(super) fn millis(retention: Option<Duration>) -> Option<i64> {
    retention.map(|r| i64::try_from(r.as_millis()).unwrap_or(i64::MAX))
}

impl TopicShared {
    /// Makes a topic in `dir`, which does not describe one yet.
    pub(super) fn create(
        disk: &Disk,
        dir: &Path,
        name: &str,
        id: TopicId,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Self, LogError> {
        if fs::exists(dir).map_err(|e| LogError::io("cannot read", dir, &e))? {
            fs::remove_dir_all(dir).map_err(|e| LogError::io("cannot remove", dir, &e))?;
        }
        let this = Self {
            name: name.into(),
            id,
            retention_ms: Mutex::new(millis(retention)),
            checked_ms: Mutex::new(i64::MIN),
            partitions: open_partitions(disk, dir, name, id, partitions, None)?,
        };
        this.describe(disk, dir)?;
        Ok(this)
    }

    /// Opens the topic in `dir`; `None` where a creation was never finished.
    pub(super) fn open(disk: &Disk, dir: &Path, notes: &mut Notes) -> Result<Option<Self>, LogError> {
        let path = dir.join("topic.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(LogError::io("cannot read", &path, &e)),
        };
        let corrupt = |why: String| LogError::Corrupt { file: path.clone(), position: 0, why };
        let found: Description = serde_json::from_slice(&text).map_err(|e| corrupt(e.to_string()))?;
        if found.version != VERSION {
            return Err(corrupt(format!("version {}, this program knows {VERSION}", found.version)));
        }
        check_topic(&found.name, found.partitions).map_err(|e| corrupt(e.to_string()))?;
        let id = unhex(&found.id).ok_or_else(|| corrupt("its id is not 32 hex digits".into()))?;
        let partitions = open_partitions(disk, dir, &found.name, id, found.partitions, Some(notes))?;
        Ok(Some(Self {
            name: found.name,
            id,
            retention_ms: Mutex::new(found.retention_ms),
            checked_ms: Mutex::new(i64::MIN),
            partitions,
        }))
    }

    fn describe(&self, disk: &Disk, dir: &Path) -> Result<(), LogError> {
        let description = Description {
            version: VERSION,
            name: self.name.clone(),
            id: hex(self.id),
            partitions: self.partitions.len() as u32,
            retention_ms: self.retention_ms(),
        };
        let path = dir.join("topic.json");
        let text = serde_json::to_vec_pretty(&description).map_err(|e| LogError::Corrupt {
            file: path.clone(),
            position: 0,
            why: e.to_string(),
        })?;
        disk.create_whole(&path, &text)
    }

    pub(super) fn retention_ms(&self) -> Option<i64> {
        *self.retention_ms.lock()
    }

    pub(super) fn set_retention(
        &self,
        disk: &Disk,
        dir: &Path,
        retention: Option<Duration>,
    ) -> Result<(), LogError> {
        if self.retention_ms() == millis(retention) {
            return Ok(());
        }
        *self.retention_ms.lock() = millis(retention);
        self.describe(disk, dir)
    }

    /// True now and then: when segments should be held against their retention again.
    pub(super) fn is_check_due(&self, now_ms: i64) -> bool {
        let mut checked_ms = self.checked_ms.lock();
        let due = now_ms.saturating_sub(*checked_ms) >= limits::RETENTION_CHECK_MS;
        if due {
            *checked_ms = now_ms;
        }
        due
    }

    pub(super) fn expire(&self, now_ms: i64, keep_bytes: Option<u64>) -> Result<(), LogError> {
        let before = self.retention_ms().map(|ms| now_ms.saturating_sub(ms));
        self.partitions.iter().try_for_each(|p| p.expire(before, keep_bytes))
    }
}

fn open_partitions(
    disk: &Disk,
    dir: &Path,
    name: &str,
    id: TopicId,
    partitions: u32,
    mut notes: Option<&mut Notes>,
) -> Result<Vec<Arc<Partition>>, LogError> {
    (0..partitions)
        .map(|number| {
            let each = |frame: &super::frame::Frame<'_>| {
                if let Some(notes) = notes.as_deref_mut() {
                    notes.take_frame(frame, id, number);
                }
            };
            Partition::open(disk, dir.join(format!("p={number:05}")), name, id, number, each).map(Arc::new)
        })
        .collect()
}

/// The handle given to callers. Keeps the log open.
pub(super) struct SegmentTopic {
    pub(super) inner: Arc<Inner>,
    pub(super) shared: Arc<TopicShared>,
}

impl SegmentTopic {
    fn partition(&self, number: u32) -> Result<&Arc<Partition>, LogError> {
        self.shared.partitions.get(number as usize).ok_or_else(|| LogError::UnknownPartition {
            topic: self.shared.name.clone(),
            partition: number,
            partitions: self.partitions(),
        })
    }

    fn closed(&self) -> LogError {
        LogError::Closed { what: self.shared.name.clone() }
    }

    async fn write(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        note: Option<(String, Vec<u8>)>,
    ) -> Result<Appended, LogError> {
        let partition = self.partition(partition)?.clone();
        if let Some((key, value)) = &note
            && key.len() + value.len() > limits::NOTE_BYTES
        {
            return Err(LogError::too_large("a note", key.len() + value.len(), limits::NOTE_BYTES));
        }
        let prepared =
            Prepared::new(&records, note.as_ref().map(|(key, value)| (key.as_str(), value.as_slice())))?;
        drop(records);
        if prepared.len() == 0 {
            let high = partition.bounds().high;
            let record_ms = (self.inner.options.clock)();
            return Ok(Appended { first_offset: high, last_offset: high.saturating_sub(1), record_ms });
        }
        let bytes = prepared.len().min(limits::IN_FLIGHT_BYTES) as u32;
        let room = self.inner.room.clone().acquire_many_owned(bytes).await.map_err(|_| self.closed())?;
        let (reply, answer) = oneshot::channel();
        let append = Append { topic: self.shared.clone(), partition, prepared, note, reply, _room: room };
        self.inner.send(Request::Append(append)).await?;
        answer.await.map_err(|_| self.closed())?
    }
}

/// Waits for blocking work; a panic inside it is passed on as such.
pub(super) async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    spawn_blocking(work).await.unwrap_or_else(|_| Err(LogError::Closed { what: what.into() }))
}

#[async_trait]
impl Topic for SegmentTopic {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn id(&self) -> String {
        hex(self.shared.id)
    }

    fn partitions(&self) -> u32 {
        self.shared.partitions.len() as u32
    }

    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        self.write(partition, records, None).await
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError> {
        self.write(partition, records, Some((key.to_owned(), value))).await
    }

    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        let partition = self.partition(partition)?.clone();
        let mut end = partition.follow();
        let deadline = Instant::now() + max_wait;
        loop {
            let high = *end.borrow_and_update();
            if partition.is_deleted() {
                return Err(self.closed());
            }
            if from < high {
                return blocking(&self.shared.name, move || partition.read(from, max_bytes)).await;
            }
            if from > high {
                return Err(partition.out_of_range(from));
            }
            if !matches!(timeout_at(deadline, end.changed()).await, Ok(Ok(()))) {
                return Ok(RecordBatch::new(partition.number, from));
            }
        }
    }

    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError> {
        Ok(self.partition(partition)?.bounds())
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        let partition = self.partition(partition)?.clone();
        blocking(&self.shared.name, move || partition.offset_for_time(record_ms)).await
    }
}
