//! What is ready to be read of one partition: a queue of batches between the thread that fetches and those that read.
//!
//! Invariants: `front` is the offset of the next batch given out, `next` the offset of the next record expected from
//! the broker; the batches between them are contiguous, each starts where the one before ended. `bytes` is their size.
//!
//! Offsets without records are passed over: transaction markers. But not right behind an end that was told. librdkafka's
//! batch call (2.12) counts the end of a partition, E, as a record: its position is then E + 1, and where the
//! partition is paused (`fetch::balance`) before it has fetched E, it goes on with E + 1. So whatever comes next, behind an
//! end, and is not at that end, is not believed: the partition is set up anew at E, and what comes of that is.

use std::{collections::VecDeque, time::Instant};

use market::{Record, RecordBatch};
use rdkafka::error::RDKafkaErrorCode;

use crate::limits;

/// One partition's queue.
#[derive(Debug)]
pub(super) struct Slot {
    /// Fetched for us by the client.
    pub(super) assigned: bool,
    /// Fetching stands still because this partition holds more than its share.
    pub(super) paused: bool,
    /// A reader waits and finds nothing.
    pub(super) wanted: bool,
    /// The log ended at `next` when last heard of.
    pub(super) at_end: bool,
    /// Something came that may have left out what is at `next`: nothing more is taken in.
    pub(super) doubted: bool,
    /// Why nothing more will come.
    pub(super) stopped: Option<RDKafkaErrorCode>,
    /// When the last record or end came.
    pub(super) heard: Instant,
    /// How often in a row it was set up again in vain.
    pub(super) stalls: u32,
    partition: u32,
    front: u64,
    next: u64,
    bytes: usize,
    batches: VecDeque<RecordBatch>,
}

impl Slot {
    pub(super) fn new(partition: u32) -> Self {
        Self {
            assigned: false,
            paused: false,
            wanted: false,
            at_end: false,
            doubted: false,
            stopped: None,
            heard: Instant::now(),
            stalls: 0,
            partition,
            front: 0,
            next: 0,
            bytes: 0,
            batches: VecDeque::new(),
        }
    }

    /// Starts anew at `from`. Returns the bytes that were held.
    pub(super) fn start(&mut self, from: u64) -> usize {
        let held = self.bytes;
        *self = Self {
            front: from,
            next: from,
            assigned: true,
            stalls: self.stalls,
            ..Self::new(self.partition)
        };
        held
    }

    /// True where a read from `from` goes on with what is here, or with what will come.
    pub(super) fn continues(&self, from: u64) -> bool {
        let goes_on = self.stopped.is_none() && !self.doubted;
        self.stands_at(from) && (goes_on || !self.batches.is_empty())
    }

    /// True where the next batch given out starts at `from`.
    pub(super) fn stands_at(&self, from: u64) -> bool {
        self.assigned && self.front == from
    }

    /// Where the client fetches next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Bytes ready.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a record in; one that is behind `next` came from an earlier start and is dropped.
    pub(super) fn push(&mut self, record: Record<'_>) -> usize {
        if !self.assigned || record.offset < self.next || self.doubts(record.offset) {
            return 0;
        }
        let size = record.key.map_or(0, <[u8]>::len) + record.value.len();
        let open =
            self.batches.back().is_some_and(|b| b.is_empty() || b.bytes() + size <= limits::BATCH_BYTES);
        if !open {
            // After a full one comes another as full: no growing.
            let before = self.batches.back().map_or(0, RecordBatch::len);
            let room = if before == 0 { size } else { limits::BATCH_BYTES };
            self.batches.push_back(RecordBatch::with_capacity(self.partition, self.next, room, before));
        }
        let Some(batch) = self.batches.back_mut() else { return 0 };
        let before = batch.bytes();
        batch.push(record);
        let added = batch.bytes() - before;
        self.bytes += added;
        self.next = batch.next_offset;
        self.at_end = false;
        added
    }

    /// True where something at `offset` may not follow what is here.
    fn doubts(&mut self, offset: u64) -> bool {
        self.doubted |= self.at_end && offset > self.next;
        self.doubted
    }

    /// The log ends at `offset`: what lies between holds no records (transaction markers).
    pub(super) fn end(&mut self, offset: u64) {
        if !self.assigned || offset < self.next || self.doubts(offset) {
            return;
        }
        if offset > self.next {
            match self.batches.back_mut() {
                Some(batch) => batch.next_offset = offset,
                None => self.batches.push_back(RecordBatch::new(self.partition, offset)),
            }
            self.next = offset;
        }
        self.at_end = true;
    }

    /// The next batch: at least one record where there is one, and no more than `most` bytes after the first.
    pub(super) fn take(&mut self, most: usize) -> Option<RecordBatch> {
        let mut batch = self.batches.pop_front()?;
        if batch.bytes() > most && batch.len() > 1 {
            let rest = split(&mut batch, most);
            self.batches.push_front(rest);
        }
        self.bytes -= batch.bytes();
        self.front = batch.next_offset;
        Some(batch)
    }

