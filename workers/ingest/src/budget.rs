//! One byte budget for everything that a worker's partitions hold: half of it for open and frozen files, a quarter for
//! state with duplicate sets, a sixth for records that were read, a twelfth for rows on their way.
//!
//! Partitions come and go, and traffic is never spread evenly, so nobody has a fixed share of the files: while the sum
//! is below half of the budget everybody goes on; above it the partition with most bytes in open files is to commit;
//! at the whole budget nobody reads on until a commit has given bytes back. Rows on their way and the reads that are
//! held have shares by the number of partitions, because a store that does not answer hits all of them alike.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::limits;

/// Bytes that one partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Files that take rows: a commit frees them.
    pub open: usize,
    /// Files of the commit in flight.
    pub frozen: usize,
}

impl Usage {
    fn sum(self) -> usize {
        self.open + self.frozen
    }
}

/// What a partition may do about its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Room {
    /// Go on.
    #[default]
    Free,
    /// Commit now: the sum is over half of the budget, and nobody holds more.
    Commit,
    /// Do not read on. The partition with most bytes commits.
    Full,
}

#[derive(Debug)]
pub(crate) struct Budget {
    files: usize,
    state: usize,
    records: usize,
    rows: usize,
    held: Mutex<BTreeMap<u32, Held>>,
}

/// One partition's.
#[derive(Debug, Default)]
struct Held {
    usage: Usage,
    /// Changes when bytes came back after the budget was full, or when partitions come and go. Each partition has its own,
    /// so that they wake in their order.
    changed: watch::Sender<u64>,
}

fn changed(held: &BTreeMap<u32, Held>) {
    held.values().for_each(|h| h.changed.send_modify(|n| *n += 1));
}

impl Budget {
    pub fn new(total: usize) -> Self {
        Self {
            files: (total / 2).max(1),
            state: total / 4,
            records: total / 6,
            rows: total / 12,
            held: Mutex::default(),
        }
    }

    /// Bytes of state, duplicate sets included, above which a worker says that it is too much.
    pub fn state(&self) -> usize {
        self.state
    }

    /// Changes with the room that a partition has.
    pub fn changes(&self, partition: u32) -> watch::Receiver<u64> {
        self.held.lock().entry(partition).or_default().changed.subscribe()
    }

    /// A partition comes.
    pub fn enter(&self, partition: u32) {
        let mut held = self.held.lock();
        held.entry(partition).or_default().usage = Usage::default();
        changed(&held);
    }

    /// A partition goes, with everything that it held.
    pub fn leave(&self, partition: u32) {
        let mut held = self.held.lock();
        held.remove(&partition);
        changed(&held);
    }

    /// What `partition` holds now, and what it may do.
    pub fn tell(&self, partition: u32, usage: Usage) -> Room {
        let mut held = self.held.lock();
        let before: usize = held.values().map(|h| h.usage.sum()).sum();
        let known = std::mem::replace(&mut held.entry(partition).or_default().usage, usage);
        let sum = before - known.sum() + usage.sum();
        let most = held.values().map(|h| h.usage.open).max().unwrap_or_default();
        if before >= self.files && sum < self.files {
            changed(&held);
        }
        drop(held);
        let largest = usage.open == most && usage.open > 0;
        match () {
            () if sum >= self.files / 2 && largest && usage.frozen == 0 => Room::Commit,
            () if sum >= self.files => Room::Full,
            () => Room::Free,
        }
    }

    /// Bytes of rows on their way, and of one read, for each of the partitions there are now.
    pub fn shares(&self, read_bytes: usize) -> (usize, usize) {
        let partitions = self.held.lock().len().max(1);
        let rows = (self.rows / partitions).max(limits::SHARE_BYTES_MIN);
        // One read is applied while the next is on its way.
        let read = (self.records / partitions / 2).max(limits::READ_BYTES_MIN).min(read_bytes.max(1));
        (rows, read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(open: usize) -> Usage {
        Usage { open, frozen: 0 }
    }

    #[test]
    fn whoever_holds_most_commits() {
        let budget = Budget::new(2_000);
        assert_eq!(budget.tell(0, open(300)), Room::Free);
        assert_eq!(budget.tell(1, open(150)), Room::Free);
        assert_eq!(budget.tell(1, open(200)), Room::Free, "over half, but another holds more");
        assert_eq!(budget.tell(0, open(301)), Room::Commit);
        assert_eq!(budget.tell(0, Usage { open: 10, frozen: 301 }), Room::Free, "frozen: on its way");
        assert_eq!(budget.tell(1, open(201)), Room::Commit);
    }

    #[test]
    fn a_full_budget_stops_all_and_says_when_it_is_over() {
        let budget = Budget::new(2_000);
        budget.tell(0, Usage { open: 10, frozen: 700 });
        assert_eq!(budget.tell(1, Usage { open: 20, frozen: 280 }), Room::Full);
        assert_eq!(budget.tell(0, Usage { open: 10, frozen: 700 }), Room::Full);
        let mut changes = budget.changes(0);
        changes.mark_unchanged();
        budget.tell(1, open(20));
        assert!(changes.has_changed().unwrap_or_default());
        assert_eq!(budget.tell(0, Usage { open: 10, frozen: 700 }), Room::Free);
    }

    #[test]
    fn one_alone_has_everything() {
        let budget = Budget::new(limits::BUDGET_BYTES);
        budget.enter(0);
        let (rows, read) = budget.shares(1 << 20);
        assert_eq!((rows, read), (16 << 20, 1 << 20));
        (1..64).for_each(|p| budget.enter(p));
        let (less, read) = budget.shares(1 << 20);
        assert!(less == rows / 64 && read < 1 << 20, "{less} {read}");
        (1..64).for_each(|p| budget.leave(p));
        assert_eq!(budget.shares(1 << 20).0, rows);
    }
}
