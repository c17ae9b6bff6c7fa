//! Everything that can go wrong between bars and a report.

use market::{ErrorKind, Timestamp};

use crate::FoldError;

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

/// Why bars do not make a dataset.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DatasetError {
    /// Bars of a symbol that do not ascend, or a symbol given twice.
    #[error(
        "bars of {symbol} are not in ascending order at {at}; read them in (symbol, window_start) order, once each"
    )]
    Order {
        /// The instrument.
        symbol: String,
        /// The bar's end.
        at: Timestamp,
    },
    /// A vector of another schema.
    #[error("{symbol} {at}: {found} features instead of {expected}; recompute them with one schema")]
    Width {
        /// The instrument.
        symbol: String,
        /// The bar's end.
        at: Timestamp,
        /// Features found.
        found: usize,
        /// Features of the schema.
        expected: usize,
    },
    /// A vector with NaN or infinity, or a price that is none.
    #[error(
        "{symbol} {at}: {what} is not a finite number above what is possible; recompute the bars of {symbol}"
    )]
    NotFinite {
        /// The instrument.
        symbol: String,
        /// The bar's end.
        at: Timestamp,
        /// `close` or `feature 7`.
        what: String,
    },
    /// The return column is not a column.
    #[error("return column {column} of {features} features; take its place from the feature schema")]
    ReturnColumn {
        /// Given.
        column: usize,
        /// Features of the schema.
        features: usize,
    },
}

impl DatasetError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            DatasetError::ReturnColumn { .. } => ErrorKind::Bug,
            _ => ErrorKind::Corrupt,
        }
    }
}
