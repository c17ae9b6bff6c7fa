//! Event time: from the records of one partition to raw rows, dead letters, windows and bars.
//!
//! A [`Partition`] is a pure function of the log's prefix. After offset o its state, verdicts, counters and final rows
//! depend on the records with offsets <= o (value, key and record time), on the `config`, `gap` and `generation`
//! controls among them, and on [`SEMANTICS_VERSION`]: on nothing else. Batches, commits, restarts, fences and the wall
//! clock mean nothing.
//!
//! Architecture Invariant: no clock, no IO, no async, no thread. A partition does not know where records come from,
//! when rows are written or who owns it.

mod canonical;
mod counters;
mod error;
pub mod limits;
mod partition;
mod semantics;
mod sink;
mod state;

pub use canonical::{canonical_dead, canonical_raw, canonical_row};
pub use counters::Counters;
pub use error::{CorruptState, InvalidSemantics};
pub use partition::{Control, DedupNeed, DedupRow, Partition};
pub use semantics::{Dedup, DedupBy, SEMANTICS_VERSION, Semantics, WindowSpec};
pub use sink::{DeadLetter, RawRow, Sink};
