//! Why an operation could not be done. What a check *finds* is no error: it is the report.

use commitlog::FormatError;
use feature_store::StoreError;
use lake::{LakeError, history::HistoryError, tables::TableError};
use market::ErrorKind;
use runtime::Classified;
use windowing::{CorruptState, InvalidSemantics};

/// Why an operation ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OperationsError {
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The committed view cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The feature store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit record, a state file or a manifest is damaged.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A table's file is damaged.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A stored state is damaged.
    #[error("{file}: {source}; `stockpipe fsck --repair` makes it again from the rows")]
    State {
        /// The file.
        file: String,
        /// What does not fit.
        source: CorruptState,
    },
    /// A stored configuration is refused today.
    #[error(transparent)]
    Semantics(#[from] InvalidSemantics),
    /// The stored rows of a partition contradict each other or their commits.
    #[error("partition {partition}: {reason}; run `stockpipe fsck` to see what is damaged")]
    Contradiction {
        /// The partition.
        partition: u32,
        /// What does not fit.
        reason: String,
    },
    /// Files are swept or compacted faster than they are read.
    #[error("the lake changed while it was read ({what}): run the command again, or stop ingest meanwhile")]
    Moving {
        /// What was there and is not any more.
        what: String,
    },
    /// The number of a partition's next record was taken again and again.
    #[error(
        "partition {partition} was taken over while it was repaired: stop its workers and run the command again"
    )]
    Fenced {
        /// The partition.
        partition: u32,
    },
    /// A restore would mix two pipelines.
    #[error("{target} is not empty ({found}): restore into an empty lake root and an empty keyspace")]
    NotEmpty {
        /// Lake or store.
        target: &'static str,
        /// What was found there.
        found: String,
    },
    /// There is no finished backup.
    #[error(
        "{manifest} is not there: no backup, or one that has not finished; run `stockpipe backup` to the end first"
    )]
    NoBackup {
        /// Where it should be.
        manifest: String,
    },
    /// A backup holds something else than its manifest says.
    #[error("the backup's {path} is not what was backed up ({reason}): use another copy of the backup")]
    Altered {
        /// The file.
        path: String,
        /// What does not fit.
        reason: String,
    },
    /// A backup is of another pipeline or another place.
    #[error("the backup is of {found}, not of {asked}: use the manifest that it was made with")]
    Foreign {
        /// What the backup says.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// There is a backup already.
    #[error("{manifest} is there already: a backup is never overwritten; name another directory")]
    BackupExists {
        /// The manifest that is there.
        manifest: String,
    },
}

impl OperationsError {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            OperationsError::Lake(e) => e.kind(),
            OperationsError::History(e) => e.kind(),
            OperationsError::Store(e) => e.kind(),
            OperationsError::Format(e) => e.kind(),
            OperationsError::Table(e) => e.kind(),
            OperationsError::State { source, .. } => source.kind(),
            OperationsError::Semantics(e) => e.kind(),
            OperationsError::Contradiction { .. } | OperationsError::Altered { .. } => ErrorKind::Corrupt,
            OperationsError::Moving { .. } => ErrorKind::Unavailable,
            OperationsError::Fenced { .. } => ErrorKind::Fenced,
            OperationsError::NotEmpty { .. } | OperationsError::BackupExists { .. } => ErrorKind::Refused,
            OperationsError::NoBackup { .. } | OperationsError::Foreign { .. } => ErrorKind::BadInput,
        }
    }
}

impl OperationsError {
    /// True where a stored file is at fault, and not the way to it.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(
            self,
            OperationsError::Format(_)
                | OperationsError::State { .. }
                | OperationsError::Lake(LakeError::NotFound { .. })
        )
    }
}

impl Classified for OperationsError {
    fn kind(&self) -> ErrorKind {
        OperationsError::kind(self)
    }
}
