//! Appends without a note: an idempotent producer that waits rather than gives up.
//!
//! Each record is written once and in order, however often brokers restart meanwhile; a broker that is down makes
//! appends wait, up to [`limits::APPEND`], after which their outcome is unknown: the records are still on their way.
//! The records of one append follow each other without a stranger of this process between them. Not promised: that an
//! append is whole when this process dies in its middle; for that there are transactions.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use market::NewRecord;
use parking_lot::Mutex;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode as Code},
    producer::Producer as _,
};
use tokio::time::{sleep, timeout_at};

use super::{
    config,
    context::{Context, Reasons},
    deliver::{Delivery, Landed, Producer, Reports, send},
    meta::Meta,
};
use crate::{LogError, limits};

/// Held while the records of an append are handed over: appends to one partition do not mix.
pub(super) type Lane = Arc<tokio::sync::Mutex<()>>;

/// The producer of one log, made at its first use.
pub(super) struct Appender {
    meta: Arc<Meta>,
    reasons: Arc<Reasons>,
    producer: Mutex<Option<Arc<Producer>>>,
    lanes: Mutex<BTreeMap<(String, u32), Lane>>,
}

impl Appender {
    pub(super) fn new(meta: &Arc<Meta>, reasons: &Arc<Reasons>) -> Self {
        Self {
            meta: meta.clone(),
            reasons: reasons.clone(),
            producer: Mutex::default(),
            lanes: Mutex::default(),
        }
    }

    fn producer(&self) -> Result<Arc<Producer>, LogError> {
        let mut held = self.producer.lock();
        if let Some(producer) = &*held {
            return Ok(producer.clone());
        }
        let config = config::producer(&self.meta.settings)?;
        let context = Reports(Context::new("producer", &self.reasons));
        let producer: Producer = config.create_with_context(context).map_err(|e| super::unusable(&e))?;
        Ok(held.insert(Arc::new(producer)).clone())
    }

    fn lane(&self, topic: &str, partition: u32) -> Lane {
        self.lanes.lock().entry((topic.to_owned(), partition)).or_default().clone()
    }

    /// Appends records, of which there is at least one. Goes on where the caller stops waiting.
    pub(super) async fn append(
        self: &Arc<Self>,
        topic: &str,
        partition: u32,
        records: Vec<NewRecord>,
    ) -> Result<Landed, LogError> {
        let (this, name) = (self.clone(), topic.to_owned());
        let task = tokio::spawn(async move { this.run(&name, partition, &records).await });
        task.await.unwrap_or_else(|_| Err(LogError::Closed { what: topic.to_owned() }))
    }

    async fn run(&self, topic: &str, partition: u32, records: &[NewRecord]) -> Result<Landed, LogError> {
        let about = self.meta.about("cannot write to", topic);
        let deadline = (Instant::now() + limits::APPEND).into();
        let late = || LogError::Kafka {
            what: "cannot write to",
            subject: format!("{topic}/{partition}"),
            why: format!(
                "no acknowledgement within {} s; the records may still be written",
                limits::APPEND.as_secs()
            ),
        };
        let producer = self.producer()?;
        let (delivery, outcome) = Delivery::of(records.len());
        let lane = self.lane(topic, partition);
        let Ok(in_turn) = timeout_at(deadline, lane.lock()).await else { return Err(late()) };
        for record in records {
            while !send(&producer, topic, partition, record, &delivery)
                .map_err(|e| self.failed(&producer, about.fail(&e, &self.reasons)))?
            {
                if tokio::time::Instant::now() >= deadline {
                    return Err(late());
                }
                sleep(limits::FULL_PAUSE).await;
            }
        }
        drop(in_turn);
        drop(delivery);
        match timeout_at(deadline, outcome).await {
            Ok(Ok(Ok(landed))) => Ok(landed),
            Ok(Ok(Err(Code::MessageSizeTooLarge))) => Err(LogError::TooLarge {
                what: "a record for this topic's max.message.bytes",
                bytes: records.iter().map(|r| r.value.len()).max().unwrap_or(0),
                limit: limits::RECORD_BYTES,
            }),
            Ok(Ok(Err(code))) => {
                let error = about.fail(&KafkaError::MessageProduction(code), &self.reasons);
                Err(self.failed(&producer, error))
            }
            Ok(Err(_)) | Err(_) => Err(late()),
        }
    }

    /// A producer that met a fatal error is of no use any more: the next append makes another.
    fn failed(&self, producer: &Arc<Producer>, error: LogError) -> LogError {
        if let Some((code, why)) = producer.client().fatal_error() {
            tracing::warn!("the Kafka producer is made anew after {code}: {why}");
            let mut held = self.producer.lock();
            if held.as_ref().is_some_and(|h| Arc::ptr_eq(h, producer)) {
                *held = None;
            }
        }
        error
    }
}
