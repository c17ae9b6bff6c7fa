//! What goes into a machine and what comes out of it: the whole border between deciding and doing.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use commitlog::{Commit, FileRef, Layout};
use market::{FeatureRow, RecordBatch};

use crate::{Error, Roll};

/// What a machine is told once.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where files go.
    pub layout: Layout,
    /// When commits are due.
    pub roll: Roll,
    /// Bytes that this partition's open and frozen files may take.
    pub share_bytes: usize,
    /// Bytes of unacknowledged finals in memory from which a commit is due.
    pub pending_bytes: usize,
    /// Delay of the first commit's due time is cut by so much, so that partitions do not commit together.
    pub stagger: Duration,
}

/// What happens to a machine.
#[derive(Debug)]
pub enum Input {
    /// Records from the log; without records: the log's end was reached.
    Batch(RecordBatch),
    /// File `file` of the commit in flight is durable at `tmp`.
    Written {
        /// Its index.
        file: usize,
        /// Where it is.
        tmp: String,
    },
    /// The commit record took its number (true), or somebody else's did (false).
    Placed(bool),
    /// Every file of the commit is at its final name.
    Moved,
    /// The feature store has taken the rows (or has not, for the moment).
    Upserted(bool),
    /// The features log has taken the rows (or has not, for the moment).
    Published(bool),
    /// A spilled file was read back.
    Read(Vec<FeatureRow>),
    /// Somebody else has (true) or has not (false) taken the number `seq`.
    Confirmed {
        /// The number looked at.
        seq: u64,
        /// Whether a record stands there.
        taken: bool,
    },
    /// Time has passed.
    Timer,
    /// A reader of the lake is waiting: commit what was read.
    CommitNow,
    /// Write what is left and end.
    Drain,
    /// An effect failed in a way that waiting does not heal.
    Failed(Error),
}

/// What a machine asks for.
#[derive(Debug)]
pub enum Effect {
    /// Write a file of the commit in flight under a new name of the claim; answer `Written`.
    Write {
        /// Its index.
        file: usize,
        /// Its content.
        bytes: Bytes,
    },
    /// Place a commit record; answer `Placed`.
    Commit(Box<Commit>),
    /// Give files their final names; answer `Moved`.
    Move(Vec<FileRef>),
    /// Write rows to the feature store; answer `Upserted`.
    Upsert {
        /// The rows.
        rows: Arc<[FeatureRow]>,
        /// When the oldest of them was made.
        since: Duration,
    },
    /// Append rows to the features log; answer `Published`.
    Publish(Arc<[FeatureRow]>),
    /// Read a spilled file back; answer `Read`.
    Load(FileRef),
    /// See whether a record stands at `seq`; answer `Confirmed`.
    Confirm(u64),
    /// Sweep what this commit makes needless; no answer.
    Sweep(Box<Commit>),
    /// Delete files that nothing names any more; no answer.
    Forget(Vec<FileRef>),
    /// The end: everything is written.
    Done,
    /// The end: an error that waiting does not heal.
    Halt(Error),
}
