//! Everything that can go wrong between bars and a report.

use market::ErrorKind;

use crate::{DatasetError, FoldError};

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// Bars that make no dataset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Rows that cannot be cut into folds.
    #[error(transparent)]
    Folds(#[from] FoldError),
    /// A learner that did not forecast what it was asked, or not with numbers.
    #[error(
        "fold {fold}, group {group:?}: {found} finite forecasts for {expected} rows; the learner is broken"
    )]
    Forecasts {
        /// Fold number.
        fold: u32,
        /// Symbol, or empty.
        group: String,
        /// Finite forecasts.
        found: usize,
        /// Rows asked for.
        expected: usize,
    },
    /// Another number of answers than tasks.
    #[error("{found} answers for {expected} tasks; the learner is broken")]
    Tasks {
        /// Answers.
        found: usize,
        /// Tasks.
        expected: usize,
    },
}

impl EvaluationError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            EvaluationError::Dataset(error) => error.kind(),
            EvaluationError::Folds(error) => error.kind(),
            EvaluationError::Forecasts { .. } | EvaluationError::Tasks { .. } => ErrorKind::Bug,
        }
    }
}
