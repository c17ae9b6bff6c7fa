//! What can go wrong with model versions and aliases.

use feature_store::StoreError;
use lake::LakeError;
use market::ErrorKind;

/// Why a version could not be published, found or loaded, or an alias not moved.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A name that cannot be a path component.
    #[error(
        "{what} {name:?} cannot be a directory name: use 1 to 128 of A-Z a-z 0-9 - _ . and no leading dot"
    )]
    BadName {
        /// What was named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// No such version.
    #[error("version {version} of {dir} does not exist: `stockpipe models list` shows those that do")]
    NoSuchVersion {
        /// Directory of the versions.
        dir: String,
        /// The number asked for.
        version: u64,
    },
    /// A file of a version is missing or not what was written.
    #[error(
        "{path} is damaged ({what}): the version is not served; restore the file from a backup or roll back to another version"
    )]
    Corrupt {
        /// The damaged file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A publication that cannot be right.
    #[error("run {uid} cannot be published: {what}")]
    BadPublication {
        /// The run's uid.
        uid: String,
        /// What is wrong.
        what: String,
    },
    /// Others were faster every time.
    #[error("{what} lost {attempts} races in a row: try again")]
    Contended {
        /// What was tried.
        what: String,
        /// How often.
        attempts: u64,
    },
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The feature store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegistryError {
    /// What alone drives reaction, metric label and exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadName { .. } | Self::NoSuchVersion { .. } => ErrorKind::BadInput,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::BadPublication { .. } => ErrorKind::Bug,
            Self::Contended { .. } => ErrorKind::Retry,
            Self::Lake(e) => e.kind(),
            Self::Store(e) => e.kind(),
        }
    }
}
