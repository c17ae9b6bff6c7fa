//! One handle of a Kafka topic.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use market::{NewRecord, RecordBatch};
use tokio::sync::OnceCell;

use super::{Core, members, meta::Opened, reader::Reader, transact::Append};
use crate::{
    Appended, Bounds, LogError, Topic,
    memory::{check_note, check_records},
    system_clock,
};

/// A topic as one caller sees it. Its data consumer is its own, made at the first read and ended with the handle.
pub(super) struct KafkaTopic {
    pub(super) core: Arc<Core>,
    pub(super) opened: Arc<Opened>,
    pub(super) partitions: u32,
    pub(super) reader: OnceCell<Reader>,
}

impl KafkaTopic {
    fn check(&self, partition: u32) -> Result<(), LogError> {
        if let Some(error) = self.opened.closed.borrow().clone() {
            return Err(error);
        }
        if partition >= self.partitions {
            return Err(LogError::UnknownPartition {
                topic: self.opened.name.clone(),
                partition,
                partitions: self.partitions,
            });
        }
        Ok(())
    }

    /// What an append without records says.
    async fn nothing(&self, partition: u32) -> Result<Appended, LogError> {
        let high = self.bounds(partition).await?.high;
        Ok(Appended {
            first_offset: high,
            last_offset: high.saturating_sub(1),
            record_ms: (system_clock())(),
        })
    }
}

#[async_trait]
impl Topic for KafkaTopic {
    fn name(&self) -> &str {
        &self.opened.name
    }

    fn id(&self) -> String {
        self.opened.id.clone()
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    async fn append(&self, partition: u32, records: Vec<NewRecord>) -> Result<Appended, LogError> {
        self.check(partition)?;
        check_records(&records)?;
        if records.is_empty() {
            return self.nothing(partition).await;
        }
        let landed = self.core.appender.append(&self.opened.name, partition, records).await?;
        Ok(Appended { first_offset: landed.first, last_offset: landed.last, record_ms: landed.record_ms })
    }

    async fn append_with_note(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        key: &str,
        value: Vec<u8>,
    ) -> Result<Appended, LogError> {
        self.check(partition)?;
        check_records(&records)?;
        check_note(key, &value)?;
        self.core.notes.topic().await?;
        let bare = records.is_empty();
        let topic = self.opened.name.clone();
        let append = Append { topic: topic.clone(), partition, records, key: key.to_owned(), value };
        match self.core.transactions()?.append(append).await? {
            Some(landed) => Ok(Appended {
                first_offset: landed.first,
                last_offset: landed.last,
                record_ms: landed.record_ms,
            }),
            None if bare => self.nothing(partition).await,
            None => Err(LogError::Kafka {
                what: "wrote to",
                subject: topic,
                why: "the records and their note are there, the broker did not say at which offsets".into(),
            }),
        }
    }

    async fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        max_wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        self.check(partition)?;
        let start = || async {
            let core = &self.core;
            Reader::start(&core.meta.settings, &self.opened, self.partitions, &core.meta, &core.reasons)
        };
        let reader = self.reader.get_or_try_init(start).await?;
        reader.read(partition, from, max_bytes, max_wait).await
    }

    async fn bounds(&self, partition: u32) -> Result<Bounds, LogError> {
        self.check(partition)?;
        self.core.meta.bounds(&self.opened.name, partition).await
    }

    async fn offset_for_time(&self, partition: u32, record_ms: i64) -> Result<u64, LogError> {
        self.check(partition)?;
        match self.core.meta.offset_at(&self.opened.name, partition, record_ms).await? {
            Some(offset) => Ok(offset),
            None => Ok(self.bounds(partition).await?.high),
        }
    }

    fn release(&self, partition: u32) {
        if let Some(reader) = self.reader.get()
            && partition < self.partitions
        {
            reader.release(partition);
        }
    }

    fn commit_progress(&self, partition: u32, offset: u64) {
        let settings = &self.core.meta.settings;
        if !members::commit(&settings.bootstrap, &settings.group(), &self.opened.name, partition, offset) {
            self.core.meta.commit(&self.opened.name, partition, offset);
        }
    }

    async fn verify(&self) -> Result<(), LogError> {
        self.check(0)?;
        self.core.meta.verify(&self.opened).await
    }
}
