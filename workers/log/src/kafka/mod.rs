//! The log on Kafka.
//!
//! - [`KafkaLog`] is the port: topics, records, notes;
//! - [`KafkaOwnership`] says which partitions this process should work on, by membership in a consumer group;
//! - [`Transfer`] copies one topic into another under new keys, each record once;
//! - [`checks`] looks at a cluster for `stockpipe doctor`.
//!
//! What Kafka gives and what is added: offsets increase but are not contiguous, since transactions leave markers;
//! readers see committed records only, and pass markers by empty batches whose `next_offset` is behind them. A plain
//! append is written once, whatever brokers do, but a process that dies in its middle leaves its beginning; an append
//! with a note is a transaction and whole. Record times are the brokers' where the topic says LogAppendTime, as those
//! made here do.
//!
//! What it deliberately does not do: assign partitions by Kafka's offsets (positions belong to the caller), change the
//! settings of a topic that is there, save its retention where one is given.

mod admin;
mod append;
mod checks;
mod config;
mod context;
mod deliver;
mod failure;
mod ffi;
mod group;
mod members;
mod meta;
mod notes;
mod reader;
mod settings;
mod topic;
mod transact;
mod transfer;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use market::NewRecord;
use parking_lot::Mutex;
use rdkafka::error::KafkaError;
use tokio::{
    sync::{OnceCell, watch},
    time::sleep,
};

use self::{
    admin::{Admin, Purpose},
    append::Appender,
    context::Reasons,
    meta::{Meta, Opened},
    notes::Notes,
    topic::KafkaTopic,
    transact::Transactions,
};
use crate::{Log, LogError, Topic, TopicFacts, error::check_topic, limits, memory::check_note};

pub use checks::checks;
pub use group::{GroupTimes, KafkaOwnership};
pub use settings::{KafkaSettings, Protocol, Security};
pub use transfer::{Transfer, TransferSettings, Transferred};

/// What all handles of one log share.
struct Core {
    meta: Arc<Meta>,
    reasons: Arc<Reasons>,
    appender: Arc<Appender>,
    notes: Notes,
    transactions: Mutex<Option<Arc<Transactions>>>,
}

impl Core {
    fn transactions(&self) -> Result<Arc<Transactions>, LogError> {
        let mut held = self.transactions.lock();
        if let Some(running) = &*held {
            return Ok(running.clone());
        }
        Ok(held.insert(Arc::new(Transactions::start(&self.meta, &self.reasons)?)).clone())
    }
}

/// The topics and notes of one pipeline on a Kafka cluster. Cheap to clone; clones share the clients.
#[derive(Clone)]
pub struct KafkaLog {
    core: Arc<Core>,
}

