//! Stores of a dry run. Everything a role asks for works; nothing that grows is kept.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use feature_store::{RowSink, StoreError};
use lake::{Entry, Lake, LakeError, MemoryLake};
use market::{FeatureRow, NewRecord, RecordBatch};
use tick_log::{Appended, Bounds, Log, LogError, MemoryLog, Topic};

/// How a Parquet file begins.
const PARQUET: &[u8] = b"PAR1";

/// A lake whose data files are empty: commits and states stay, since the role reads them back.
#[derive(Default)]
pub struct BlankLake(MemoryLake);

#[async_trait]
impl Lake for BlankLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        // Only Parquet grows with the log; commits and states are read back after a gap.
        let kept = if bytes.starts_with(PARQUET) { Bytes::new() } else { bytes };
        self.0.create(path, kept).await
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        self.0.rename_no_overwrite(from, to).await
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        self.0.list(dir).await
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.0.stat(path).await
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        self.0.read(path).await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        self.0.delete(path).await
    }
}

/// Takes rows and keeps none.
pub struct BlankSink;

#[async_trait]
impl RowSink for BlankSink {
    async fn upsert_rows(&self, _: &[FeatureRow]) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A log with one real topic, which cannot be written, and any others, which keep nothing.
pub struct ReadOnlyLog {
    ticks: Arc<dyn Topic>,
    starts: BTreeMap<u32, u64>,
    notes: MemoryLog,
}

impl ReadOnlyLog {
    /// `starts` = the first offset of each partition of `ticks` that counts.
    pub fn new(ticks: Arc<dyn Topic>, starts: BTreeMap<u32, u64>) -> Self {
        Self { ticks, starts, notes: MemoryLog::new() }
    }
}

#[async_trait]
impl Log for ReadOnlyLog {
    async fn create_topic(
        &self,
        name: &str,
        _: u32,
        _: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.topic(name).await
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        Ok(if name == self.ticks.name() {
            Arc::new(ReadOnly { inner: self.ticks.clone(), starts: self.starts.clone() })
        } else {
            Arc::new(Sink { name: name.to_owned(), next: AtomicU64::new(0) })
        })
    }

    async fn topics(&self) -> Result<Vec<String>, LogError> {
        Ok(vec![self.ticks.name().to_owned()])
    }

    async fn delete_topic(&self, _: &str) -> Result<(), LogError> {
        Ok(())
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        self.notes.put_note(key, value).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        self.notes.note(key).await
    }
}

struct ReadOnly {
    inner: Arc<dyn Topic>,
    starts: BTreeMap<u32, u64>,
}

impl ReadOnly {
    fn refused(&self) -> LogError {
        LogError::Closed { what: format!("{} (a dry run writes nothing)", self.inner.name()) }
    }
}

#[async_trait]
impl Topic for ReadOnly {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn id(&self) -> String {
        self.inner.id()
    }

    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn append(&self, _: u32, _: Vec<NewRecord>) -> Result<Appended, LogError> {
        Err(self.refused())
    }

    async fn append_with_note(
        &self,
        _: u32,
        _: Vec<NewRecord>,
        _: &str,
        _: Vec<u8>,
    ) -> Result<Appended, LogError> {
        Err(self.refused())
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
        let Bounds { low, high } = self.inner.bounds(partition).await?;
        let start = self.starts.get(&partition).copied().unwrap_or(low);
        Ok(Bounds { low: low.max(start).min(high), high })
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        self.inner.offset_for_time(partition, record_ms).await
    }

    fn release(&self, partition: u32) {
        self.inner.release(partition);
    }
}

/// A topic that acknowledges and forgets.
struct Sink {
    name: String,
    next: AtomicU64,
}

#[async_trait]
impl Topic for Sink {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> String {
        "dry".to_owned()
    }

    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, _: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        let count = records.len() as u64;
        let first_offset = self.next.fetch_add(count, Ordering::Relaxed);
        let last_offset = (first_offset + count).saturating_sub(1);
        Ok(Appended { first_offset, last_offset, record_ms: (tick_log::system_clock())() })
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        _: &str,
        _: Vec<u8>,
    ) -> Result<Appended, LogError> {
        self.append(partition, records).await
    }

    async fn read(&self, p: u32, from: u64, _: usize, max_wait: Duration) -> Result<RecordBatch, LogError> {
        tokio::time::sleep(max_wait).await;
        Ok(RecordBatch::new(p, from))
    }

    async fn bounds(&self, _: u32) -> Result<Bounds, LogError> {
        let high = self.next.load(Ordering::Relaxed);
        Ok(Bounds { low: high, high })
    }

    async fn offset_for_time(&self, _: u32, _: i64) -> Result<u64, LogError> {
        Ok(self.next.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_live_topic_cannot_be_written_and_starts_where_it_is_told() {
        let live = MemoryLog::new();
        let topic = live.create_topic("ticks", 1, None).await.unwrap();
        let record = || NewRecord { key: None, value: b"x".to_vec() };
        topic.append(0, vec![record(), record(), record()]).await.unwrap();
        let dry = ReadOnlyLog::new(topic.clone(), BTreeMap::from([(0, 2)]));
        let seen = dry.topic("ticks").await.unwrap();
        assert_eq!(seen.bounds(0).await.unwrap(), Bounds { low: 2, high: 3 });
        assert!(seen.append(0, vec![record()]).await.is_err());
        assert!(seen.append_with_note(0, vec![], "k", vec![1]).await.is_err());
        dry.put_note("k", vec![1]).await.unwrap();
        assert_eq!(live.note("k").await.unwrap(), None);
        assert_eq!(topic.bounds(0).await.unwrap().high, 3);
    }

    #[tokio::test]
    async fn nothing_that_grows_is_kept() {
        let lake = BlankLake::default();
        lake.create("_tmp/p=00000/e=000001-x/a.part", Bytes::from_static(b"PAR1 rows")).await.unwrap();
        lake.create("_tmp/p=00000/e=000001-x/b.commit", Bytes::from_static(b"commit")).await.unwrap();
        assert_eq!(lake.stat("_tmp/p=00000/e=000001-x/a.part").await.unwrap(), Some(0));
        assert_eq!(lake.stat("_tmp/p=00000/e=000001-x/b.commit").await.unwrap(), Some(6));
        let features =
            ReadOnlyLog::new(MemoryLog::new().create_topic("t", 1, None).await.unwrap(), BTreeMap::new())
                .topic("f")
                .await
                .unwrap();
        features.append(0, vec![NewRecord { key: None, value: vec![0; 10] }]).await.unwrap();
        assert_eq!(features.bounds(0).await.unwrap(), Bounds { low: 1, high: 1 });
    }
}
