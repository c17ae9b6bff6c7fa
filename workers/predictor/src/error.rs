//! Why a predictor ended.

use feature_store::StoreError;
use market::ErrorKind;
use registry::RegistryError;
use tick_log::LogError;

/// Why a predictor ended. A version that cannot be loaded is none: BASELINE is served instead.
#[derive(Debug, thiserror::Error)]
pub enum PredictorError {
    /// A setting that cannot be.
    #[error("{what}: {remedy}")]
    BadInput {
        /// The thing and the reason.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The feature store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A metric could not be registered.
    #[error(transparent)]
    Metrics(#[from] runtime::MetricError),
    /// A reader task died.
    #[error("a reader of {topic} ended unexpectedly; this is a fault of the program, please report it")]
    Reader {
        /// Topic.
        topic: String,
    },
}

impl PredictorError {
    /// What alone drives reaction, metric label and exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadInput { .. } => ErrorKind::BadInput,
            Self::Log(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Registry(e) => e.kind(),
            Self::Metrics(_) | Self::Reader { .. } => ErrorKind::Bug,
        }
    }
}
