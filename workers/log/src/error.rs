//! What a log can say.

use std::{io, path::PathBuf};

use market::ErrorKind;

use crate::limits;

/// Why a call to a log failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// The offset was removed by retention or is past the end.
    #[error(
        "{topic}/{partition}: offset {offset} is outside {low}..={high}: it was removed by retention, or the topic \
         was made again; start at {low}"
    )]
    OffsetOutOfRange {
        /// Topic name.
        topic: String,
        /// Partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// First readable offset.
        low: u64,
        /// Next offset to be written.
        high: u64,
    },
    /// No topic of that name.
    #[error(
        "topic {topic:?} does not exist: `stockpipe local`, `produce` and `import` make the topic of ticks"
    )]
    UnknownTopic {
        /// Topic name.
        topic: String,
    },
    /// No partition of that number.
    #[error("{topic} has partitions 0..{partitions}, not {partition}")]
    UnknownPartition {
        /// Topic name.
        topic: String,
        /// The partition asked for.
        partition: u32,
        /// How many there are.
        partitions: u32,
    },
    /// The topic exists with another number of partitions.
    #[error(
        "topic {topic:?} has {have} partitions, not {asked}: the number is fixed; use {have}, or a new topic"
    )]
    PartitionsDiffer {
        /// Topic name.
        topic: String,
        /// Partitions it has.
        have: u32,
        /// Partitions asked for.
        asked: u32,
    },
    /// The name or the number of partitions cannot be.
    #[error("topic {topic:?}: {why}")]
    InvalidTopic {
        /// Topic name.
        topic: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// More bytes than one append, record or note may have.
    #[error("{what} of {bytes} bytes: the limit is {limit}; split it")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Stored bytes are not what was written.
    #[error(
        "{file} is damaged at byte {position}: {why}. Restore the file from a backup, or move it and every later \
         segment of its partition away and accept the gap"
    )]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Byte position of the damage.
        position: u64,
        /// What does not fit.
        why: String,
    },
    /// The disk does not take or give bytes: full, gone, read-only.
    #[error(
        "{what} {file}: {why}. Nothing half-written is visible; free space or repair the disk, then try again"
    )]
    Unavailable {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The directory cannot be used as it is.
    #[error(
        "{what} {file}: {why}. Give this user read and write access to the directory, or name another with --data"
    )]
    Misconfigured {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Another process writes this directory.
    #[error("{dir} is in use by another process: stop it, or use its admin socket")]
    Locked {
        /// The log's directory.
        dir: PathBuf,
    },
    /// The log was closed, or the topic deleted, under this handle.
    #[error("the log under {what} was closed: open it again")]
    Closed {
        /// Topic or directory.
        what: String,
    },
}

impl LogError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            LogError::OffsetOutOfRange { .. } | LogError::Corrupt { .. } => ErrorKind::Corrupt,
            LogError::UnknownTopic { .. }
            | LogError::PartitionsDiffer { .. }
            | LogError::Misconfigured { .. }
            | LogError::Locked { .. } => ErrorKind::Misconfigured,
            LogError::InvalidTopic { .. } | LogError::TooLarge { .. } => ErrorKind::BadInput,
            LogError::Unavailable { .. } => ErrorKind::Unavailable,
            LogError::UnknownPartition { .. } | LogError::Closed { .. } => ErrorKind::Bug,
        }
    }

    /// An I/O error on a file, sorted into what can be done about it.
    pub(crate) fn io(what: &'static str, file: impl Into<PathBuf>, error: &io::Error) -> Self {
        let (file, why) = (file.into(), error.to_string());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory | io::ErrorKind::NotFound => {
                LogError::Misconfigured { what, file, why }
            }
            _ => LogError::Unavailable { what, file, why },
        }
    }

    pub(crate) fn too_large(what: &'static str, bytes: usize, limit: usize) -> Self {
        LogError::TooLarge { what, bytes, limit }
    }
}

/// Checks what both implementations refuse alike.
pub(crate) fn check_topic(topic: &str, partitions: u32) -> Result<(), LogError> {
    let fail = |why: String| Err(LogError::InvalidTopic { topic: topic.chars().take(80).collect(), why });
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if topic.is_empty() || topic.len() > limits::TOPIC_BYTES || !topic.bytes().all(valid) {
        return fail(format!("a name has 1..={} of the characters a-z A-Z 0-9 . _ -", limits::TOPIC_BYTES));
    }
    if topic.starts_with('.') {
        return fail("a name does not start with a dot".into());
    }
    if partitions == 0 || partitions > limits::PARTITIONS {
        return fail(format!("{partitions} partitions; 1..={} are possible", limits::PARTITIONS));
    }
    Ok(())
}
