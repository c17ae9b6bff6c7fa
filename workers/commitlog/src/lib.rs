//! The commit log of one partition: what is stored, what it is called, who may extend it, and how it is recovered.
//!
//! Everything that a partition has stored hangs on a chain of small records `N.commit`. A record takes its number by a
//! rename that cannot overwrite: that rename is the linearisation point of exactly-once storage. This crate holds the
//! formats ([`Commit`], [`StateFile`]), the names ([`Layout`]), and every decision of the protocol as a pure function:
//! what a recovery finds ([`recovery`]), when state is written in full and what may be swept ([`upkeep`]), and the
//! invariants with their predicates ([`invariants`]).
//!
//! Architecture Invariant: no IO, no clock, no randomness. Nothing here knows what a tick is; state is opaque bytes.

mod commit;
mod envelope;
mod error;
pub mod invariants;
mod layout;
pub mod limits;
pub mod recovery;
mod state;
pub mod upkeep;

pub use commit::{Commit, FileRef, Gap, Kind, LastRecord, StateRef, Table};
pub use envelope::Envelope;
pub use error::FormatError;
pub use layout::{Layout, LogName};
pub use state::{StateFile, StateKind};
