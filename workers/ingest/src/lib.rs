//! From ticks in the log to raw files, bars and features, each exactly once.
//!
//! Every partition is one state machine ([`machine`]): inputs in, effects out; nothing in it locks, awaits or reads a
//! clock. A shell per partition carries effects out and decides nothing. The protocol that makes storage exactly-once
//! is `commitlog`'s; the meaning of ticks is `windowing`'s; this crate joins them with the stores.

mod accept;
pub mod budget;
mod claim;
mod compaction;
mod conditions;
mod context;
mod controls;
pub mod dump;
mod effects;
mod error;
mod facts;
mod figures;
mod lakeside;
pub mod limits;
pub mod machine;
mod placing;
mod quiet;
mod reading;
mod report;
mod roster;
mod settings;
mod shell;
mod skip;
mod status;
mod work;

pub use accept::{Accepted, accept_topic};
pub use conditions::Condition;
pub use error::Error;
use runtime::Shutdown;
pub use settings::{Components, Entropy, OnGap, OnHalt, Roll, Settings, system_entropy};
pub use skip::{Skipped, skip};
pub use status::{PartitionStatus, Phase, Status};

use crate::{context::Context, roster::Roster};

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

/// Works on the partitions that `components.ownership` names until `shutdown` drains, then writes everything that is
/// left and leaves.
///
/// A partition that halts does not take the others down with it: they go on, or, with [`OnHalt::DrainAll`], they drain,
/// and its error is the result once they have. Dropping the future stops everything at once, like a kill: what is not
/// committed is read again.
pub async fn run(settings: Settings, components: Components, shutdown: Shutdown) -> Result<Summary, Error> {
    let cx = Context::new(settings, components, shutdown.child()).await?;
    Roster::new(cx).run().await
}
