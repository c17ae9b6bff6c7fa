//! The words that conditions and Events give for a reason: one list, from which the operator takes them and the
//! reference is written.
//!
//! A reason that is not here cannot be said: the operator's conditions take a [`Reason`], no text. A test of the
//! operator holds that none of them is never said, and that each is said only where [`table`] has it.

mod pipeline;
mod run;

use std::fmt;

/// Where nobody has to do anything.
const NOTHING: &str = "nothing";

/// The two kinds of object that have conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A StockPipeline.
    StockPipeline,
    /// A TrainingRun.
    TrainingRun,
}

impl Object {
    /// Both, in the order in which they are told.
    pub const ALL: [Object; 2] = [Object::StockPipeline, Object::TrainingRun];

    /// As Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Object::StockPipeline => "StockPipeline",
            Object::TrainingRun => "TrainingRun",
        }
    }
}

/// One type of condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionType {
    /// Whose it is.
    pub object: Object,
    /// Its name.
    pub name: &'static str,
    /// What it says where it is True.
    pub meaning: &'static str,
}

/// One reason as it is said of some conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Names of the conditions; empty: it is told by an Event alone.
    pub on: &'static [&'static str],
    /// Whose conditions they are.
    pub object: Object,
    /// The reason.
    pub reason: Reason,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Every type of condition, in the order in which they are shown.
pub fn conditions() -> impl Iterator<Item = &'static ConditionType> {
    pipeline::CONDITIONS.iter().chain(run::CONDITIONS)
}

/// Every reason of every condition, and those of Events that no condition gives.
pub fn table() -> impl Iterator<Item = &'static Row> {
    pipeline::ROWS.iter().chain(run::ROWS)
}

/// The row by which a condition gives a reason.
pub fn row(condition: &str, reason: &str) -> Option<&'static Row> {
    table().find(|row| row.reason.name() == reason && row.on.contains(&condition))
}

macro_rules! reasons {
    ($($name:ident),* $(,)?) => {
        /// Why something is as it is, as one CamelCase word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(
                #[doc = concat!("`", stringify!($name), "`: see [`table`].")]
                $name,
            )*
        }

        impl Reason {
            /// Every reason, by name.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// As it is written.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Reason::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons!(
    AboveTarget,
    Answering,
    ApiError,
    AsExpected,
    Asked,
    AtMaximum,
    AttemptFailed,
    CassandraUnavailable,
    Conflict,
    ContainerConfig,
    CrashLoop,
    DataRetained,
    DeadlineExceeded,
    Deleting,
    Dereference,
    Disabled,
    EnoughRows,
    Forbidden,
    HdfsUnavailable,
    ImagePull,
    InitFailed,
    Initialising,
    InvalidInput,
    InvalidJob,
    InvalidOverride,
    InvalidSchedule,
    InvalidSpec,
    JobLost,
    KafkaUnavailable,
    MissingConfigMap,
    MissingKey,
    MissingSecret,
    NameConflict,
    NoHelp,
    NoSignal,
    NotAsked,
    NotAskedYet,
    NotDecided,
    NotPublished,
    NotServing,
    ObjectRefused,
    OutOfMemory,
    Passed,
    PipelineDeleted,
    PipelineInvalid,
    PipelineMissing,
    PipelineStopped,
    PodRefused,
    Published,
    Queued,
    QuotaExceeded,
    Ready,
    Recorded,
    Refused,
    Restoring,
    ResultLost,
    Resumed,
    RollingOut,
    Running,
    ScaledIn,
    ScaledOut,
    Serving,
    Settled,
    Starting,
    Steady,
    Stopped,
    Stopping,
    Stuck,
    Submitting,
    Suspended,
    Suspending,
    TrainingComplete,
    TrainingFailed,
    Unschedulable,
    UnsupportedImage,
    Volume,
    Waiting,
    WaitingForData,
    WaitingForLag,
);

impl Reason {
    /// The reason that is written so; `None` where this release has none of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_of_conditions_that_there_are() {
        for reason in Reason::ALL {
            assert!(table().any(|row| row.reason == *reason), "{reason} has no row");
            assert_eq!(Reason::parse(reason.name()), Some(*reason));
        }
        for row in table() {
            assert!(!row.meaning.is_empty() && !row.remedy.is_empty(), "{}", row.reason);
            for name in row.on {
                let known = conditions().any(|type_| type_.name == *name && type_.object == row.object);
                assert!(known, "{name}, of {}, is no condition of a {}", row.reason, row.object.name());
                let rows = table().filter(|other| other.reason == row.reason && other.on.contains(name));
                assert_eq!(rows.count(), 1, "{} of {name} is told twice", row.reason);
            }
        }
        for type_ in conditions() {
            assert!(table().any(|row| row.on.contains(&type_.name)), "{} has no reason", type_.name);
        }
    }

    #[test]
    fn reasons_stand_in_the_order_of_their_names() {
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.name()));
    }
}