    /// Gives everything up. Returns the bytes that were held.
    pub(super) fn stop(&mut self) -> usize {
        let held = self.bytes;
        *self = Self::new(self.partition);
        held
    }
}

/// Leaves in `batch` what fits into `most` bytes, at least one record, and returns the rest.
fn split(batch: &mut RecordBatch, most: usize) -> RecordBatch {
    let whole = std::mem::take(batch);
    let first = whole.iter().next().map_or(whole.next_offset, |r| r.offset);
    *batch = RecordBatch::new(whole.partition, first);
    let mut rest = RecordBatch::new(whole.partition, first);
    for record in whole.iter() {
        let size = record.key.map_or(0, <[u8]>::len) + record.value.len() + RecordBatch::RECORD_BYTES;
        if rest.is_empty() && (batch.is_empty() || batch.bytes() + size <= most) {
            batch.push(record);
        } else {
            rest.push(record);
        }
    }
    rest.next_offset = whole.next_offset;
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, value: &[u8]) -> Record<'_> {
        Record { offset, record_ms: 7, key: Some(b"K"), value }
    }

    fn started(from: u64) -> Slot {
        let mut slot = Slot::new(3);
        slot.start(from);
        slot
    }

    #[test]
    fn batches_follow_each_other_and_bytes_add_up() {
        let mut slot = started(10);
        let mut held = 0;
        for offset in 10..2_010 {
            held += slot.push(record(offset, &[1; 1_000]));
        }
        assert_eq!(slot.bytes(), held);
        let (mut at, mut taken) = (10, 0);
        while let Some(batch) = slot.take(usize::MAX) {
            assert!(batch.bytes() <= limits::BATCH_BYTES + 2_000, "{}", batch.bytes());
            assert_eq!(batch.iter().next().map(|r| r.offset), Some(at));
            at = batch.next_offset;
            taken += batch.len();
            assert!(slot.continues(at));
        }
        assert_eq!((at, taken, slot.bytes()), (2_010, 2_000, 0));
    }

    #[test]
    fn a_small_limit_splits_and_loses_nothing() {
        for most in [0, 1, 100, 5_000] {
            let mut slot = started(0);
            for offset in 0..50 {
                slot.push(record(offset * 2, &[offset as u8; 100]));
            }
            slot.end(200);
            let mut offsets = Vec::new();
            while let Some(batch) = slot.take(most) {
                assert!(batch.len() == 1 || batch.bytes() <= most, "{} of {most}", batch.bytes());
                offsets.extend(batch.iter().map(|r| r.offset));
            }
            assert_eq!(offsets, (0..50).map(|o| o * 2).collect::<Vec<_>>());
            assert!(slot.continues(200) && slot.at_end && slot.bytes() == 0);
        }
    }

    #[test]
    fn an_end_behind_markers_is_a_batch_without_records() {
        let mut slot = started(5);
        slot.end(5);
        assert!(slot.take(100).is_none() && slot.at_end);
        slot.start(5);
        slot.end(7);
        let batch = slot.take(100).unwrap();
        assert_eq!((batch.len(), batch.next_offset), (0, 7));
        slot.push(record(7, b"x"));
        assert!(!slot.at_end);
        slot.push(record(9, b"x"));
        slot.end(11);
        let batch = slot.take(usize::MAX).unwrap();
        assert_eq!((batch.len(), batch.next_offset), (2, 11));
        slot.end(3);
        assert!(slot.continues(11), "an end of an earlier start means nothing");
    }

    #[test]
    fn what_leaves_out_an_end_that_was_told_is_not_believed() {
        let later: [fn(&mut Slot); 2] =
            [|slot| assert_eq!(slot.push(record(7, b"y")), 0), |slot| slot.end(7)];
        for later in later {
            let mut slot = started(5);
            slot.push(record(5, b"x"));
            slot.end(6);
            later(&mut slot);
            assert_eq!(slot.push(record(8, b"z")), 0, "nor what follows it");
            assert!(slot.continues(5), "what was there before is given out");
            assert_eq!(slot.take(100).unwrap().next_offset, 6);
            assert!(slot.take(100).is_none() && !slot.continues(6), "then it is set up anew");
            // What a fresh start at the same place finds is so.
            slot.start(6);
            assert!(slot.push(record(8, b"z")) > 0 && slot.continues(6));
        }
    }

    #[test]
    fn records_of_an_earlier_start_are_dropped() {
        let mut slot = started(100);
        assert_eq!(slot.push(record(99, b"old")), 0);
        assert!(slot.push(record(100, b"new")) > 0);
        assert!(slot.stop() > 0);
        assert_eq!(slot.push(record(101, b"late")), 0, "nobody reads this partition any more");
        assert!(!slot.continues(100));
    }
}
