//! The embedded log: segment files in a directory.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Clock, Log, LogError, Topic, limits, system_clock};

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

/// A log in a directory, owned by one process.
pub struct SegmentLog {}

impl SegmentLog {
    /// Opens or creates the log in `dir`.
    pub fn open(_dir: impl AsRef<Path>, _options: SegmentOptions) -> Result<Self, LogError> {
        todo!()
    }
}

#[async_trait]
impl Log for SegmentLog {
    async fn create_topic(
        &self,
        _name: &str,
        _partitions: u32,
        _retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        todo!()
    }
    async fn topic(&self, _name: &str) -> Result<Arc<dyn Topic>, LogError> {
        todo!()
    }
    async fn topics(&self) -> Result<Vec<String>, LogError> {
        todo!()
    }
    async fn delete_topic(&self, _name: &str) -> Result<(), LogError> {
        todo!()
    }
    async fn put_note(&self, _key: &str, _value: Vec<u8>) -> Result<(), LogError> {
        todo!()
    }
    async fn note(&self, _key: &str) -> Result<Option<Vec<u8>>, LogError> {
        todo!()
    }
}
