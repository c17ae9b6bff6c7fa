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
        "topic {topic:?} does not exist: on servers `stockpipe init` makes the pipeline's topics, on embedded stores \
         `local`, `produce` and `import` do"
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
    /// A setting cannot be.
    #[error("{name}: {why}")]
    Setting {
        /// The setting, as the manifest names it.
        name: &'static str,
        /// What is wrong and what would be right.
        why: String,
    },
    /// No broker answers.
    #[error(
        "no Kafka broker answers at {bootstrap}: {why}. Check source.kafka.bootstrapServers, the network between, \
         and that the brokers run"
    )]
    Unreachable {
        /// The address tried.
        bootstrap: String,
        /// The client's newest words.
        why: String,
    },
    /// A broker refused who we are.
    #[error(
        "Kafka at {bootstrap} refused the credentials: {why}. Check the mechanism, and the user name and password \
         in the secret of source.kafka.security"
    )]
    WrongCredentials {
        /// The address tried.
        bootstrap: String,
        /// The broker's words.
        why: String,
    },
    /// No encrypted connection came to pass.
    #[error(
        "no TLS connection with Kafka at {bootstrap}: {why}. Check source.kafka.security.protocol and caSecretRef, \
         and that the brokers' certificates carry the names used"
    )]
    Tls {
        /// The address tried.
        bootstrap: String,
        /// The client's words.
        why: String,
    },
    /// The user may not do this.
    #[error("{what} {subject}: {why}. Give the pipeline's user the permission (an ACL) for it")]
    Forbidden {
        /// What was tried.
        what: &'static str,
        /// A topic, a group, the cluster.
        subject: String,
        /// The broker's words.
        why: String,
    },
    /// A broker failed, or its answer did not come in time: it may have happened.
    #[error("{what} {subject}: {why}. It is tried again; look at the brokers if it stays")]
    Kafka {
        /// What was tried.
        what: &'static str,
        /// A topic, a group, the cluster.
        subject: String,
        /// The client's words.
        why: String,
    },
    /// Another process took this one's place.
    #[error(
        "{subject}: another process goes under the same name: {why}. Processes that live at the same time need \
         different values of clientId"
    )]
    Fenced {
        /// The transactions or the group member.
        subject: String,
        /// The client's words.
        why: String,
    },
    /// The topic is not the one that was opened.
    #[error(
        "topic {topic:?} was deleted and made again: it was {had} and is {has}. `stockpipe accept-topic` goes on \
         with the new one"
    )]
    Recreated {
        /// Topic name.
        topic: String,
        /// The id it had.
        had: String,
        /// The id it has.
        has: String,
    },
    /// Records are there and do not come.
    #[error(
        "{topic}/{partition}: no record came for {seconds} s from {offset} on, although the log goes to {high}. The \
         client was set up again without success: look at the partition's leader, then restart this process"
    )]
    Stalled {
        /// Topic name.
        topic: String,
        /// Partition.
        partition: u32,
        /// The next record's offset.
        offset: u64,
        /// Where the log ends.
        high: u64,
        /// How long.
        seconds: u64,
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
            LogError::OffsetOutOfRange { .. } | LogError::Corrupt { .. } | LogError::Recreated { .. } => {
                ErrorKind::Corrupt
            }
            LogError::UnknownTopic { .. }
            | LogError::PartitionsDiffer { .. }
            | LogError::Misconfigured { .. }
            | LogError::Setting { .. }
            | LogError::WrongCredentials { .. }
            | LogError::Tls { .. }
            | LogError::Forbidden { .. }
            | LogError::Locked { .. } => ErrorKind::Misconfigured,
            LogError::InvalidTopic { .. } | LogError::TooLarge { .. } => ErrorKind::BadInput,
            LogError::Unavailable { .. }
            | LogError::Unreachable { .. }
            | LogError::Kafka { .. }
            | LogError::Stalled { .. } => ErrorKind::Unavailable,
            LogError::Fenced { .. } => ErrorKind::Fenced,
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
