//! The thread of a data consumer: takes what the client has fetched and puts it into the partitions' queues.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use market::Record;
use parking_lot::{Condvar, Mutex, MutexGuard};
use rdkafka::{consumer::Consumer, error::RDKafkaErrorCode as Code};

use super::{Shared, Slot};
use crate::limits;

/// Longest sleep without a sign: callbacks of the client are served at least this often.
const NAP: Duration = Duration::from_millis(100);

/// A bell that is not missed: rung while nobody listens, it is heard at the next listening.
#[derive(Debug, Default)]
pub(super) struct Wake {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Wake {
    pub(super) fn wake(&self) {
        *self.rung.lock() = true;
        self.bell.notify_one();
    }

    fn wait(&self, most: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.bell.wait_for(&mut rung, most);
        }
        *rung = false;
    }
}

/// Runs until the reader is dropped; closes the client.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut taker = Taker::new(shared);
    while !shared.closing.load(Ordering::Acquire) {
        let room = shared.held.load(Ordering::Acquire) < shared.most || balance(shared);
        let taken = if room { taker.take(shared) } else { 0 };
        resume(shared);
        if taken == 0 {
            shared.wake.wait(NAP);
        }
    }
}

/// The partition in hand: its queue stays locked while records of it follow each other.
struct Run<'a> {
    partition: u32,
    slot: MutexGuard<'a, Slot>,
    added: usize,
}

/// Sorts what comes into queues.
struct Sorter<'a> {
    shared: &'a Shared,
    run: Option<Run<'a>>,
}

impl<'a> Sorter<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self { shared, run: None }
    }

    fn slot(&mut self, partition: i32) -> Option<&mut Run<'a>> {
        let partition = u32::try_from(partition).ok()?;
        if self.run.as_ref().is_none_or(|run| run.partition != partition) {
            self.close();
            let queue = self.shared.queues.get(partition as usize)?;
            self.run = Some(Run { partition, slot: queue.slot.lock(), added: 0 });
        }
        self.run.as_mut()
    }

    fn record(&mut self, partition: i32, record: Record<'_>) {
        if let Some(run) = self.slot(partition) {
            run.added += run.slot.push(record);
        }
    }

    fn stopped(&mut self, partition: i32, offset: Option<u64>, code: Code) {
        let Some(run) = self.slot(partition) else { return };
        match code {
            Code::PartitionEOF => {
                let end = offset.unwrap_or_else(|| run.slot.next());
                run.slot.end(end);
                (run.slot.heard, run.slot.stalls) = (Instant::now(), 0);
            }
            Code::AutoOffsetReset
            | Code::OffsetOutOfRange
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed => {
                if run.slot.assigned {
                    run.slot.stopped = Some(code);
                }
            }
            // The client tries again by itself.
            code => tracing::debug!(topic = self.shared.topic, partition, "fetching: {code}"),
        }
    }

    /// Gives the queue in hand back and tells its readers.
    fn close(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        if run.added > 0 {
            (run.slot.heard, run.slot.stalls) = (Instant::now(), 0);
            self.shared.held.fetch_add(run.added, Ordering::AcqRel);
        }
        drop(run.slot);
        self.shared.queues[run.partition as usize].changed.send_replace(());
    }
}

/// Takes records from the client.
struct Taker {
    #[cfg(feature = "batch")]
    batches: Option<super::super::ffi::Batches>,
}

impl Taker {
    fn new(_shared: &Shared) -> Self {
        Self {
            #[cfg(feature = "batch")]
            batches: super::super::ffi::Batches::of(_shared.consumer.client(), limits::FETCH_RECORDS),
        }
    }

