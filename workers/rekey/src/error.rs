//! How copying fails.

use market::ErrorKind;
use tick_log::LogError;

/// Why the role stopped.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RekeyError {
    /// The log failed.
    #[error("cannot copy {from} to {to}: {error}")]
    Log {
        /// The source.
        from: String,
        /// The target.
        to: String,
        /// What happened.
        error: LogError,
    },
    /// Source and target are one topic.
    #[error("{topic} cannot be copied onto itself: name another source, or set source.keyed to true")]
    Circle {
        /// The topic.
        topic: String,
    },
    /// The copying thread ended without a word.
    #[error("the thread that copies {from} ended: {why}; start the role again, nothing is lost")]
    Thread {
        /// The source.
        from: String,
        /// What is known.
        why: String,
    },
}

impl RekeyError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            RekeyError::Log { error, .. } => error.kind(),
            RekeyError::Circle { .. } => ErrorKind::Misconfigured,
            RekeyError::Thread { .. } => ErrorKind::Bug,
        }
    }
}
