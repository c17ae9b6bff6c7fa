//! The data consumer of one handle of a topic: a thread that fetches, a queue per partition, readers that wait.
//!
//! Partitions are assigned by hand and one at a time, always with the offset in the list (two full assignments in quick
//! succession abort librdkafka). Whoever takes records from the client holds the *gate* while it does, and whoever moves
//! a partition holds it too: a record in hand is never put where the partition stood before.
//!
//! Memory: half of `fetch_bytes` waits inside the client, a third in the queues here. When the queues are full the
//! thread stops taking, which stops the fetching. Where that would leave a reader waiting for another partition's sake,
//! the partitions that hold more than their share are paused, the others get the last sixth, and the paused ones go on
//! when they are read down to half of their share.

mod fetch;
mod slot;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use market::RecordBatch;
use parking_lot::Mutex;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode as Code},
};
use tokio::{
    sync::watch,
    time::{Instant as Moment, timeout_at},
};

use self::{fetch::Wake, slot::Slot};
use super::{
    KafkaSettings, config,
    context::{Context, Reasons},
    meta::{Meta, Opened},
};
use crate::{Bounds, LogError, limits};

/// A partition's queue and those who wait for it.
struct Queue {
    slot: Mutex<Slot>,
    changed: watch::Sender<()>,
    /// Held by the reader that decides where the partition stands, until something is known of that place.
    turn: tokio::sync::Mutex<()>,
}

/// What the thread and the readers share.
struct Shared {
    topic: String,
    consumer: BaseConsumer<Context>,
    queues: Vec<Queue>,
    gate: Mutex<()>,
    wake: Arc<Wake>,
    held: AtomicUsize,
    most: usize,
    closing: AtomicBool,
}

/// Reads the partitions of one topic for one handle.
pub(super) struct Reader {
    shared: Arc<Shared>,
    meta: Arc<Meta>,
    opened: Arc<Opened>,
}

impl Reader {
    /// Sets the client up and starts its thread. Speaks to no broker yet.
    pub(super) fn start(
        settings: &KafkaSettings,
        opened: &Arc<Opened>,
        partitions: u32,
        meta: &Arc<Meta>,
        reasons: &Arc<Reasons>,
    ) -> Result<Self, LogError> {
        let topic = opened.name.as_str();
        let config = config::data(settings)?;
        let mut consumer: BaseConsumer<Context> =
            config.create_with_context(Context::new("data", reasons)).map_err(|e| super::unusable(&e))?;
        let wake = Arc::new(Wake::default());
        let waker = wake.clone();
        consumer.set_nonempty_callback(move || waker.wake());
        let queue = |partition| Queue {
            slot: Mutex::new(Slot::new(partition)),
            changed: watch::Sender::new(()),
            turn: tokio::sync::Mutex::new(()),
        };
        let shared = Arc::new(Shared {
            topic: topic.to_owned(),
            consumer,
            queues: (0..partitions).map(queue).collect(),
            gate: Mutex::new(()),
            wake,
            held: AtomicUsize::new(0),
            most: (settings.fetch_bytes / 3).max(limits::FETCH_BYTES_MIN / 3),
            closing: AtomicBool::new(false),
        });
        let fetched = shared.clone();
        thread::Builder::new().name(format!("kafka {topic}")).spawn(move || fetch::run(&fetched)).map_err(
            |e| LogError::Kafka { what: "cannot start reading", subject: topic.into(), why: e.to_string() },
        )?;
        Ok(Self { shared, meta: meta.clone(), opened: opened.clone() })
    }

