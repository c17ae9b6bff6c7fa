//! What can end a worker or halt a partition.

use feature_store::StoreError;
use lake::{LakeError, history::HistoryError, tables::TableError};
use market::ErrorKind;
use tick_log::LogError;

/// A failure that waiting does not heal, or that was not healed in time.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another worker has the partition.
    #[error(
        "partition {partition} was taken over by another worker (commit {seq}): this one stops writing it"
    )]
    Fenced {
        /// The partition.
        partition: u32,
        /// The commit that belongs to another.
        seq: u64,
    },
    /// The topic is not the one that was read from.
    #[error(
        "partition {partition}: LogDiverged: {reason}; restore the old log, or, if the new one is meant, run \
         `stockpipe accept-topic`"
    )]
    LogDiverged {
        /// The partition.
        partition: u32,
        /// What does not fit.
        reason: String,
    },
    /// Records were removed before they were read.
    #[error(
        "partition {partition}: Gap: the log has dropped offsets {from}..{to} before they were read; set `source.onGap: \
         Record` to go on with a recorded gap, or restore the log"
    )]
    Gap {
        /// The partition.
        partition: u32,
        /// First lost offset.
        from: u64,
        /// First offset that is left.
        to: u64,
    },
    /// The topic has another number of partitions than the pipeline.
    #[error(
        "PartitionsChanged: topic {topic} has {found} partitions, the pipeline {configured}: the number is fixed for \
         a topic; use a new topic"
    )]
    PartitionsChanged {
        /// The topic.
        topic: String,
        /// Partitions it has.
        found: u32,
        /// Partitions configured.
        configured: u32,
    },
    /// Records of one key replace each other in the topic.
    #[error(
        "Compacted: topic {topic} is compacted, so ticks of a symbol replace each other: set its cleanup.policy to delete, \
         or use a new topic"
    )]
    Compacted {
        /// The topic.
        topic: String,
    },
    /// A record cannot be passed over by hand.
    #[error("partition {partition}: offset {offset} cannot be skipped: {reason}")]
    NotSkipped {
        /// The partition.
        partition: u32,
        /// The record's offset.
        offset: u64,
        /// Why not.
        reason: String,
    },
    /// A committed file is at neither of its names, or has another length.
    #[error(
        "partition {partition}: the committed file {path} is {state}: run `stockpipe fsck`, restore it from a backup, or \
         start with an empty lake, into which everything that the log still has is read again; nothing was skipped"
    )]
    FileLost {
        /// The partition.
        partition: u32,
        /// Its final name.
        path: String,
        /// `missing` or `torn`.
        state: &'static str,
    },
    /// A stored state cannot be read.
    #[error("{file}: {source}")]
    State {
        /// The file.
        file: String,
        /// Why.
        source: windowing::CorruptState,
    },
    /// The semantics are refused.
    #[error(transparent)]
    Semantics(#[from] windowing::InvalidSemantics),
    /// Decode or step panicked.
    #[error(
        "partition {partition} halted at offset {offset}: {message}. Nothing was skipped; please report this, with the \
         record at that offset; `stockpipe skip` passes it"
    )]
    Panicked {
        /// The partition.
        partition: u32,
        /// The first offset that was not applied.
        offset: u64,
        /// What was said.
        message: String,
    },
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A record or state file is damaged.
    #[error(transparent)]
    Format(#[from] commitlog::FormatError),
    /// A table's file is damaged or cannot be encoded.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The committed view cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The feature store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A figure cannot be registered.
    #[error("{0}")]
    Metrics(String),
}

impl Error {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Fenced { .. } => ErrorKind::Fenced,
            Error::LogDiverged { .. } | Error::PartitionsChanged { .. } | Error::Compacted { .. } => {
                ErrorKind::Misconfigured
            }
            Error::NotSkipped { .. } => ErrorKind::Refused,
            Error::Gap { .. } | Error::FileLost { .. } => ErrorKind::Corrupt,
            Error::State { source, .. } => source.kind(),
            Error::Semantics(e) => e.kind(),
            Error::Panicked { .. } | Error::Metrics(_) => ErrorKind::Bug,
            Error::Lake(e) => e.kind(),
            Error::Format(e) => e.kind(),
            Error::Table(e) => e.kind(),
            Error::History(e) => e.kind(),
            Error::Log(e) => e.kind(),
            Error::Store(e) => e.kind(),
        }
    }
}
