//! What a feature store can say.

use std::path::PathBuf;

use market::ErrorKind;

use crate::cassandra::CassandraError;

/// Why a call to a feature store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A row that cannot be kept.
    #[error("{what}: {why}")]
    Invalid {
        /// The row.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Stored bytes are not what was written.
    #[error(
        "the feature store {file} is damaged: {why}. Restore it from a backup, or move it away and go on with an \
         empty one: earlier rows, forecasts and model aliases are then missing, bars and models are in the lake"
    )]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// Written by another version of the program.
    #[error(
        "the feature store {file} has layout {found}, this program knows {known}: use the program that wrote it"
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// Layout in the file.
        found: u64,
        /// Layout of this program.
        known: u64,
    },
    /// The file is open in another process.
    #[error("the feature store {file} is in use by another process: stop it, or use its admin socket")]
    Locked {
        /// The file.
        file: PathBuf,
    },
    /// The directory cannot be used as it is.
    #[error(
        "the feature store {file}: {why}. Give this user read and write access, or name another directory with --data"
    )]
    Misconfigured {
        /// The file.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The disk does not take or give bytes: full, gone, read-only.
    #[error(
        "the feature store {file}: {why}. Free space or repair the disk; unacknowledged rows will be written again"
    )]
    Unavailable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The store was closed.
    #[error("the feature store {file} is closed")]
    Closed {
        /// The file.
        file: PathBuf,
    },
    /// A Cassandra cluster says no, or nothing.
    #[error(transparent)]
    Cassandra(Box<CassandraError>),
    /// A fault of ours.
    #[error("the feature store {file}: {why}; please report this")]
    Bug {
        /// The file.
        file: PathBuf,
        /// What happened.
        why: String,
    },
}

impl StoreError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            StoreError::Invalid { .. } => ErrorKind::BadInput,
            StoreError::Corrupt { .. } => ErrorKind::Corrupt,
            StoreError::Version { .. } | StoreError::Locked { .. } | StoreError::Misconfigured { .. } => {
                ErrorKind::Misconfigured
            }
            StoreError::Unavailable { .. } => ErrorKind::Unavailable,
            StoreError::Cassandra(error) => error.kind(),
            StoreError::Closed { .. } | StoreError::Bug { .. } => ErrorKind::Bug,
        }
    }
}

impl From<CassandraError> for StoreError {
    fn from(error: CassandraError) -> Self {
        StoreError::Cassandra(Box::new(error))
    }
}
