//! Copying a topic into another under new keys, each record once.
//!
//! A group consumer reads committed records of the source; a transactional producer writes them to the target; the
//! offsets that were read are committed in the same transaction. So after any crash whoever comes next goes on exactly
//! behind the last record that is visible in the target.
//!
//! Two dangers, and what is done:
//! - partitions move while a transaction is open: it is aborted and what stayed is read again from its start. (Offsets
//!   committed under the new membership would be accepted even for partitions that others have by now.)
//! - the offset to go on from was removed by retention: that is an error, or skipped, counted and said, as asked for;
//!   never a silent jump.
//!
//! Blocks; runs on a thread of the caller's.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use market::NewRecord;
use rdkafka::{
    ClientContext, Message as _, Offset, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode as Code},
    producer::Producer as _,
    types::RDKafkaRespErr as Answer,
};

use super::{
    KafkaSettings, config,
    context::{Context, Reasons},
    deliver::{Delivery, Producer, Reports, send},
    failure::{About, code},
};
use crate::{LogError, limits, partition_of};

const STEP: Duration = Duration::from_secs(10);

/// From where to where.
#[derive(Debug, Clone)]
pub struct TransferSettings {
    /// The cluster. `client_id` names the process to the group and to its transactions.
    pub kafka: KafkaSettings,
    /// The topic to read.
    pub from: String,
    /// The topic to write.
    pub to: String,
    /// Go on at the first record that is left where retention removed unread ones; else that is an error.
    pub skip_gaps: bool,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Records copied by this process.
    pub records: u64,
    /// Those of them without a key.
    pub unkeyed: u64,
    /// Records that retention removed unread.
    pub skipped: u64,
}

/// The consumer's side: where partitions start, and whether any moved.
struct Source {
    context: Context,
    moved: AtomicBool,
}

impl ClientContext for Source {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ConsumerContext for Source {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: Answer, list: &mut TopicPartitionList) {
        self.moved.store(true, Ordering::Release);
        let answered = match what {
            Answer::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // The committed offset, or for a partition without one its start: said, not left to a reset.
                let found = consumer.committed_offsets(list.clone(), STEP).and_then(|mut found| {
                    let fresh: Vec<(String, i32)> = found
                        .elements()
                        .iter()
                        .filter(|e| !matches!(e.offset(), Offset::Offset(_)))
                        .map(|e| (e.topic().to_owned(), e.partition()))
                        .collect();
                    for (topic, partition) in fresh {
                        found.set_partition_offset(&topic, partition, Offset::Beginning)?;
                    }
                    Ok(found)
                });
                match found {
                    Ok(found) => consumer.incremental_assign(&found),
                    // Without offsets nothing is fetched: the member gives up and joins again.
                    Err(error) => consumer.incremental_assign(&TopicPartitionList::new()).and(Err(error)),
                }
            }
            _ => consumer.incremental_unassign(list),
        };
        if let Err(error) = answered {
            tracing::warn!("a change of the group was not answered well: {error}");
            consumer.unsubscribe();
        }
    }
}

/// Copies until told to stop.
pub struct Transfer<'a> {
    settings: &'a TransferSettings,
    partitions: u32,
    reasons: Arc<Reasons>,
    stop: &'a AtomicBool,
    done: Transferred,
}

/// Why a round ended.
enum End {
    /// Told to stop.
    Stopped,
    /// Nothing is wrong with the settings: new clients may do better.
    Again(LogError),
    /// It cannot go on.
    Failed(LogError),
}

impl<'a> Transfer<'a> {
    /// `partitions`: of the target.
    pub fn new(settings: &'a TransferSettings, partitions: u32, stop: &'a AtomicBool) -> Self {
        Self { settings, partitions, reasons: Arc::default(), stop, done: Transferred::default() }
    }

