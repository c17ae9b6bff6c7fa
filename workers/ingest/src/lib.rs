//! From ticks in the log to raw files, bars and features, each exactly once.
//!
//! Every partition is one state machine ([`machine`]): inputs in, effects out; nothing in it locks, awaits or reads a
//! clock. A shell per partition carries effects out and decides nothing. The protocol that makes storage exactly-once
//! is `commitlog`'s; the meaning of ticks is `windowing`'s; this crate joins them with the stores.

mod claim;
mod context;
pub mod dump;
mod error;
mod figures;
mod lakeside;
pub mod limits;
pub mod machine;
mod settings;
mod shell;
mod status;

use std::sync::Arc;

pub use error::Error;
use runtime::Shutdown;
pub use settings::{Components, OnGap, Roll, Settings};
pub use status::{PartitionStatus, Phase, Status};
use tokio::task::JoinSet;

use crate::context::Context;

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
///
/// A partition that halts leaves the others running; its error is the result once they have drained, or at once when
/// none is left. Dropping the future stops everything at once, like a kill: what is not committed is read again.
pub async fn run(settings: Settings, components: Components, shutdown: Shutdown) -> Result<Summary, Error> {
    let status = components.status.clone();
    let partitions = settings.partitions.clone();
    let cx = Arc::new(Context::new(settings, components, shutdown).await?);
    let mut tasks = JoinSet::new();
    for p in partitions {
        let cx = cx.clone();
        tasks.spawn(async move { (p, shell::work(cx, p).await) });
    }
    let mut first: Option<Error> = None;
    let mut heads = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((_, Ok(head))) => heads.push(head),
            Ok((p, Err(error))) => {
                tracing::error!(partition = p, "halted: {error}");
                cx.figures.ended(p, &error);
                status.update(p, |s| {
                    s.phase = Phase::Halted;
                    s.reason = Some(error.to_string());
                });
                first.get_or_insert(error);
            }
            Err(stopped) => {
                let error = Error::Panicked { partition: u32::MAX, offset: 0, message: stopped.to_string() };
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(Summary {
            counters: status.counters(),
            commits: status.partitions().iter().map(|p| p.commits).sum(),
            committed_until: heads.iter().filter_map(|h| h.watermark).min(),
        }),
    }
}
