//! A part of a shared cluster that looks like an empty log: every topic's name has a prefix that callers do not see.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use market::{NewRecord, RecordBatch};
use tick_log::{Appended, Bounds, Log, LogError, Topic, kafka::KafkaLog};

pub(super) struct PrefixedLog {
    inner: KafkaLog,
    prefix: String,
}

impl PrefixedLog {
    pub(super) fn new(inner: KafkaLog, prefix: String) -> Self {
        Self { inner, prefix }
    }

    fn wrap(&self, name: &str, inner: Arc<dyn Topic>) -> Arc<dyn Topic> {
        Arc::new(Prefixed { inner, name: name.to_owned() })
    }

    /// Names that are wrong without the prefix stay as they are, so that they are refused.
    fn name(&self, name: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let fine = !name.is_empty() && !name.starts_with('.') && name.len() < 200 && name.chars().all(plain);
        if fine { format!("{}{name}", self.prefix) } else { name.to_owned() }
    }
}

#[async_trait]
impl Log for PrefixedLog {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = self.inner.create_topic(&self.name(name), partitions, retention).await?;
        Ok(self.wrap(name, topic))
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        Ok(self.wrap(name, self.inner.topic(&self.name(name)).await?))
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        let all = self.inner.topics().await?;
        Ok(all.iter().filter_map(|name| name.strip_prefix(&self.prefix)).map(str::to_owned).collect())
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        self.inner.delete_topic(&self.name(name)).await
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        self.inner.put_note(key, value).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        self.inner.note(key).await
    }
}

struct Prefixed {
    inner: Arc<dyn Topic>,
    name: String,
}

#[async_trait]
impl Topic for Prefixed {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> String {
        self.inner.id()
    }

    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        self.inner.append(partition, records).await
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError> {
        self.inner.append_with_note(partition, records, key, value).await
    }

    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        self.inner.read(partition, from, max_bytes, max_wait).await
    }

    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError> {
        self.inner.bounds(partition).await
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        self.inner.offset_for_time(partition, record_ms).await
    }
}
