//! What goes into a machine and what comes out of it: the whole border between deciding and doing.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use commitlog::{Commit, FileRef, Layout};
use market::{FeatureRow, RecordBatch};

use crate::{Error, Roll, budget::Room};

/// What a machine is told once.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where files go.
    pub layout: Layout,
    /// When commits are due.
    pub roll: Roll,
    /// Bytes of unacknowledged finals in memory from which a commit is due.
    pub pending_bytes: usize,
    /// Delay of the first commit's due time is cut by so much, so that partitions do not commit together.
    pub stagger: Duration,
    /// Offsets that somebody marked to be passed over.
    pub skips: BTreeSet<u64>,
}

/// What happens to a machine.
#[derive(Debug)]
pub enum Input {
    /// Records from the log; without records: the log's end was reached.
    Batch(RecordBatch),
    /// The log holds no records before this offset that are not applied, but the end is not reached.
    Passed(u64),
    /// The worker's budget has changed: what this partition may do about its files, and bytes of rows on their way from
    /// which a commit is due.
    Room(Room, usize),
    /// The log's end was in sight after this UTC day had begun: nothing comes any more for the days before.
    Day(i64),
    /// The partition was lost and has come back, and nobody else has written a commit meanwhile: whatever was on its way
    /// is asked for again.
    Resumed,
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
    /// Give files their final names, and say that everything before `end` is committed; answer `Moved`.
    Move {
        /// The files of the commit.
        files: Vec<FileRef>,
        /// The first offset that is not committed.
        end: u64,
    },
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