    /// See [`crate::Topic::read`]. The partition exists.
    pub(super) async fn read(
        &self,
        partition: u32,
        from: u64,
        most: usize,
        wait: Duration,
    ) -> Result<RecordBatch, LogError> {
        let deadline = Moment::now() + wait;
        let queue = &self.shared.queues[partition as usize];
        let mut changed = queue.changed.subscribe();
        let mut closed = self.opened.closed.subscribe();
        let mut refused = false;
        loop {
            if let Some(error) = closed.borrow_and_update().clone() {
                return Err(error);
            }
            let patience = deadline.max(Moment::now() + limits::ASK);
            let Ok(turn) = timeout_at(patience, queue.turn.lock()).await else {
                return Ok(RecordBatch::new(partition, from));
            };
            changed.borrow_and_update();
            if !queue.slot.lock().continues(from) {
                self.place(partition, from).await?;
            }
            // The turn is kept until something is known of this place: records, an end, or trouble. Whoever does not want
            // to wait at the end waits to know whether it is the end.
            let told = deadline.max(Moment::now() + limits::ASK);
            let known = loop {
                match self.shared.look(partition, from, most) {
                    Look::Records(batch) => return Ok(batch),
                    Look::Nothing => {}
                    known => break Some(known),
                }
                tokio::select! {
                    waited = timeout_at(told, changed.changed()) => if waited.is_err() { break None },
                    _ = closed.changed() => break Some(Look::Elsewhere),
                }
            };
            drop(turn);
            match known {
                Some(Look::Stopped(code)) => {
                    self.trouble(partition, from, code, refused).await?;
                    refused = true;
                }
                Some(Look::End) => {
                    tokio::select! {
                        waited = timeout_at(deadline, changed.changed()) => if waited.is_err() {
                            return self.nothing(partition, from).await;
                        },
                        _ = closed.changed() => {}
                    }
                }
                Some(_) => {}
                None => return self.nothing(partition, from).await,
            }
        }
    }

    /// Lets the partition go.
    pub(super) fn release(&self, partition: u32) {
        self.shared.unplace(partition);
    }

    /// Puts the partition where a reader wants it, if there is such a place, in the topic that was opened.
    async fn place(&self, partition: u32, from: u64) -> Result<(), LogError> {
        self.meta.verify(&self.opened).await?;
        let Bounds { low, high } = self.meta.bounds(&self.shared.topic, partition).await?;
        if from < low || from > high {
            return Err(self.out_of_range(partition, from, Bounds { low, high }));
        }
        let shared = self.shared.clone();
        let placed = tokio::task::spawn_blocking(move || shared.place(partition, from)).await;
        placed.unwrap_or_else(|e| Err(e.to_string())).map_err(|why| LogError::Kafka {
            what: "cannot begin to read",
            subject: format!("{}/{partition}", self.shared.topic),
            why,
        })
    }

    fn out_of_range(&self, partition: u32, offset: u64, Bounds { low, high }: Bounds) -> LogError {
        LogError::OffsetOutOfRange { topic: self.shared.topic.clone(), partition, offset, low, high }
    }

    /// What became of a partition that the client gave up. Where it can be read after all, the next look sets it up
    /// again, once.
    async fn trouble(&self, partition: u32, from: u64, code: Code, again: bool) -> Result<(), LogError> {
        self.shared.unplace(partition);
        let topic = &self.shared.topic;
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => {
                let bounds = self.meta.bounds(topic, partition).await?;
                if again || from < bounds.low || from > bounds.high {
                    return Err(self.out_of_range(partition, from, bounds));
                }
                Ok(())
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition if !again => {
                self.meta.topic_id(topic).await.map(drop)
            }
            code => {
                let about = self.meta.about("cannot read", topic);
                Err(about.fail(&KafkaError::MessageConsumption(code), self.meta.reasons()))
            }
        }
    }

    /// A read that found nothing.
    async fn nothing(&self, partition: u32, from: u64) -> Result<RecordBatch, LogError> {
        self.watch_progress(partition, from).await?;
        Ok(RecordBatch::new(partition, from))
    }