    /// Runs until `stop`. `key_of` writes the key of a value into the buffer, or says that it has none; such records
    /// are placed by their bytes. `progress` is told after each transaction.
    pub fn run(
        mut self,
        key_of: impl Fn(&[u8], &mut Vec<u8>) -> bool,
        progress: impl Fn(Transferred),
    ) -> Result<Transferred, LogError> {
        let mut pause = Duration::from_millis(200);
        loop {
            let before = self.done.records;
            match self.round(&key_of, &progress) {
                End::Stopped => return Ok(self.done),
                End::Failed(error) => return Err(error),
                End::Again(error) => tracing::warn!("copying {} begins anew: {error}", self.settings.from),
            }
            pause = if self.done.records > before { Duration::from_millis(200) } else { pause * 2 };
            pause = pause.min(limits::ASK);
            let began = Instant::now();
            while began.elapsed() < pause && !self.stop.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn about(&self, what: &'static str) -> About<'_> {
        let kafka = &self.settings.kafka;
        About { what, subject: &self.settings.from, bootstrap: &kafka.bootstrap, began: Instant::now() }
    }

    /// One life of the two clients.
    fn round(
        &mut self,
        key_of: &impl Fn(&[u8], &mut Vec<u8>) -> bool,
        progress: &impl Fn(Transferred),
    ) -> End {
        let (consumer, producer) = match self.clients() {
            Ok(clients) => clients,
            Err(error) if error.kind() == market::ErrorKind::Unavailable => return End::Again(error),
            Err(error) => return End::Failed(error),
        };
        while !self.stop.load(Ordering::Acquire) {
            match self.transaction(&consumer, &producer, key_of) {
                Ok(copied) if copied.records == 0 => {}
                Ok(copied) => {
                    self.done.records += copied.records;
                    self.done.unkeyed += copied.unkeyed;
                    progress(self.done);
                }
                Err(end) => {
                    // What is open is ended by the next client of this name; what was read is read again.
                    return end;
                }
            }
        }
        consumer.unsubscribe();
        End::Stopped
    }

    fn clients(&self) -> Result<(BaseConsumer<Source>, Producer), LogError> {
        let (kafka, about) = (&self.settings.kafka, self.about("cannot copy"));
        let id = format!("{}-rekey", kafka.transactional_id());
        let producer: Producer = config::transactional(kafka, &id)?
            .create_with_context(Reports(Context::new("rekey", &self.reasons)))
            .map_err(|e| super::unusable(&e))?;
        producer.init_transactions(limits::APPEND).map_err(|e| about.fail(&e, &self.reasons))?;
        let source = Source { context: Context::new("rekey", &self.reasons), moved: AtomicBool::new(false) };
        let group = format!("{}-rekey", kafka.group());
        let consumer: BaseConsumer<Source> =
            config::copier(kafka, &group)?.create_with_context(source).map_err(|e| super::unusable(&e))?;
        consumer.subscribe(&[&self.settings.from]).map_err(|e| about.fail(&e, &self.reasons))?;
        Ok((consumer, producer))
    }

    /// Reads what is there, writes it and commits both. Without records nothing is begun.
    fn transaction(
        &mut self,
        consumer: &BaseConsumer<Source>,
        producer: &Producer,
        key_of: &impl Fn(&[u8], &mut Vec<u8>) -> bool,
    ) -> Result<Transferred, End> {
        let mut copied = Transferred::default();
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        let mut key = Vec::new();
        // Reports are not waited for one by one: the commit tells of all of them.
        let (delivery, _outcome) = Delivery::of(usize::MAX);
        consumer.context().moved.store(false, Ordering::Release);
        let mut began: Option<Instant> = None;
        loop {
            let open = began.map(|b| b.elapsed());
            if open.is_some_and(|o| o >= limits::TRANSFER) || copied.records >= limits::FETCH_RECORDS as u64 {
                break;
            }
            let wait = open.map_or(Duration::from_millis(100), |o| limits::TRANSFER.saturating_sub(o));
            let polled = consumer.poll(wait);
            if consumer.context().moved.swap(false, Ordering::AcqRel) && began.is_some() {
                return Err(self.again("its partitions moved"));
            }
            let message = match polled {
                None if began.is_none() => return Ok(copied),
                None => break,
                Some(Ok(message)) => message,
                Some(Err(error)) => match code(&error) {
                    Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => return Err(self.gap(consumer)),
                    _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                        return Err(End::Failed(self.about("cannot read").fail(&error, &self.reasons)));
                    }
                    Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed) => {
                        return Err(End::Failed(self.about("cannot read").fail(&error, &self.reasons)));
                    }
                    // The client tries again by itself; its context has heard it.
                    _ => continue,
                },
            };
            if began.is_none() {
                producer.begin_transaction().map_err(|e| self.failed(&e))?;
                began = Some(Instant::now());
            }
            let value = message.payload().unwrap_or(&[]);
            key.clear();
            let keyed = key_of(value, &mut key);
            let partition = partition_of(if keyed { &key } else { value }, self.partitions);
            let record = NewRecord { key: keyed.then(|| key.clone()), value: value.to_vec() };
            while !send(producer, &self.settings.to, partition, &record, &delivery)
                .map_err(|e| self.failed(&e))?
            {
                thread::sleep(limits::FULL_PAUSE);
            }
            next.insert(message.partition(), message.offset() + 1);
            copied.records += 1;
            copied.unkeyed += u64::from(!keyed);
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in next {
            let listed = offsets.add_partition_offset(&self.settings.from, partition, Offset::Offset(offset));
            listed.map_err(|e| self.failed(&e))?;
        }
        let Some(member) = consumer.group_metadata() else { return Err(self.again("it left its group")) };
        producer.send_offsets_to_transaction(&offsets, &member, STEP).map_err(|e| self.failed(&e))?;
        let deadline = Instant::now() + limits::TRANSACTION;
        loop {
            match producer.commit_transaction(STEP) {
                Ok(()) => return Ok(copied),
                Err(KafkaError::Transaction(e))
                    if e.is_retriable() && !e.is_fatal() && Instant::now() < deadline => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    fn again(&self, why: &str) -> End {
        let subject = self.settings.from.clone();
        End::Again(LogError::Kafka { what: "a transaction over", subject, why: why.to_owned() })
    }

    fn failed(&self, error: &KafkaError) -> End {
        match self.about("cannot copy").fail(error, &self.reasons) {
            // A transaction that took too long looks like another process, too; a second one ends for good at its start.
            error @ (LogError::Forbidden { .. } | LogError::UnknownTopic { .. }) => End::Failed(error),
            error => End::Again(error),
        }
    }

    /// Retention overtook this reader somewhere.
    fn gap(&mut self, consumer: &BaseConsumer<Source>) -> End {
        let found = consumer.position().and_then(|at| {
            let mut gaps = Vec::new();
            for element in at.elements() {
                let (low, high) =
                    consumer.fetch_watermarks(element.topic(), element.partition(), limits::ASK)?;
                let stands = match element.offset() {
                    Offset::Offset(offset) => offset,
                    _ => match consumer
                        .committed_offsets(at.clone(), limits::ASK)?
                        .find_partition(element.topic(), element.partition())
                        .map(|e| e.offset())
                    {
                        Some(Offset::Offset(offset)) => offset,
                        _ => low,
                    },
                };
                if stands < low || stands > high {
                    gaps.push((element.partition(), stands, low, high));
                }
            }
            Ok(gaps)
        });
        let gaps = match found {
            Ok(gaps) => gaps,
            Err(error) => return self.failed(&error),
        };
        let Some((partition, offset, low, high)) = gaps.first().copied() else {
            return self.again("an offset was out of range");
        };
        let unsigned = |offset: i64| u64::try_from(offset).unwrap_or(0);
        if !self.settings.skip_gaps {
            return End::Failed(LogError::OffsetOutOfRange {
                topic: self.settings.from.clone(),
                partition: u32::try_from(partition).unwrap_or(0),
                offset: unsigned(offset),
                low: unsigned(low),
                high: unsigned(high),
            });
        }
        let mut skip = TopicPartitionList::new();
        for (partition, stands, low, _) in gaps {
            let lost = unsigned(low.saturating_sub(stands));
            self.done.skipped += lost;
            tracing::error!(
                topic = self.settings.from,
                partition,
                from = stands,
                to = low,
                lost,
                "records were removed unread"
            );
            if let Err(error) = skip.add_partition_offset(&self.settings.from, partition, Offset::Offset(low))
            {
                return self.failed(&error);
            }
        }
        match consumer.commit(&skip, rdkafka::consumer::CommitMode::Sync) {
            Ok(()) => self.again("records were removed unread"),
            Err(error) => self.failed(&error),
        }
    }
}
