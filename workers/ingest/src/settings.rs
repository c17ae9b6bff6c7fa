//! What an ingest worker is told, and what it works with.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use feature_store::RowSink;
use lake::Lake;
use tick_log::{Clock, Log, Ownership};
use windowing::Semantics;

use crate::{Status, limits};

/// When a commit is due, whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roll {
    /// Encoded bytes of one partition's open files.
    pub bytes: usize,
    /// Age of the oldest uncommitted record's arrival here.
    pub age: Duration,
    /// Uncommitted records of one partition.
    pub rows: u64,
}

impl Default for Roll {
    fn default() -> Self {
        Self { bytes: 128 << 20, age: Duration::from_secs(60), rows: limits::ROLL_ROWS }
    }
}

/// What to do when the log has dropped records that were never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGap {
    /// Halt and say so.
    #[default]
    Halt,
    /// Record the gap in the commit log, mark the rows that saw it, go on.
    Record,
}

/// What a partition that halts does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnHalt {
    /// They drain, and the worker ends with the halt's error: one process for one person, who is to see it.
    #[default]
    DrainAll,
    /// They go on: the worker stays up, is not ready, and says which partition stands still and why. The partition is
    /// tried again when somebody has done something about it.
    Keep,
}

/// Plain settings of one worker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Directory below the lake under which everything lies; empty = the lake itself.
    pub root: String,
    /// What time, windows and bars mean.
    pub semantics: Arc<Semantics>,
    /// When commits are due.
    pub roll: Roll,
    /// Bytes that everything of all partitions may take: files, state, records that were read, rows on their way.
    pub budget_bytes: usize,
    /// Topic with the ticks.
    pub ticks_topic: String,
    /// Topic for finals and provisional rows.
    pub features_topic: String,
    /// What to do about lost records.
    pub on_gap: OnGap,
    /// How long raw ticks and dead letters are kept, counted from arrival; absent = for ever.
    pub retention: Option<Duration>,
    /// Bytes of one read from the log.
    pub read_bytes: usize,
    /// What to do about the other partitions when one halts.
    pub on_halt: OnHalt,
    /// Wait before a fence, the longer the more fences stand behind the newest data: where nobody but the fence says
    /// who owns a partition, two claimants must not take it from each other without end.
    pub fence_backoff: bool,
}

impl Settings {
    /// Settings with every default.
    pub fn new(pipeline: &str, semantics: Arc<Semantics>) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            root: String::new(),
            semantics,
            roll: Roll::default(),
            budget_bytes: limits::BUDGET_BYTES,
            ticks_topic: "ticks".to_owned(),
            features_topic: format!("{pipeline}.features"),
            on_gap: OnGap::Halt,
            retention: None,
            read_bytes: limits::READ_BYTES,
            on_halt: OnHalt::DrainAll,
            fence_backoff: false,
        }
    }
}

/// What a worker works with.
#[derive(Clone)]
pub struct Components {
    /// Ticks come from here, rows go here. Both topics must exist.
    pub log: Arc<dyn Log>,
    /// Who says which partitions to work on.
    pub ownership: Arc<dyn Ownership>,
    /// Where commits go.
    pub lake: Arc<dyn Lake>,
    /// Where rows go.
    pub store: Arc<dyn RowSink>,
    /// Where figures go.
    pub metrics: runtime::Metrics,
    /// Where this worker says how it stands.
    pub status: Arc<Status>,
    /// Wall clock in milliseconds: decides when, never what.
    pub clock: Clock,
    /// Where the names of claims come from.
    pub entropy: Entropy,
}

/// Where randomness comes from. Injected, as time is, so that a simulation can repeat a run. Two workers must never draw
/// the same numbers.
pub type Entropy = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The machine's: hashes under keys that the operating system drew.
pub fn system_entropy() -> Entropy {
    Arc::new(|| RandomState::new().hash_one(std::process::id()))
}
