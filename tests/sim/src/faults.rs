//! The fault model: what goes wrong, where it was seen, and why the pipeline recovers.
//!
//! **The lake** is HDFS behind a client that puts a limit on every call.
//! - *Fails before it is dispatched* (connection refused, safe mode, a NameNode that fails over): nothing happened, the
//!   call is made again. A create is made again under a new name, so that nobody has to know.
//! - *Fails after it was carried out* (the answer is lost when a connection breaks): only the content of `N.commit` says
//!   who has number N; a rename of a data file is judged by what stands at both of its names.
//! - *Is carried out late* (a call that sat in a queue of the NameNode past the client's limit, seen with full garbage
//!   collections there): after our own repetition, after our death, after the next owner's look. A record that turns up
//!   is adopted by the next owner, whose fence finds its number taken and looks again; a rename onto a name that is
//!   taken does nothing.
//! - *Leaves half a file* (a DataNode lost inside an open file: the client does not survive it): names of files that
//!   failed are never used again, and recovery compares lengths, restores compare checksums.
//! - *Is never answered* (hdfs-native has no limit of its own; seen with a stopped NameNode): the limit turns it into an
//!   unknown outcome, carried out or not.
//! - *Takes half a second* (every close asks the DataNode's report to reach the NameNode): commits run beside reading.
//!
//! **A process** dies before, after or in the middle of any call, by the kill of a pod or of a node: what is not committed
//! is read again, equal rows are written again. It freezes (a stopped cgroup, a suspended node): others own its
//! partitions when it thaws, and a call that it had decided on before goes out then: the fence decides.
//!
//! **The feature store** is Cassandra: a batch can fail before or after it took effect, in parts (the batches of several
//! partitions are independent), or take effect long after the coordinator said that it timed out. Rows carry their T,
//! and the greater T wins, whatever the order. It can be away for minutes: finals are spilled into the commits.
//!
//! **The log** is Kafka: a read, a look at the bounds or an append can fail, and an append can have happened all the
//! same: rows in the features log can stand there twice, and followers know it. It can drop records that were never
//! read: that is recorded, or halts. A topic can be made again: that halts until somebody accepts it.
//!
//! **Clocks** of workers differ by seconds: they decide when something is written, never what.
//!
//! Not here: lost or rotten bytes of files that were durable (damage is `fsck`'s, and its tests'), and stores that break
//! their own promises. [`Break`] does that on purpose, to show that the checkers notice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

/// How often calls fail, in a thousand, and how long they take, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Calls of the lake that fail before they are dispatched.
    pub lake_before: u64,
    /// Calls of the lake that fail after they were carried out.
    pub lake_after: u64,
    /// Creates that leave half a file.
    pub lake_torn: u64,
    /// Renames that are carried out later.
    pub lake_late: u64,
    /// Calls of the lake that are never answered.
    pub lake_silent: u64,
    /// Longest time of a call of the lake that reads.
    pub lake_read_ms: u64,
    /// Time of a call of the lake that writes: from this to twice as long.
    pub lake_write_ms: u64,
    /// Upserts that fail before, after, in the middle; and those that take effect after they failed.
    pub store: u64,
    /// Longest time of an upsert.
    pub store_ms: u64,
    /// Calls of the log that fail before or after they were carried out.
    pub log: u64,
    /// Longest time of a call of the log.
    pub log_ms: u64,
}

impl Weather {
    /// Nothing fails, and answers come within milliseconds.
    pub const FAIR: Self = Self {
        lake_before: 0,
        lake_after: 0,
        lake_torn: 0,
        lake_late: 0,
        lake_silent: 0,
        lake_read_ms: 4,
        lake_write_ms: 8,
        store: 0,
        store_ms: 6,
        log: 0,
        log_ms: 3,
    };

    /// Everything fails now and then.
    pub const FOUL: Self = Self {
        lake_before: 20,
        lake_after: 20,
        lake_torn: 30,
        lake_late: 30,
        lake_silent: 5,
        store: 150,
        log: 20,
        ..Self::FAIR
    };
}

/// A promise that a part of the world breaks on purpose: each has a checker that must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Renames replace files, and nobody is told.
    OverwritingLake,
    /// The feature store keeps what came last, whatever its T.
    CarelessStore,
    /// The feature store says that it took rows which it did not take.
    ForgetfulStore,
    /// The log leaves records out and does not say so.
    LeakingLog,
    /// Renames of raw files are answered well, and the files are gone.
    LosingLake,
    /// Fences are answered well and not placed: an owner goes on as if it had skipped its fence.
    FencelessLake,
    /// The log gives each reader other record times than it gave the producer.
    ShiftingLog,
    /// The log says that it dropped records which it still has.
    LyingLog,
}

/// What was injected so far, and whether more is to come. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    over: Arc<AtomicBool>,
    injected: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Faults {
    /// From now on nothing fails any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// True once nothing fails any more.
    pub fn are_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// One more of that kind.
    pub fn count(&self, kind: &str) {
        *self.injected.lock().entry(kind.to_owned()).or_default() += 1;
    }

    /// So many of each kind.
    pub fn injected(&self) -> BTreeMap<String, u64> {
        self.injected.lock().clone()
    }
}
