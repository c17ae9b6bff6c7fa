//! The embedded log: segment files in a directory.
//!
//! ```text
//! <dir>/LOCK                               held by the one process that writes
//! <dir>/notes.jrn                          notes set by themselves, and those that outlived their segment
//! <dir>/topics/<name>/topic.json           partitions, retention, identity
//! <dir>/topics/<name>/p=00003/<offset>.seg frames, see `frame`; <offset>.idx can be made again
//! ```
//!
//! Invariants:
//! - **L1** readers see only what was synced; an answered append is visible and survives the machine;
//! - **L2** an append and its note are in the files whole or not at all once the log is open;
//! - **L3** only the last segment of a partition can have a torn tail, because a new one is made after the old one was
//!   synced; damage anywhere else is an error that names file and position, never a shorter log;
//! - **L4** a failed write leaves nothing: the file is cut back, and where that fails, before the next write.
//!
//! Assumptions about the disk: a sync that succeeded is kept; a rename is atomic; bytes that were not synced may be
//! missing, in any order, after the machine failed.

mod disk;
mod file;
mod frame;
mod notes;
mod partition;
mod scan;
#[cfg(test)]
mod tests;
mod topic;
mod writer;

use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::{
    disk::Disk,
    file::TopicId,
    notes::Notes,
    topic::{SegmentTopic, TopicShared, blocking},
    writer::Request,
};
use crate::{Clock, Log, LogError, Topic, error::check_topic, limits, system_clock};

/// When an append counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// After the disk said so (`fdatasync`), shared by all appends that wait.
    Always,
    /// After the system took it: survives the death of the process, not of the machine. For tests and benchmarks.
    System,
}

/// How a [`SegmentLog`] writes.
#[derive(Clone)]
pub struct SegmentOptions {
    /// Size at which a segment is closed, in bytes.
    pub segment_bytes: u64,
    /// Most bytes a partition keeps, by whole segments; `None` = no limit. Time is limited by topic.
    pub retention_bytes: Option<u64>,
    /// When an append is durable.
    pub sync: Sync,
    /// Wall clock in milliseconds.
    pub clock: Clock,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            segment_bytes: limits::SEGMENT_BYTES,
            retention_bytes: None,
            sync: Sync::Always,
            clock: system_clock(),
        }
    }
}

/// A log in a directory, owned by one process. It is closed when it and the last topic handle are dropped; that waits
/// for the appends under way.
pub struct SegmentLog {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    disk: Disk,
    options: SegmentOptions,
    topics: Mutex<BTreeMap<String, Arc<TopicShared>>>,
    notes: Arc<Mutex<Notes>>,
    room: Arc<Semaphore>,
    sender: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    _lock: fs::File,
}

impl SegmentLog {
    /// Opens or creates the log in `dir`: reads what was written last through, cuts torn tails off, removes what has had
    /// its time.
    pub fn open(dir: impl AsRef<Path>, options: SegmentOptions) -> Result<Self, LogError> {
        let disk = Disk::new(options.sync);
        Self::open_on(disk, dir.as_ref(), options)
    }

    fn open_on(disk: Disk, dir: &Path, options: SegmentOptions) -> Result<Self, LogError> {
        let topics_dir = dir.join("topics");
        fs::create_dir_all(&topics_dir).map_err(|e| LogError::io("cannot make", &topics_dir, &e))?;
        let lock = lock(dir)?;
        let mut notes = Notes::open(&disk, dir)?;
        let mut topics = BTreeMap::new();
        let entries = fs::read_dir(&topics_dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        for entry in entries.map_err(|e| LogError::io("cannot list", &topics_dir, &e))? {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                fs::remove_dir_all(&path).map_err(|e| LogError::io("cannot remove", &path, &e))?;
            } else if let Some(topic) = TopicShared::open(&disk, &path, &mut notes)? {
                topic.expire((options.clock)(), options.retention_bytes)?;
                topics.insert(topic.name.clone(), Arc::new(topic));
            }
        }
        let notes = Arc::new(Mutex::new(notes));
        let (sender, writer) = writer::start(options.clone(), notes.clone())
            .map_err(|e| LogError::io("cannot start the writer of", dir, &e))?;
        Ok(Self {
            inner: Arc::new(Inner {
                dir: dir.into(),
                disk,
                options,
                topics: Mutex::new(topics),
                notes,
                room: Arc::new(Semaphore::new(limits::IN_FLIGHT_BYTES)),
                sender: Some(sender),
                writer: Some(writer),
                _lock: lock,
            }),
        })
    }

