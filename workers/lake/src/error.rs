//! What can go wrong at the lake, as a closed list: the reaction hangs on the kind alone.

use std::io;

use market::ErrorKind;

/// A failed call. Every variant names the path as the caller gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// The name is taken.
    #[error("{path} exists already: files of the lake are never overwritten")]
    AlreadyExists {
        /// The taken path.
        path: String,
    },
    /// No such file.
    #[error("{path} does not exist in the lake: if somebody has removed it, restore it from a backup")]
    NotFound {
        /// The missing path.
        path: String,
    },
    /// The call may have happened, may not have, or may still happen.
    #[error(
        "the outcome of writing {path} is unknown ({reason}): it will be looked up and, if need be, tried again"
    )]
    OutcomeUnknown {
        /// The path concerned.
        path: String,
        /// What the store said.
        reason: String,
    },
    /// The path is empty, absolute, too long or leaves the root.
    #[error(
        "{path:?} is no path of the lake ({reason}): use relative parts joined by `/`, without `.` and `..`"
    )]
    InvalidPath {
        /// The refused path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file system refuses.
    #[error(
        "no permission for {path} ({reason}): give the user of this process read and write access to the lake's directory"
    )]
    Denied {
        /// The path concerned.
        path: String,
        /// What the store said.
        reason: String,
    },
    /// The settings, or the identity they give, cannot work.
    #[error("the lake at {path} is misconfigured: {reason}")]
    Misconfigured {
        /// The path, file or address concerned.
        path: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// No space or quota left.
    #[error(
        "no space left for {path}: free space on the lake's disk or set `lake.retention`; nothing was lost"
    )]
    Full {
        /// The path concerned.
        path: String,
    },
    /// Any other failure of the store.
    #[error("the lake failed at {path}: {reason}; it will be tried again")]
    Unavailable {
        /// The path concerned.
        path: String,
        /// What the store said.
        reason: String,
    },
}

impl LakeError {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            LakeError::AlreadyExists { .. } => ErrorKind::Refused,
            LakeError::NotFound { .. } => ErrorKind::Corrupt,
            LakeError::OutcomeUnknown { .. } => ErrorKind::Retry,
            LakeError::InvalidPath { .. } => ErrorKind::Bug,
            LakeError::Denied { .. } | LakeError::Misconfigured { .. } => ErrorKind::Misconfigured,
            LakeError::Full { .. } | LakeError::Unavailable { .. } => ErrorKind::Unavailable,
        }
    }

    /// The error for an I/O error at `path`.
    pub fn from_io(path: &str, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::AlreadyExists => LakeError::AlreadyExists { path },
            io::ErrorKind::NotFound => LakeError::NotFound { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                LakeError::Denied { path, reason: error.to_string() }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LakeError::Full { path },
            _ => LakeError::Unavailable { path, reason: error.to_string() },
        }
    }
}
