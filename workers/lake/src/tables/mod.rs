//! The Parquet tables: raw ticks, dead letters, bars, and finals that wait for the feature store.
//!
//! One file per table: schema, writer, reader. Writers append to plain columns straight from borrowed rows and hand
//! them to the encoder in chunks, so memory is the encoded bytes plus one chunk. Readers find columns by name, so files
//! of an older release (fewer columns) and of a newer one (more) can be read. Columns are only ever added.
//!
//! Every table: zstd, page index, row groups of at most 128 Ki rows, TIMESTAMP(us, UTC), dictionary-encoded symbols.

mod dead;
mod file;
mod merge;
mod raw;
mod rows;

use market::{ErrorKind, Timestamp};

pub use dead::{DeadWriter, OwnedDeadLetter, read_dead};
pub use merge::{Merged, merge};
pub use raw::{OwnedRawRow, RawWriter, read_raw};
pub use rows::{BarWriter, read_bars, read_bars_between};

/// Why a table cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Not a file of this table, or damaged.
    #[error("{file} cannot be read as Parquet ({reason}): restore it from a backup")]
    Damaged {
        /// The file.
        file: String,
        /// What does not fit.
        reason: String,
    },
    /// The encoder failed.
    #[error("rows cannot be encoded as Parquet ({0}): please report this")]
    Encode(String),
}

impl TableError {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            TableError::Damaged { .. } => ErrorKind::Corrupt,
            TableError::Encode(_) => ErrorKind::Bug,
        }
    }

    /// The same error, naming the file it was found in.
    pub fn at(self, path: &str) -> Self {
        match self {
            TableError::Damaged { reason, .. } => TableError::Damaged { file: path.to_owned(), reason },
            other => other,
        }
    }

    fn damaged(reason: impl Into<String>) -> Self {
        TableError::Damaged { file: "a table's file".to_owned(), reason: reason.into() }
    }
}

/// What a writer has taken so far: the figures that a commit record keeps of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Rows.
    pub rows: u64,
    /// Least event time.
    pub min_ts: Option<Timestamp>,
    /// Greatest event time.
    pub max_ts: Option<Timestamp>,
    /// Least offset.
    pub min_offset: Option<u64>,
    /// Greatest offset.
    pub max_offset: Option<u64>,
}

impl Extent {
    fn add(&mut self, ts: Option<Timestamp>, offset: u64) {
        self.rows += 1;
        if let Some(ts) = ts {
            self.min_ts = Some(self.min_ts.map_or(ts, |t| t.min(ts)));
            self.max_ts = Some(self.max_ts.map_or(ts, |t| t.max(ts)));
        }
        self.min_offset = Some(self.min_offset.map_or(offset, |o| o.min(offset)));
        self.max_offset = Some(self.max_offset.map_or(offset, |o| o.max(offset)));
    }
}
