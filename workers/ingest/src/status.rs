//! How a worker stands: one entry a partition, read by `/status`, by `local` and by tests.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use market::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use windowing::Counters;

use crate::{Condition, conditions::ConditionKind};

/// What a partition is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Claiming the log and reading state back.
    #[default]
    Restoring,
    /// Reading, writing.
    Running,
    /// Not reading: a limit is reached or a store does not take rows.
    Paused,
    /// Writing what is left.
    Draining,
    /// Everything written.
    Drained,
    /// Lost for the moment: nothing is written, what was made is kept in case it comes back.
    Parked,
    /// Stopped by an error that waiting does not heal.
    Halted,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: u32,
    /// What it is doing.
    pub phase: Phase,
    /// Why it halted or pauses.
    pub reason: Option<String>,
    /// First offset that is not applied: everything before it was read and counted.
    pub offset: u64,
    /// Next offset to be written to the log, as last seen.
    pub log_end: u64,
    /// `log_end - offset`.
    pub lag_records: u64,
    /// Age of the next record to be read, by its record time; 0 at the log's end.
    pub lag_seconds: f64,
    /// First offset that is not committed.
    pub committed: u64,
    /// Number of the newest commit.
    pub sequence: Option<u64>,
    /// Commits of this process.
    pub commits: u64,
    /// Seconds since the newest commit of this process.
    pub commit_age_seconds: Option<f64>,
    /// Watermark.
    pub watermark: Option<Timestamp>,
    /// Watermark at the newest commit.
    pub committed_watermark: Option<Timestamp>,
    /// Greatest event time.
    pub max_ts: Option<Timestamp>,
    /// Bytes of state.
    pub state_bytes: usize,
    /// Bytes of open and frozen files.
    pub open_bytes: usize,
    /// Finals that store or log have not acknowledged.
    pub pending_rows: u64,
    /// Counts since the first record.
    pub counters: Counters,
    /// Counts at the newest commit: what readers of the lake can see.
    pub committed_counters: Counters,
}

/// All partitions of a worker.
#[derive(Debug, Default)]
pub struct Status {
    partitions: Mutex<BTreeMap<u32, PartitionStatus>>,
    conditions: Mutex<BTreeMap<(ConditionKind, Option<u32>), String>>,
    /// It is known what to work on, be it nothing.
    settled: AtomicBool,
    /// Commits asked for so far.
    commit: watch::Sender<u64>,
}

impl Status {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every partition, in order.
    pub fn partitions(&self) -> Vec<PartitionStatus> {
        self.lock().values().cloned().collect()
    }

    /// The sum over all partitions.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.lock().values().for_each(|p| sum.add(&p.counters));
        sum
    }

    /// True when every partition of this worker, if it has any, was restored and none stands still: its readiness.
    pub fn is_ready(&self) -> bool {
        let waits = |p: &PartitionStatus| matches!(p.phase, Phase::Restoring | Phase::Parked | Phase::Halted);
        self.settled.load(Ordering::Relaxed) && !self.lock().values().any(waits)
    }

    /// What is not as it should be.
    pub fn conditions(&self) -> Vec<Condition> {
        let conditions = self.conditions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let condition = |((kind, partition), message): (&(ConditionKind, Option<u32>), &String)| Condition {
            kind: kind.as_str(),
            message: message.clone(),
            partition: *partition,
        };
        conditions.iter().map(condition).collect()
    }

    /// First offset of a partition that is not applied.
    pub(crate) fn offset(&self, partition: u32) -> u64 {
        self.lock().get(&partition).map_or(0, |p| p.offset)
    }

    /// Number of a partition's newest commit, where it is known.
    pub(crate) fn sequence(&self, partition: u32) -> Option<u64> {
        self.lock().get(&partition).and_then(|p| p.sequence)
    }

    /// Asks every partition to commit what it has read, as if its roll age had passed: a reader of the lake is waiting.
    pub fn request_commit(&self) {
        self.commit.send_modify(|asked| *asked += 1);
    }

    /// Changes with every [`Status::request_commit`].
    pub(crate) fn commit_requests(&self) -> watch::Receiver<u64> {
        self.commit.subscribe()
    }

    /// The JSON of `/status`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "ready": self.is_ready(),
            "conditions": self.conditions(),
            "partitions": self.partitions(),
            "counters": self.counters(),
        })
    }

    /// A condition holds from now on. True when it did not.
    pub(crate) fn raise(&self, kind: ConditionKind, partition: Option<u32>, message: String) -> bool {
        let mut conditions = self.conditions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        conditions.insert((kind, partition), message).is_none()
    }

    /// A condition does not hold any more.
    pub(crate) fn clear(&self, kind: ConditionKind, partition: Option<u32>) {
        let mut conditions = self.conditions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        conditions.remove(&(kind, partition));
    }

    /// A partition is taken again: what halted it is over, and what a store did to its claim.
    pub(crate) fn taken(&self, partition: u32) {
        let mut conditions = self.conditions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        conditions.retain(|(kind, p), _| *p != Some(partition) || *kind == ConditionKind::KeyingViolations);
    }

    /// A partition is another worker's now: it is no more told of. The commits that it had.
    pub(crate) fn forget(&self, partition: u32) -> u64 {
        let mut conditions = self.conditions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        conditions.retain(|(_, p), _| *p != Some(partition));
        self.lock().remove(&partition).map_or(0, |p| p.commits)
    }

    /// It is known what to work on.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    pub(crate) fn update(&self, partition: u32, change: impl FnOnce(&mut PartitionStatus)) {
        let mut partitions = self.lock();
        let entry = partitions.entry(partition).or_default();
        entry.partition = partition;
        change(entry);
    }

    /// A poisoned lock only means that a reader of status panicked: the entries are whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, PartitionStatus>> {
        self.partitions.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
