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

use std::{collections::HashMap, sync::Arc};

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
/// A partition that halts does not take the others down with it: they drain, and its error is the result once they have.
/// Dropping the future stops everything at once, like a kill: what is not committed is read again.
pub async fn run(settings: Settings, components: Components, shutdown: Shutdown) -> Result<Summary, Error> {
    let status = components.status.clone();
    let partitions = settings.partitions.clone();
    let own = shutdown.child();
    let cx = Arc::new(Context::new(settings, components, own.clone()).await?);
    let mut tasks = JoinSet::new();
    let mut working = HashMap::new();
    for p in partitions {
        let task = tasks.spawn(shell::work(cx.clone(), p));
        working.insert(task.id(), p);
    }
    let mut first: Option<Error> = None;
    let mut heads = Vec::new();
    while let Some(ended) = tasks.join_next_with_id().await {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Ok(result)),
            Err(stopped) => (stopped.id(), Err(stopped.to_string())),
        };
        let p = working.remove(&id).unwrap_or_default();
        let error = match result {
            Ok(Ok(head)) => {
                heads.push(head);
                continue;
            }
            Ok(Err(error)) => error,
            Err(message) => Error::Panicked { partition: p, offset: status.offset(p), message },
        };
        // The first error is the worker's own, and the caller's to tell.
        match &first {
            None => tracing::info!(partition = p, "halted; the others drain: {error}"),
            Some(_) => tracing::error!(partition = p, "halted as well: {error}"),
        }
        cx.figures.ended(p, &error);
        status.update(p, |s| {
            s.phase = Phase::Halted;
            s.reason = Some(error.to_string());
        });
        own.drain();
        first.get_or_insert(error);
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
