//! From ticks in the log to raw files, bars and features, each exactly once.
//!
//! Every partition is one state machine ([`machine`]): inputs in, effects out; nothing in it locks, awaits or reads a
//! clock. A shell per partition carries effects out and decides nothing. The protocol that makes storage exactly-once
//! is `commitlog`'s; the meaning of ticks is `windowing`'s; this crate joins them with the stores.

mod error;
pub mod limits;
mod settings;
mod status;

pub use error::Error;
use runtime::Shutdown;
pub use settings::{Components, OnGap, Roll, Settings};
pub use status::{PartitionStatus, Phase, Status};

/// What a worker has done when it ends.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Counts over all partitions since their first record.
    pub counters: windowing::Counters,
    /// Commits of this process.
    pub commits: u64,
    /// Everything up to here (event time) is committed.
    pub committed_until: Option<market::Timestamp>,
}

/// Works until `shutdown` drains, then writes everything that is left.
pub async fn run(
    _settings: Settings,
    _components: Components,
    _shutdown: Shutdown,
) -> Result<Summary, Error> {
    todo!()
}
