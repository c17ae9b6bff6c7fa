//! The role that gives keys to a topic without them.
//!
//! Ingest works partition by partition and wants all ticks of a symbol in one. Topics of older producers have no keys:
//! this role copies such a topic to one that is keyed by symbol.
//!
//! Invariants:
//! - every committed record of the source is in the target exactly once, whatever is killed: what was read and what was
//!   written is one transaction;
//! - the values are the source's bytes; records of one symbol stay in the order of their source partition;
//! - a record that is no tick is copied, too: without a key, placed by its bytes. It becomes a dead letter in ingest,
//!   where it is counted. Nothing is lost here.
//!
//! What it deliberately does not do: judge ticks, change them, or bring the records of several source partitions into
//! an order of time. Several processes share the source's partitions by membership in the group
//! `stockpipe-<pipeline>-rekey`.

mod error;
mod key;
mod run;

pub use error::RekeyError;
pub use key::key_of;
pub use run::{Components, Progress, Settings, run};
