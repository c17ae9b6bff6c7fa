//! `stockpipe accept-topic`: another topic, or what is left of a truncated one, is meant.
//!
//! Each partition gets a `generation` commit: the state goes on, offsets start over, generation is part of keys, file
//! names and columns. A partition whose log is the one it knows is left as it is, so the command can be repeated after a
//! crash at any point: a fence without a generation behind it changes nothing, a generation is accepted once.

use commitlog::recovery::LogCheck;
use runtime::Shutdown;
use serde::Serialize;

use crate::{
    Components, Error, Settings,
    claim::{Claimant, take},
    context::Context,
};

/// What was done to one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The partition.
    pub partition: u32,
    /// Its generation from now on.
    pub generation: u32,
    /// Where it goes on.
    pub next_offset: u64,
    /// What had kept it from going on; absent where its log is the one it knows.
    pub diverged: Option<String>,
}

/// Accepts the topic as it is for `partitions`, or for all of them. A worker that has one of them is fenced, and takes
/// it up again behind the new commit. Where the topic is another one it is read from its first offset; where it is the
/// same but shorter than what was committed, from its end: everything before was read.
pub async fn accept_topic(
    settings: Settings,
    components: Components,
    partitions: Option<Vec<u32>>,
) -> Result<Vec<Accepted>, Error> {
    let cx = Context::new(settings, components, Shutdown::new()).await?;
    let (found, configured) = (cx.ticks().partitions(), cx.settings.semantics.partitions);
    if found != configured {
        let topic = cx.settings.ticks_topic.clone();
        return Err(Error::PartitionsChanged { topic, found, configured });
    }
    let partitions = partitions.unwrap_or_else(|| (0..found).collect());
    let accepted = partitions.into_iter().map(|p| accept(&cx, p));
    futures::future::try_join_all(accepted).await
}

async fn accept(cx: &Context, p: u32) -> Result<Accepted, Error> {
    let mut claimed = take(cx, p, Claimant::Command).await?;
    let LogCheck::Diverged { reason } = claimed.check.clone() else {
        let (generation, next_offset) = (claimed.head.generation, claimed.head.end);
        return Ok(Accepted { partition: p, generation, next_offset, diverged: None });
    };
    let shorter = claimed.head.topic_id == cx.ticks().id() && claimed.bounds.high < claimed.head.end;
    let start = if shorter { claimed.bounds.high } else { claimed.bounds.low };
    claimed.accept(cx, start).await?;
    let generation = claimed.head.generation;
    tracing::info!(partition = p, generation, start, "topic accepted: {reason}");
    Ok(Accepted { partition: p, generation, next_offset: start, diverged: Some(reason) })
}
