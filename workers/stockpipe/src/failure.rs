//! How a command fails: words for a person and a kind that decides the exit code.

use std::fmt;

use market::ErrorKind;
use runtime::Classified as _;

/// A command's failure. Its text names the thing, the reason and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// For a person.
    pub text: String,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What was typed or written is wrong.
    pub fn bad_input(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadInput, text)
    }

    /// The exit code it ends the program with.
    pub fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Maps the error enums of our crates: each knows its kind.
macro_rules! from_kinds {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.kind(), error.to_string())
            }
        }
    )*};
}

from_kinds!(
    lake::LakeError,
    tick_log::LogError,
    feature_store::StoreError,
    runtime::LockError,
    registry::RegistryError,
    trainer::TrainError,
    predictor::PredictorError,
    ingest::Error,
    rekey::RekeyError,
    producer::ProduceError,
    producer::ImportError,
    lake::history::HistoryError,
    runtime::ServeError,
    operations::OperationsError,
    lake::compact::CompactError,
);

impl From<crate::output::Closed> for Failure {
    fn from(closed: crate::output::Closed) -> Self {
        Self::new(ErrorKind::Retry, closed.to_string())
    }
}
