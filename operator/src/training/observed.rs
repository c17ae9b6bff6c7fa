//! What a step decides from, besides the run itself: the world as the API server and the workers tell it, as values.

use crds::training_run::RunResult;
use jiff::Timestamp;

/// Everything a step looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The pipeline that the run names.
    pub pipeline: PipelineState,
    /// What is stored, where the workers tell it.
    pub stored: Option<Stored>,
    /// The Job of the last attempt, looked up by its name.
    pub job: JobState,
    /// Pods of the run that have not ended.
    pub pods: usize,
    /// What the trainer tells of itself. A view: nothing is decided by it.
    pub progress: Option<Progress>,
    /// What the API server said when the Job of the last attempt was to be created, just now.
    pub refusal: Option<Refusal>,
    /// The versions that serve, where the predictors tell.
    pub serving: Option<Serving>,
}

/// The pipeline of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PipelineState {
    /// There is none of that name.
    #[default]
    Missing,
    /// It cannot be built from, and why.
    Invalid(String),
    /// It is being deleted.
    Deleting,
    /// `operation.stopped` is set.
    Stopped,
    /// Runs may start.
    Ready,
}

/// What ingest has stored of the run's bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Final bars over all symbols.
    pub rows: i64,
    /// `now` of a run: up to here everything is committed.
    pub until: Option<Timestamp>,
}

/// The Job of an attempt.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum JobState {
    /// There is none of that name.
    #[default]
    Absent,
    /// There is one, of another owner.
    Foreign,
    /// It is the run's.
    Ours {
        /// Its uid.
        uid: String,
        /// What it does.
        stage: Stage,
    },
}

impl JobState {
    /// True where the run's Job is there and has not ended.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, JobState::Ours { stage: Stage::Suspended | Stage::Unscheduled(_) | Stage::Active, .. })
    }
}

/// What a Job does.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// A queue holds it.
    Suspended,
    /// No node takes its pods, and why.
    Unscheduled(String),
    /// It runs, or is about to.
    Active,
    /// It ended well; the result, where it could be read.
    Complete(Option<Box<RunResult>>),
    /// It did not.
    Failed(Failure),
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub cause: Cause,
    /// Of the trainer's process.
    pub exit_code: Option<i32>,
    /// For people.
    pub message: String,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The trainer refused its input: exit code 2. Another attempt would refuse it as well.
    Invalid,
    /// The kernel ended it for want of memory. Another attempt would want as much.
    OutOfMemory,
    /// The Job ran longer than the whole run may.
    TooLong,
    /// Anything that may pass.
    Passing,
}

/// What the trainer tells on `/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Its phase.
    pub phase: crds::training_run::status::Phase,
    /// Percent of the work.
    pub percent: i32,
    /// Seconds that are left, where it knows.
    pub remaining: Option<i64>,
}

/// Why a Job was not created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A quota of the namespace: room may come.
    Quota(String),
    /// The object is not valid: it never will be.
    Invalid(String),
}

/// The versions with an alias, for the first horizon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Serving {
    /// The version that serves.
    pub champion: Option<i64>,
    /// The one that served before.
    pub previous: Option<i64>,
    /// The one that is being tried.
    pub challenger: Option<i64>,
}

impl Serving {
    /// The alias of a version.
    pub fn alias(&self, version: i64) -> Option<&'static str> {
        [(self.champion, "champion"), (self.challenger, "challenger"), (self.previous, "previous")]
            .into_iter()
            .find(|(of, _)| *of == Some(version))
            .map(|(_, alias)| alias)
    }
}
