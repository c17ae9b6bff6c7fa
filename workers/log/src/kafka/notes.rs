//! The notes of a pipeline: a compacted topic of one partition, read from its start once and followed from then on.
//!
//! A note that is read is decided: where a transaction is open at the topic's end, reading waits until it is ended,
//! which the brokers do after [`limits::TRANSACTION`] for a process that died. Memory: one value per key; the pipeline's
//! keys are its partitions and imports.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::{
    sync::{Mutex, watch},
    task::spawn_blocking,
    time::sleep,
};

use super::{
    admin::{Admin, Purpose},
    config,
    context::{Context, Reasons},
    meta::{Meta, Opened},
    reader::Reader,
    transact::Transactions,
};
use crate::{LogError, limits};

const PAUSE: Duration = Duration::from_millis(20);

/// What has been read so far.
#[derive(Default)]
struct Known {
    topic_id: String,
    next: u64,
    values: HashMap<String, Vec<u8>>,
}

/// The notes of one log.
pub(super) struct Notes {
    meta: Arc<Meta>,
    reasons: Arc<Reasons>,
    topic: String,
    made: Mutex<bool>,
    known: Mutex<Known>,
}

impl Notes {
    pub(super) fn new(meta: &Arc<Meta>, reasons: &Arc<Reasons>) -> Self {
        Self {
            meta: meta.clone(),
            reasons: reasons.clone(),
            topic: meta.settings.notes_topic(),
            made: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// The topic, made if it was not there.
    pub(super) async fn topic(&self) -> Result<&str, LogError> {
        let mut made = self.made.lock().await;
        if !*made {
            match self.meta.shape(&self.topic).await {
                Err(LogError::UnknownTopic { .. }) => {
                    let admin = Admin { meta: &self.meta, reasons: &self.reasons };
                    admin.create(&self.topic, 1, Purpose::Notes).await?;
                    super::visible(&self.meta, &self.topic, 1).await?;
                }
                found => found.map(drop)?,
            }
            *made = true;
        }
        Ok(&self.topic)
    }

    /// The newest value of a note. Nothing that was begun before can change it afterwards.
    pub(super) async fn get(
        &self,
        key: &str,
        transactions: &Transactions,
    ) -> Result<Option<Vec<u8>>, LogError> {
        let id = match self.meta.topic_id(&self.topic).await {
            Err(LogError::UnknownTopic { .. }) => return Ok(None),
            id => id?,
        };
        let high = self.decided(transactions).await?;
        let mut known = self.known.lock().await;
        if known.topic_id != id {
            *known = Known { topic_id: id, ..Known::default() };
        }
        if known.next < high {
            self.follow(&mut known, high).await?;
        }
        Ok(known.values.get(key).cloned())
    }

    /// Waits until no transaction is open before what is now the end, and returns the end.
    async fn decided(&self, transactions: &Transactions) -> Result<u64, LogError> {
        let end = self.end().await?;
        let deadline = Instant::now() + limits::TRANSACTION + limits::APPEND;
        let mut asked = false;
        loop {
            let high = self.meta.bounds(&self.topic, 0).await?.high;
            if high >= end {
                return Ok(high);
            }
            if Instant::now() >= deadline {
                return Err(LogError::Kafka {
                    what: "cannot read",
                    subject: self.topic.clone(),
                    why: "a transaction stays open at its end".into(),
                });
            }
            // It may be our own predecessor's: beginning under its name ends it.
            if !asked {
                transactions.settled().await?;
                asked = true;
            }
            sleep(PAUSE).await;
        }
    }

    /// Where the topic ends, open transactions included.
    async fn end(&self) -> Result<u64, LogError> {
        let about = self.meta.about("cannot find the end of", &self.topic);
        let config = config::uncommitted(&self.meta.settings)?;
        let (context, topic) = (Context::new("notes", &self.reasons), self.topic.clone());
        let ask = move || {
            let consumer: BaseConsumer<Context> = config.create_with_context(context)?;
            consumer.fetch_watermarks(&topic, 0, limits::ASK)
        };
        let asked = spawn_blocking(ask).await.unwrap_or(Err(rdkafka::error::KafkaError::Canceled));
        let (_, high) = asked.map_err(|e| about.fail(&e, &self.reasons))?;
        Ok(u64::try_from(high).unwrap_or(0))
    }

    async fn follow(&self, known: &mut Known, high: u64) -> Result<(), LogError> {
        let low = self.meta.bounds(&self.topic, 0).await?.low;
        known.next = known.next.max(low);
        let mut settings = self.meta.settings.clone();
        settings.fetch_bytes = limits::FETCH_BYTES_MIN;
        let (name, id) = (self.topic.clone(), known.topic_id.clone());
        let opened = Arc::new(Opened { name, id, closed: watch::Sender::new(None) });
        let reader = Reader::start(&settings, &opened, 1, &self.meta, &self.reasons)?;
        while known.next < high {
            let batch = reader.read(0, known.next, limits::BATCH_BYTES, limits::ASK).await?;
            if batch.next_offset == known.next {
                let why = format!("nothing came from {} on, although it ends at {high}", known.next);
                return Err(LogError::Kafka { what: "cannot read", subject: self.topic.clone(), why });
            }
            for record in batch.iter() {
                if let Some(key) = record.key {
                    known.values.insert(String::from_utf8_lossy(key).into_owned(), record.value.to_vec());
                }
            }
            known.next = batch.next_offset;
        }
        Ok(())
    }
}
