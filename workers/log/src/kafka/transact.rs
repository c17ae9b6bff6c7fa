//! Appends with a note: the records and the note in one Kafka transaction.
//!
//! A thread owns the transactional producer and takes the appends that wait together into one transaction (a commit
//! costs the same for one as for sixty). Whoever reads committed records sees all of it or nothing, after any crash.
//! Before the next transaction begins the outcome of the last one is known: it was committed, or it never will be. So
//! after [`Transactions::settled`] the notes tell what happened to every append before.
//!
//! A process that comes back under its transactional id ends what its predecessor left open, at its first transaction.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use market::NewRecord;
use rdkafka::{error::KafkaError, producer::Producer as _};
use tokio::{sync::oneshot, time::timeout};

use super::{
    config,
    context::{Context, Reasons},
    deliver::{Delivery, Landed, Outcome, Producer, Reports, send},
    meta::Meta,
};
use crate::{LogError, limits};

/// One step of a call that is repeated until it is decided.
const STEP: Duration = Duration::from_secs(5);

/// Records for a partition, and the note that goes with them.
pub(super) struct Append {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) records: Vec<NewRecord>,
    pub(super) key: String,
    pub(super) value: Vec<u8>,
}

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

enum Request {
    Append(Append, Reply<Option<Landed>>),
    Settle(Reply<()>),
}

/// The transactions of one log.
pub(super) struct Transactions {
    requests: mpsc::Sender<Request>,
    closing: Arc<AtomicBool>,
}

impl Transactions {
    /// Starts the thread. The producer is made at the first transaction.
    pub(super) fn start(meta: &Arc<Meta>, reasons: &Arc<Reasons>) -> Result<Self, LogError> {
        let (requests, waiting) = mpsc::channel();
        let closing = Arc::new(AtomicBool::new(false));
        let id = meta.settings.transactional_id();
        let actor = Actor {
            meta: meta.clone(),
            reasons: reasons.clone(),
            producer: None,
            notes: meta.settings.notes_topic(),
            id: id.clone(),
            closing: closing.clone(),
        };
        thread::Builder::new()
            .name("kafka transactions".into())
            .spawn(move || actor.run(&waiting))
            .map_err(|e| LogError::Kafka { what: "cannot start", subject: id, why: e.to_string() })?;
        Ok(Self { requests, closing })
    }

    async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Request) -> Result<T, LogError> {
        let (reply, answer) = oneshot::channel();
        let gone = || LogError::Closed { what: "kafka transactions".into() };
        self.requests.send(make(reply)).map_err(|_| gone())?;
        match timeout(limits::APPEND, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(LogError::Kafka {
                what: "cannot end a transaction of",
                subject: "kafka".into(),
                why: format!("undecided after {} s; the note will tell", limits::APPEND.as_secs()),
            }),
        }
    }

    /// Writes records and note, or neither.
    pub(super) async fn append(&self, append: Append) -> Result<Option<Landed>, LogError> {
        self.ask(|reply| Request::Append(append, reply)).await
    }

    /// Returns once every append before is decided, those of a predecessor of the same name included.
    pub(super) async fn settled(&self) -> Result<(), LogError> {
        self.ask(Request::Settle).await
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
    }
}

struct Actor {
    meta: Arc<Meta>,
    reasons: Arc<Reasons>,
    producer: Option<Producer>,
    notes: String,
    id: String,
    closing: Arc<AtomicBool>,
}

impl Actor {
    fn run(mut self, waiting: &mpsc::Receiver<Request>) {
        let mut held = VecDeque::new();
        while let Some(request) = held.pop_front().or_else(|| waiting.recv().ok()) {
            match request {
                Request::Settle(reply) => {
                    let settled = self.producer().map(drop);
                    let _ = reply.send(settled);
                }
                Request::Append(append, reply) => {
                    held.extend(waiting.try_iter().take(limits::TRANSACTION_APPENDS));
                    let mut bytes = size(&append);
                    let mut together = vec![(append, reply)];
                    while let Some(Request::Append(next, _)) = held.front()
                        && together.len() < limits::TRANSACTION_APPENDS
                        && bytes + size(next) <= limits::PRODUCER_BYTES / 2
                    {
                        bytes += size(next);
                        if let Some(Request::Append(next, reply)) = held.pop_front() {
                            together.push((next, reply));
                        }
                    }
                    self.transaction(together);
                }
            }
        }
    }