    fn handle(&self, shared: Arc<TopicShared>) -> Arc<dyn Topic> {
        Arc::new(SegmentTopic { inner: self.inner.clone(), shared })
    }
}

fn lock(dir: &Path) -> Result<fs::File, LogError> {
    let path = dir.join("LOCK");
    let file = fs::File::create(&path).map_err(|e| LogError::io("cannot open", &path, &e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(std::io::Error::from) {
        Ok(()) => Ok(file),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Err(LogError::Locked { dir: dir.into() }),
        Err(e) => Err(LogError::io("cannot lock", path, &e)),
    }
}

/// An identity that no other incarnation of a topic has: 128 bits of the standard library's random hash keys.
fn new_topic_id() -> TopicId {
    let word = || RandomState::new().build_hasher().finish();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&word().to_le_bytes());
    id[8..].copy_from_slice(&word().to_le_bytes());
    id
}

impl Inner {
    fn topic_dir(&self, name: &str) -> PathBuf {
        self.dir.join("topics").join(name)
    }

    async fn send(&self, request: Request) -> Result<(), LogError> {
        let closed = || LogError::Closed { what: self.dir.display().to_string() };
        self.sender.as_ref().ok_or_else(closed)?.send(request).await.map_err(|_| closed())
    }

    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<(), LogError>>) -> Request,
    ) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply)).await?;
        answer.await.map_err(|_| LogError::Closed { what: self.dir.display().to_string() })?
    }

    fn create(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<TopicShared>, LogError> {
        check_topic(name, partitions)?;
        let dir = self.topic_dir(name);
        let mut topics = self.topics.lock();
        if let Some(topic) = topics.get(name) {
            let have = topic.partitions.len() as u32;
            if have != partitions {
                return Err(LogError::PartitionsDiffer { topic: name.into(), have, asked: partitions });
            }
            topic.set_retention(&self.disk, &dir, retention)?;
            return Ok(topic.clone());
        }
        let topic = TopicShared::create(&self.disk, &dir, name, new_topic_id(), partitions, retention)?;
        let synced = self.disk.sync_dir(dir.parent());
        synced.map_err(|e| LogError::io("cannot sync", &dir, &e))?;
        let topic = Arc::new(topic);
        topics.insert(name.into(), topic.clone());
        Ok(topic)
    }

    fn remove(&self, name: &str) -> Result<(), LogError> {
        let dir = self.topic_dir(name);
        let gone = self.dir.join("topics").join(format!(".gone-{name}"));
        let removed = fs::rename(&dir, &gone)
            .and_then(|()| self.disk.sync_dir(dir.parent()))
            .and_then(|()| fs::remove_dir_all(&gone));
        removed.map_err(|e| LogError::io("cannot remove", &dir, &e))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(dir = %self.dir.display(), "the writer of the log ended early; please report this");
            return;
        }
        for topic in self.topics.lock().values() {
            for partition in &topic.partitions {
                if let Err(error) = partition.close() {
                    tracing::debug!("no index at the end: {error}");
                }
            }
        }
    }
}

#[async_trait]
impl Log for SegmentLog {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let (inner, owned) = (self.inner.clone(), name.to_owned());
        let topic = blocking(name, move || inner.create(&owned, partitions, retention)).await?;
        Ok(self.handle(topic))
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        let found = self.inner.topics.lock().get(name).cloned();
        found.map(|t| self.handle(t)).ok_or_else(|| LogError::UnknownTopic { topic: name.into() })
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        Ok(self.inner.topics.lock().keys().cloned().collect())
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        let Some(topic) = self.inner.topics.lock().remove(name) else { return Ok(()) };
        topic.partitions.iter().for_each(|p| p.delete());
        self.inner.ask(|reply| Request::Leave { topic, reply }).await?;
        let (inner, owned) = (self.inner.clone(), name.to_owned());
        blocking(name, move || inner.remove(&owned)).await
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        let bytes = key.len() + value.len();
        if bytes > limits::NOTE_BYTES {
            return Err(LogError::too_large("a note", bytes, limits::NOTE_BYTES));
        }
        self.inner.ask(|reply| Request::PutNote { key: key.to_owned(), value, reply }).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        Ok(self.inner.notes.lock().get(key))
    }
}
