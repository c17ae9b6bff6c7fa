//! The log: seen through one connection a worker, over the faults that the log's own wrapper injects.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use market::{NewRecord, Record, RecordBatch};
use tick_log::{Appended, Bounds, FaultyLog, Log, LogError, Topic, TopicFacts};

use super::Client;
use crate::faults::Break;

/// A worker's connection.
pub struct ClientLog {
    client: Client,
    inner: FaultyLog,
}

impl ClientLog {
    /// A connection that fails as the weather says.
    pub fn new(client: Client) -> Self {
        let planned = client.clone();
        let inner = FaultyLog::new(Arc::new(client.world.log.clone()), move |call| {
            if !planned.strikes(planned.weather.log) {
                return tick_log::Fault::None;
            }
            let before = planned.dice.chance(500);
            let kind = if before { "log: before dispatch" } else { "log: after it was carried out" };
            planned.world.faults.count(kind);
            planned.say(format_args!("{kind} at {:?} {}", call.op, call.subject));
            if before { tick_log::Fault::Before } else { tick_log::Fault::After }
        });
        Self { client, inner }
    }

    async fn travel<T>(&self, call: impl Future<Output = T>) -> T {
        travel(&self.client, call).await
    }

    fn wrap(&self, inner: Arc<dyn Topic>) -> Arc<dyn Topic> {
        Arc::new(ClientTopic { client: self.client.clone(), inner })
    }
}

async fn travel<T>(client: &Client, call: impl Future<Output = T>) -> T {
    let ms = client.weather.log_ms;
    client.travel(0, ms).await;
    let result = call.await;
    client.travel(0, ms).await;
    result
}

#[async_trait]
impl Log for ClientLog {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.travel(self.inner.create_topic(name, partitions, retention)).await.map(|t| self.wrap(t))
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        self.travel(self.inner.topic(name)).await.map(|t| self.wrap(t))
    }

    async fn facts(&self, name: &str) -> Result<TopicFacts, LogError> {
        self.travel(self.inner.facts(name)).await
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        self.travel(self.inner.topics()).await
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        self.travel(self.inner.delete_topic(name)).await
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        self.travel(self.inner.put_note(key, value)).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        self.travel(self.inner.note(key)).await
    }
}

/// The same records, a millisecond later.
fn shifted(batch: &RecordBatch) -> RecordBatch {
    let mut shifted = RecordBatch::new(batch.partition, batch.next_offset);
    for record in (0..batch.len()).filter_map(|i| batch.get(i)) {
        shifted.push(Record { record_ms: record.record_ms + 1, ..record });
    }
    shifted
}

struct ClientTopic {
    client: Client,
    inner: Arc<dyn Topic>,
}

#[async_trait]
impl Topic for ClientTopic {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn id(&self) -> String {
        self.inner.id()
    }

    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        let count = records.len();
        let result = travel(&self.client, self.inner.append(partition, records)).await;
        let told = if result.is_ok() { "ok" } else { "failed" };
        self.client.say(format_args!("appends {count} to {} p{partition} {told}", self.name()));
        result
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError> {
        travel(&self.client, self.inner.append_with_note(partition, records, key, value)).await
    }

    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        let batch = travel(&self.client, self.inner.read(partition, from, max_bytes, max_wait)).await?;
        if batch.is_empty() {
            return Ok(batch);
        }
        self.client.say(format_args!("reads {} of p{partition} from {from}", batch.len()));
        if self.client.world.breaks(Break::LeakingLog) && self.client.dice.chance(50) {
            return Ok(RecordBatch::new(partition, batch.next_offset));
        }
        if self.client.world.breaks(Break::ShiftingLog) {
            return Ok(shifted(&batch));
        }
        Ok(batch)
    }

    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError> {
        let bounds = travel(&self.client, self.inner.bounds(partition)).await?;
        let lies = self.client.world.breaks(Break::LyingLog);
        Ok(if lies { Bounds { low: bounds.high.max(3) - 3, ..bounds } } else { bounds })
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        travel(&self.client, self.inner.offset_for_time(partition, record_ms)).await
    }

    fn release(&self, partition: u32) {
        self.inner.release(partition);
    }

    fn commit_progress(&self, partition: u32, offset: u64) {
        self.inner.commit_progress(partition, offset);
    }

    async fn verify(&self) -> Result<(), LogError> {
        travel(&self.client, self.inner.verify()).await
    }
}
