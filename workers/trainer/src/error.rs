//! Why a training run ended without a recorded outcome.

use evaluation::EvaluationError;
use feature_store::StoreError;
use market::{ErrorKind, Timestamp};
use registry::RegistryError;

/// Why a training run ended without a recorded outcome.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting that cannot be.
    #[error("{what}: {remedy}")]
    BadInput {
        /// The thing and the reason.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Fewer rows than `data.minRows`; nothing failed.
    #[error(
        "not enough data: have {have} of {need} rows; wait for more, widen data.from or lower data.minRows"
    )]
    NotEnoughData {
        /// Matured rows of the first horizon.
        have: u64,
        /// `data.minRows`.
        need: u64,
        /// The data's `now`, where there is any data.
        now: Option<Timestamp>,
    },
    /// The estimate is above the limit.
    #[error(
        "training needs about {need_mib} MiB ({rows} rows x {columns} features, {threads} threads) and may use {limit_mib} MiB: shorten data.from, lower the threads or raise the memory limit"
    )]
    TooLarge {
        /// Estimated MiB.
        need_mib: u64,
        /// Allowed MiB.
        limit_mib: u64,
        /// Rows.
        rows: usize,
        /// Features.
        columns: usize,
        /// Threads.
        threads: usize,
    },
    /// Told to stop.
    #[error("training was interrupted before it published anything: run it again")]
    Interrupted,
    /// Fitting failed.
    #[error("the forest could not be fitted: {0}")]
    Fit(#[from] forest::TrainError),
    /// A forest could not be used after it was fitted.
    #[error("the fitted model cannot be used: {0}; this is a fault of the program, please report it")]
    Model(String),
    /// The bars do not make a dataset, or cannot be cut into folds.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The committed view cannot be read.
    #[error(transparent)]
    History(#[from] lake::history::HistoryError),
    /// The feature store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Publishing failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file of the version could not be encoded.
    #[error("{file} could not be encoded: {what}; this is a fault of the program, please report it")]
    Encode {
        /// The file.
        file: &'static str,
        /// Why.
        what: String,
    },
    /// A worker thread died.
    #[error("a training thread ended unexpectedly ({0}); this is a fault of the program, please report it")]
    Thread(String),
}

impl TrainError {
    /// What alone drives reaction, metric label and exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadInput { .. } => ErrorKind::BadInput,
            Self::NotEnoughData { .. } => ErrorKind::Refused,
            Self::TooLarge { .. } => ErrorKind::Misconfigured,
            Self::Interrupted => ErrorKind::Retry,
            Self::Fit(e) => e.kind(),
            Self::Evaluation(e) => e.kind(),
            Self::History(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Registry(e) => e.kind(),
            Self::Model(_) | Self::Encode { .. } | Self::Thread(_) => ErrorKind::Bug,
        }
    }
}

impl From<evaluation::DatasetError> for TrainError {
    fn from(error: evaluation::DatasetError) -> Self {
        Self::Evaluation(error.into())
    }
}

impl From<evaluation::FoldError> for TrainError {
    fn from(error: evaluation::FoldError) -> Self {
        Self::Evaluation(error.into())
    }
}