    /// A reader found nothing again. Where nothing was heard for long although the log goes on, the partition is set up
    /// anew; where that did not help, it is said. A log that ends here, an open transaction included, is no stall.
    async fn watch_progress(&self, partition: u32, from: u64) -> Result<(), LogError> {
        let quiet = {
            let slot = self.shared.queues[partition as usize].slot.lock();
            if !slot.continues(from) || slot.paused || slot.bytes() > 0 {
                Duration::ZERO
            } else {
                slot.heard.elapsed()
            }
        };
        if quiet < limits::STALL {
            return Ok(());
        }
        // A cluster that does not answer now is not a stalled client.
        let Ok(Bounds { high, .. }) = self.meta.bounds(&self.shared.topic, partition).await else {
            return Ok(());
        };
        let stalls = {
            let mut slot = self.shared.queues[partition as usize].slot.lock();
            if high <= from {
                (slot.heard, slot.stalls) = (Instant::now(), 0);
                return Ok(());
            }
            slot.stalls += 1;
            slot.stalls
        };
        let topic = self.shared.topic.clone();
        if stalls > 1 {
            self.shared.unplace(partition);
            let seconds = (limits::STALL * stalls).as_secs();
            return Err(LogError::Stalled { topic, partition, offset: from, high, seconds });
        }
        tracing::warn!(topic, partition, from, high, "no record comes, setting the client up again");
        self.place(partition, from).await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.wake.wake();
    }
}

impl Shared {
    fn list(&self, partition: u32, offset: Option<u64>) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(1);
        let offset = offset.and_then(|o| i64::try_from(o).ok()).map_or(Offset::Invalid, Offset::Offset);
        // Fails only for offsets that cannot be written down, which none of these is.
        let _ = list.add_partition_offset(&self.topic, partition as i32, offset);
        list
    }

    fn place(&self, partition: u32, from: u64) -> Result<(), String> {
        let _gate = self.gate.lock();
        let queue = &self.queues[partition as usize];
        let (was, paused) = {
            let mut slot = queue.slot.lock();
            let was = (slot.assigned, slot.paused);
            self.held.fetch_sub(slot.start(from), Ordering::AcqRel);
            was
        };
        let one = self.list(partition, None);
        if paused {
            self.consumer.resume(&one).map_err(|e| e.to_string())?;
        }
        if was {
            self.consumer.incremental_unassign(&one).map_err(|e| e.to_string())?;
        }
        let assigned = self.consumer.incremental_assign(&self.list(partition, Some(from)));
        if let Err(error) = assigned {
            queue.slot.lock().stop();
            return Err(error.to_string());
        }
        self.wake.wake();
        Ok(())
    }

    fn unplace(&self, partition: u32) {
        let _gate = self.gate.lock();
        let queue = &self.queues[partition as usize];
        let was = {
            let mut slot = queue.slot.lock();
            let was = slot.assigned.then_some(slot.paused);
            self.held.fetch_sub(slot.stop(), Ordering::AcqRel);
            was
        };
        if let Some(paused) = was {
            let one = self.list(partition, None);
            let resumed = if paused { self.consumer.resume(&one) } else { Ok(()) };
            if let Err(error) = resumed.and_then(|()| self.consumer.incremental_unassign(&one)) {
                tracing::warn!(
                    topic = self.topic,
                    partition,
                    "the client kept a partition that was let go: {error}"
                );
            }
        }
        queue.changed.send_replace(());
        self.wake.wake();
    }

    /// What is known of a partition at `from`.
    fn look(&self, partition: u32, from: u64, most: usize) -> Look {
        let mut slot = self.queues[partition as usize].slot.lock();
        if !slot.stands_at(from) {
            return Look::Elsewhere;
        }
        let before = slot.bytes();
        let Some(batch) = slot.take(most) else {
            let look = match slot.stopped {
                Some(code) => Look::Stopped(code),
                None if slot.doubted => Look::Elsewhere,
                None if slot.at_end => Look::End,
                None => Look::Nothing,
            };
            slot.wanted = matches!(look, Look::Nothing);
            return look;
        };
        slot.wanted = false;
        let full = self.held.fetch_sub(before - slot.bytes(), Ordering::AcqRel) >= self.most;
        if full || slot.paused {
            self.wake.wake();
        }
        Look::Records(batch)
    }
}

/// What a reader finds.
enum Look {
    /// The next records, or offsets without records.
    Records(RecordBatch),
    /// The log ends here.
    End,
    /// Nothing yet.
    Nothing,
    /// The client gave the partition up.
    Stopped(Code),
    /// It is to be set up anew: another reader wanted it to be elsewhere, or what came is doubted.
    Elsewhere,
}