    /// Takes what is there now. Returns how much that was.
    fn take(&mut self, shared: &Shared) -> usize {
        let _gate = shared.gate.lock();
        let mut sorter = Sorter::new(shared);
        // One by one: the client's log lines and global errors come only this way.
        let singles = poll(shared, &mut sorter, self.singles());
        #[cfg(not(feature = "batch"))]
        let batched = 0;
        #[cfg(feature = "batch")]
        let batched = self.batches.as_mut().map_or(0, |batches| {
            use super::super::ffi::Taken;
            batches.take(|thing| match thing {
                Taken::Record { partition, offset, record_ms, key, value } => {
                    let Ok(offset) = u64::try_from(offset) else { return };
                    sorter.record(partition, Record { offset, record_ms, key, value });
                }
                Taken::Stopped { partition, offset, error } => {
                    sorter.stopped(partition, u64::try_from(offset).ok(), error);
                }
            })
        });
        sorter.close();
        singles + batched
    }

    fn singles(&self) -> usize {
        #[cfg(feature = "batch")]
        if self.batches.is_some() {
            return 1;
        }
        limits::FETCH_RECORDS
    }
}

fn poll(shared: &Shared, sorter: &mut Sorter<'_>, most: usize) -> usize {
    use rdkafka::{Message as _, error::KafkaError};
    for taken in 0..most {
        match shared.consumer.poll(Duration::ZERO) {
            None => return taken,
            Some(Ok(message)) => {
                let Ok(offset) = u64::try_from(message.offset()) else { continue };
                let record = Record {
                    offset,
                    record_ms: message.timestamp().to_millis().unwrap_or(-1),
                    key: message.key(),
                    value: message.payload().unwrap_or(&[]),
                };
                sorter.record(message.partition(), record);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let end = position(shared, partition);
                sorter.stopped(partition, end, Code::PartitionEOF);
            }
            Some(Err(error)) => match error.rdkafka_error_code() {
                // Polled one by one, an error does not say of which partition it is: all that wait look for themselves.
                Some(
                    code @ (Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::TopicAuthorizationFailed),
                ) => {
                    sorter.close();
                    for partition in 0..shared.queues.len() {
                        let empty = shared.queues[partition].slot.lock().bytes() == 0;
                        if empty {
                            sorter.stopped(partition as i32, None, code);
                        }
                    }
                }
                _ => tracing::debug!(topic = shared.topic, "fetching: {error}"),
            },
        }
    }
    most
}

/// Where the client stands in a partition whose end it reached: behind transaction markers, too.
fn position(shared: &Shared, partition: i32) -> Option<u64> {
    let list = shared.consumer.position().ok()?;
    let found = list.find_partition(&shared.topic, partition)?;
    match found.offset() {
        rdkafka::Offset::Offset(offset) => u64::try_from(offset).ok(),
        _ => None,
    }
}

/// The queues are full. If a reader waits for a partition that has nothing, those that hold more than their share are
/// paused; else the readers at work will make room. True where there is room for the partitions that are not paused.
fn balance(shared: &Shared) -> bool {
    let _gate = shared.gate.lock();
    let (mut starving, mut assigned) = (false, 0);
    for queue in &shared.queues {
        let slot = queue.slot.lock();
        assigned += usize::from(slot.assigned);
        starving |= slot.wanted && slot.assigned && !slot.at_end && slot.bytes() == 0;
    }
    if !starving {
        return false;
    }
    let share = shared.most / assigned.max(1);
    let mut others = 0;
    for (partition, queue) in shared.queues.iter().enumerate() {
        let mut slot = queue.slot.lock();
        if slot.assigned && !slot.paused && slot.bytes() >= share {
            slot.paused = shared.consumer.pause(&shared.list(partition as u32, None)).is_ok();
        }
        others += if slot.paused { 0 } else { slot.bytes() };
    }
    others < shared.most / 2
}

/// Lets paused partitions go on that were read down to half of their share.
fn resume(shared: &Shared) {
    let paused = |queue: &super::Queue| {
        let slot = queue.slot.lock();
        slot.paused.then(|| slot.bytes())
    };
    let assigned = shared.queues.len().max(1);
    for (partition, queue) in shared.queues.iter().enumerate() {
        if paused(queue).is_some_and(|bytes| bytes <= shared.most / assigned / 2) {
            let _gate = shared.gate.lock();
            let mut slot = queue.slot.lock();
            if slot.paused && shared.consumer.resume(&shared.list(partition as u32, None)).is_ok() {
                (slot.paused, slot.heard) = (false, Instant::now());
            }
        }
    }
}