    /// The producer, with everything that was open under its name ended.
    fn producer(&mut self) -> Result<&Producer, LogError> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => {
                let about = self.meta.about("cannot begin transactions of", &self.id);
                let config = config::transactional(&self.meta.settings, &self.id)?;
                let context = Reports(Context::new("transactions", &self.reasons));
                let producer: Producer =
                    config.create_with_context(context).map_err(|e| super::unusable(&e))?;
                producer.init_transactions(limits::APPEND).map_err(|e| about.fail(&e, &self.reasons))?;
                producer
            }
        };
        Ok(self.producer.insert(producer))
    }

    fn transaction(&mut self, appends: Vec<(Append, Reply<Option<Landed>>)>) {
        let (appends, replies): (Vec<_>, Vec<_>) = appends.into_iter().unzip();
        match self.attempt(&appends) {
            Ok(landed) => {
                for (reply, landed) in replies.into_iter().zip(landed) {
                    let _ = reply.send(Ok(landed));
                }
            }
            Err(error) => {
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction. When it returns, it is committed or never will be.
    fn attempt(&mut self, appends: &[Append]) -> Result<Vec<Option<Landed>>, LogError> {
        let (reasons, closing, notes) = (self.reasons.clone(), self.closing.clone(), self.notes.clone());
        let (meta, id) = (self.meta.clone(), self.id.clone());
        let about = meta.about("cannot write a transaction of", &id);
        let producer = self.producer()?;
        let written = producer
            .begin_transaction()
            .and_then(|()| hand_over(producer, &notes, appends))
            .map_err(|e| (e, true))
            .and_then(|waiting| match commit(producer, &closing) {
                Ok(()) => Ok(waiting),
                Err(decided) => Err(decided),
            });
        match written {
            Ok(waiting) => Ok(waiting.into_iter().map(landed).collect()),
            Err((error, abort)) => {
                let aborted = abort && abort_all(producer, &closing);
                let began = about.began;
                if !aborted {
                    // A new producer of the same name decides what this one left open.
                    self.producer = None;
                }
                let failed = about.fail(&error, &reasons);
                // The brokers take a transaction that took too long from its producer as if another had come.
                if matches!(failed, LogError::Fenced { .. }) && began.elapsed() >= limits::TRANSACTION / 2 {
                    let why = "the transaction took too long and was ended by the brokers".to_owned();
                    return Err(LogError::Kafka { what: about.what, subject: id.clone(), why });
                }
                Err(failed)
            }
        }
    }
}

fn size(append: &Append) -> usize {
    append.records.iter().map(|r| r.value.len() + 64).sum::<usize>() + append.value.len()
}

fn landed(outcome: Option<oneshot::Receiver<Outcome>>) -> Option<Landed> {
    outcome?.try_recv().ok()?.ok()
}

type Waiting = Vec<Option<oneshot::Receiver<Outcome>>>;

/// Hands all records and notes to the producer.
fn hand_over(producer: &Producer, notes: &str, appends: &[Append]) -> Result<Waiting, KafkaError> {
    let place = |topic: &str, partition, records: &[NewRecord]| {
        let (delivery, outcome) = Delivery::of(records.len());
        for record in records {
            while !send(producer, topic, partition, record, &delivery)? {
                thread::sleep(limits::FULL_PAUSE);
            }
        }
        Ok::<_, KafkaError>((!records.is_empty()).then_some(outcome))
    };
    let mut waiting = Vec::with_capacity(appends.len());
    for append in appends {
        waiting.push(place(&append.topic, append.partition, &append.records)?);
        let note = NewRecord { key: Some(append.key.clone().into_bytes()), value: append.value.clone() };
        place(notes, 0, &[note])?;
    }
    Ok(waiting)
}

/// Commits, again and again until it is decided. The error says whether the transaction can still be aborted.
fn commit(producer: &Producer, closing: &AtomicBool) -> Result<(), (KafkaError, bool)> {
    loop {
        let error = match producer.commit_transaction(STEP) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let again = match &error {
            KafkaError::Transaction(e) if e.txn_requires_abort() => return Err((error, true)),
            KafkaError::Transaction(e) => e.is_retriable() && !e.is_fatal(),
            // Records are still on their way.
            KafkaError::Flush(_) => producer.client().fatal_error().is_none(),
            _ => false,
        };
        if !again || closing.load(Ordering::Acquire) {
            return Err((error, false));
        }
    }
}

/// Aborts, again and again until it is done. False where a new producer must do it.
fn abort_all(producer: &Producer, closing: &AtomicBool) -> bool {
    let began = Instant::now();
    while !closing.load(Ordering::Acquire) && began.elapsed() < limits::TRANSACTION {
        match producer.abort_transaction(STEP) {
            Ok(()) => return true,
            Err(KafkaError::Transaction(e)) if e.is_retriable() && !e.is_fatal() => {}
            Err(_) => return false,
        }
    }
    false
}
