//! Event time: from the records of one partition to raw rows, dead letters, windows and bars.
//!
//! A [`Partition`] is a pure function of the log's prefix. After offset o its state, verdicts, counters and final rows
//! depend on the records with offsets <= o (value, key and record time), on the `config`, `gap` and `generation`
//! controls among them, and on [`SEMANTICS_VERSION`]: on nothing else. Batches, commits, restarts, fences and the wall
//! clock mean nothing.
//!
//! Architecture Invariant: no clock, no IO, no async, no thread. A partition does not know where records come from,
//! when rows are written or who owns it.

mod bytes;
mod canonical;
mod closing;
mod control;
mod counters;
mod dedup;
mod error;
mod gaps;
pub mod limits;
mod pairing;
mod pane;
mod partition;
mod plan;
mod reapply;
mod restore;
mod semantics;
mod sink;
mod state;
mod symbols;

pub use canonical::{canonical_dead, canonical_raw, canonical_row};
pub use control::Control;
pub use counters::Counters;
pub use error::{CorruptState, InvalidSemantics};
pub use pairing::{PairedRow, SmaPairing};
pub use partition::Partition;
pub use restore::{DedupNeed, DedupRow};
pub use semantics::{Dedup, DedupBy, SEMANTICS_VERSION, Semantics, WindowSpec};
pub use sink::{DeadLetter, RawRow, Sink};