impl KafkaLog {
    /// Connects. Answers within 15 s: unreachable, refused credentials and failed encryption are different errors.
    pub async fn connect(settings: KafkaSettings) -> Result<Self, LogError> {
        let reasons = Arc::new(Reasons::default());
        let meta = Arc::new(Meta::start(settings, &reasons)?);
        meta.connect().await?;
        let core = Core {
            appender: Arc::new(Appender::new(&meta, &reasons)),
            notes: Notes::new(&meta, &reasons),
            transactions: Mutex::default(),
            meta,
            reasons,
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// Lets the brokers give the record times of a topic that was made with the writers'. Records that are there keep
    /// theirs.
    pub async fn stamp_at_append(&self, topic: &str) -> Result<(), LogError> {
        self.admin().stamp_at_append(topic).await
    }

    /// The offsets that the pipeline's group has committed for lag tools, by partition; absent where there is none.
    pub async fn committed(&self, topic: &str) -> Result<Vec<Option<u64>>, LogError> {
        let (partitions, _) = self.core.meta.shape(topic).await?;
        self.core.meta.committed(topic, partitions).await
    }

    fn admin(&self) -> Admin<'_> {
        Admin { meta: &self.core.meta, reasons: &self.core.reasons }
    }

    async fn open(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        let (partitions, _) = self.core.meta.shape(name).await?;
        let id = self.core.meta.topic_id(name).await?;
        let opened = Arc::new(Opened { name: name.to_owned(), id, closed: watch::Sender::new(None) });
        self.core.meta.watch(&opened);
        Ok(Arc::new(KafkaTopic { core: self.core.clone(), opened, partitions, reader: OnceCell::new() }))
    }
}

/// Waits until a topic that was just made can be used.
async fn visible(meta: &Meta, topic: &str, partitions: u32) -> Result<(), LogError> {
    let deadline = Instant::now() + limits::CONNECT;
    loop {
        let seen = async {
            let (have, _) = meta.shape(topic).await?;
            for partition in 0..partitions.min(have) {
                meta.bounds(topic, partition).await?;
            }
            meta.topic_id(topic).await?;
            Ok(have)
        };
        match seen.await {
            Ok(have) if have >= partitions => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Ok(_) if Instant::now() >= deadline => {
                return Err(LogError::Kafka {
                    what: "cannot see",
                    subject: topic.to_owned(),
                    why: "it was made, and the brokers do not show all of its partitions".into(),
                });
            }
            _ => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A client that cannot even be set up.
fn unusable(error: &KafkaError) -> LogError {
    let why = match error {
        KafkaError::ClientConfig(_, why, name, _) => format!("{name}: {why}"),
        error => error.to_string(),
    };
    LogError::Setting { name: "source.kafka", why }
}

#[async_trait]
impl Log for KafkaLog {
    async fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        check_topic(name, partitions)?;
        match self.core.meta.shape(name).await {
            Ok((have, _)) => return self.reopen(name, have, partitions, retention).await,
            Err(LogError::UnknownTopic { .. }) => {}
            Err(error) => return Err(error),
        }
        // A topic that was just deleted keeps its name for a moment.
        let deadline = Instant::now() + limits::CONNECT;
        while !self.admin().create(name, partitions, Purpose::Records(retention)).await? {
            if let Ok((have, _)) = self.core.meta.shape(name).await {
                return self.reopen(name, have, partitions, retention).await;
            }
            if Instant::now() >= deadline {
                let why =
                    "the brokers say both that it exists and that it does not; it may be in deletion".into();
                return Err(LogError::Kafka { what: "cannot make topic", subject: name.into(), why });
            }
            sleep(Duration::from_millis(100)).await;
        }
        visible(&self.core.meta, name, partitions).await?;
        self.open(name).await
    }

    async fn topic(&self, name: &str) -> Result<Arc<dyn Topic>, LogError> {
        self.open(name).await
    }

    async fn facts(&self, name: &str) -> Result<TopicFacts, LogError> {
        let (partitions, replication_factor) = self.core.meta.shape(name).await?;
        let described = self.admin().describe(name).await?;
        Ok(TopicFacts {
            partitions,
            replication_factor,
            log_append_time: described.log_append_time,
            compacted: described.compacted,
            retention_ms: described.retention_ms,
        })
    }

    /// All topics of the cluster that the user may see, others' included; not Kafka's own, nor this pipeline's notes.
    async fn topics(&self) -> Result<Vec<String>, LogError> {
        let notes = self.core.meta.settings.notes_topic();
        let mut names = self.core.meta.topics().await?;
        names.retain(|name| *name != notes);
        Ok(names)
    }

    async fn delete_topic(&self, name: &str) -> Result<(), LogError> {
        self.admin().delete(name).await?;
        self.core.meta.deleted(name);
        let deadline = Instant::now() + limits::CONNECT;
        while Instant::now() < deadline {
            match self.core.meta.topic_id(name).await {
                Err(LogError::UnknownTopic { .. }) => break,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
        Ok(())
    }

    async fn put_note(&self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        check_note(key, &value)?;
        let topic = self.core.notes.topic().await?;
        let note = NewRecord { key: Some(key.as_bytes().to_vec()), value };
        self.core.appender.append(topic, 0, vec![note]).await.map(drop)
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, LogError> {
        let running = self.core.transactions.lock().clone();
        if let Some(running) = &running {
            running.settled().await?;
        }
        let transactions = match running {
            Some(running) => running,
            None => self.core.transactions()?,
        };
        self.core.notes.get(key, &transactions).await
    }
}

impl KafkaLog {
    /// Opens a topic that was there already.
    async fn reopen(
        &self,
        name: &str,
        have: u32,
        asked: u32,
        retention: Option<Duration>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        if have != asked {
            return Err(LogError::PartitionsDiffer { topic: name.into(), have, asked });
        }
        if let Some(retention) = retention {
            let now = self.admin().describe(name).await?.retention_ms;
            if now != Some(admin::retention_ms(Some(retention))) {
                self.admin().keep_for(name, retention).await?;
            }
        }
        self.open(name).await
    }
}
