//! What kind of failure an error is: the one thing that decides reaction, metric label and exit code.

use serde::{Deserialize, Serialize};

/// Every error enum of the workspace maps each variant to one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Passing: try again with backoff.
    Retry,
    /// Another owner has taken over: stop writing.
    Fenced,
    /// What was given is wrong: a file, a flag, a manifest.
    BadInput,
    /// The surroundings are set up wrong: permissions, a foreign claim, a missing directory.
    Misconfigured,
    /// A server or disk does not answer or is full.
    Unavailable,
    /// Stored bytes are not what was written.
    Corrupt,
    /// A gate said no; nothing is broken.
    Refused,
    /// Our fault.
    Bug,
}

impl ErrorKind {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Retry => "retry",
            ErrorKind::Fenced => "fenced",
            ErrorKind::BadInput => "bad_input",
            ErrorKind::Misconfigured => "misconfigured",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Refused => "refused",
            ErrorKind::Bug => "bug",
        }
    }

    /// The exit code of a command that ends with such an error: 1 failed, 2 wrong input, 3 refused.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::BadInput | ErrorKind::Misconfigured => 2,
            ErrorKind::Refused | ErrorKind::Fenced => 3,
            ErrorKind::Retry | ErrorKind::Unavailable | ErrorKind::Corrupt | ErrorKind::Bug => 1,
        }
    }
}
