//! What is not as it should be: one entry for each kind and partition, as long as it is so.

use serde::Serialize;

use crate::Error;

/// Something that a person should know, in `/status` for as long as it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Its kind, as an operator tells conditions apart.
    pub kind: &'static str,
    /// What is wrong, where, and what helps.
    pub message: String,
    /// The partition, where it is about one.
    pub partition: Option<u32>,
}

/// The kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConditionKind {
    TimestampsUntrusted,
    KeyingViolations,
    LogDiverged,
    Gap,
    PartitionsChanged,
    Compacted,
    TopicMissing,
    Fenced,
    Halted,
    StateOverBudget,
    LogUnavailable,
    LakeUnavailable,
    StoreUnavailable,
    FeaturesLogUnavailable,
}

impl ConditionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimestampsUntrusted => "TimestampsUntrusted",
            Self::KeyingViolations => "KeyingViolations",
            Self::LogDiverged => "LogDiverged",
            Self::Gap => "Gap",
            Self::PartitionsChanged => "PartitionsChanged",
            Self::Compacted => "Compacted",
            Self::TopicMissing => "TopicMissing",
            Self::Fenced => "Fenced",
            Self::Halted => "Halted",
            Self::StateOverBudget => "StateOverBudget",
            Self::LogUnavailable => "LogUnavailable",
            Self::LakeUnavailable => "LakeUnavailable",
            Self::StoreUnavailable => "StoreUnavailable",
            Self::FeaturesLogUnavailable => "FeaturesLogUnavailable",
        }
    }

    /// The condition of a store that does not answer, by the name that figures have for it.
    pub fn of_store(sink: &str) -> Self {
        match sink {
            "log" => Self::LogUnavailable,
            "store" => Self::StoreUnavailable,
            "features_log" => Self::FeaturesLogUnavailable,
            _ => Self::LakeUnavailable,
        }
    }

    /// The condition of a partition that an error halted.
    pub fn of_halt(error: &Error) -> Self {
        match error {
            Error::LogDiverged { .. } | Error::Log(tick_log::LogError::Recreated { .. }) => Self::LogDiverged,
            Error::Gap { .. } => Self::Gap,
            Error::PartitionsChanged { .. } => Self::PartitionsChanged,
            Error::Compacted { .. } => Self::Compacted,
            Error::Fenced { .. } => Self::Fenced,
            Error::Log(tick_log::LogError::UnknownTopic { .. }) => Self::TopicMissing,
            _ => Self::Halted,
        }
    }
}
