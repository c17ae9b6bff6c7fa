//! What an operator does with a pipeline's lake and feature store: check, repair, replay, back up, restore.
//!
//! Everything here reads the commit log as recovery does and recomputes rows as ingest does; nothing here has an opinion
//! of its own about what a log means.
//!
//! * [`fsck`](fsck::fsck) holds the lake against its promises and repairs what can be repaired without losing anything;
//! * [`replay`](replay::replay) computes final rows again from stored ticks and holds the feature store against them;
//! * [`backup`](backup::backup) copies one consistent view, [`restore`](backup::restore) puts it back into empty stores.
//!
//! Architecture Invariant: nothing here deletes or overwrites data. What is deleted lies in `_tmp` and belongs to
//! claimants that are dead by the commit log; what is rewritten gets a new name or a greater T. All of it may run beside a
//! working pipeline.

pub mod backup;
mod error;
mod files;
pub mod fsck;
pub mod limits;
mod lineage;
mod progress;
pub mod replay;
mod rerun;
mod shelf;

pub use error::OperationsError;
pub use progress::{Progress, Step, silent};
