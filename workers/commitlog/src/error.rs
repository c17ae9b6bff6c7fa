//! Why bytes are no commit record and no state file.

use market::ErrorKind;

/// Stored bytes that are not what was written. `file` is the path of the damaged file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Cut, changed, or never one of our files.
    #[error(
        "{file} is damaged ({reason}): restore it from a backup, or start with an empty lake, into which everything that \
         the log still has is read again"
    )]
    Damaged {
        /// The damaged file.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// Written by a later release.
    #[error("{file} has format version {found}, this release reads up to {known}: run the newer release")]
    TooNew {
        /// The file concerned.
        file: String,
        /// Its version.
        found: u32,
        /// The greatest version this release reads.
        known: u32,
    },
}

impl FormatError {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FormatError::Damaged { .. } => ErrorKind::Corrupt,
            FormatError::TooNew { .. } => ErrorKind::Misconfigured,
        }
    }

    pub(crate) fn damaged(file: &str, reason: impl Into<String>) -> Self {
        FormatError::Damaged { file: file.to_owned(), reason: reason.into() }
    }
}
