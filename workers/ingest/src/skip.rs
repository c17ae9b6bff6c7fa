//! `stockpipe skip`: one record is passed over by hand, whatever it holds.
//!
//! A mark that nobody can replace stands in the partition's log; the next claim finds it, writes it down in a commit
//! that also sets T ahead of every row that was written without it, and the record becomes a dead letter `skipped`. The
//! mark is set first and the owner fenced after it: a crash in between leaves a mark that the next claim follows, or,
//! where the owner has committed the record meanwhile, one that means nothing.

use bytes::Bytes;
use runtime::Shutdown;
use serde::Serialize;

use crate::{
    Components, Error, Settings,
    claim::{self, Claimant, take},
    context::Context,
    lakeside::Claim,
};

/// A record that will be passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
    /// The first offset that is not committed: the mark counts from there on.
    pub committed: u64,
    /// False where the mark stood there before.
    pub marked: bool,
}

/// Marks the record at `offset` of `partition`. Refused where it is committed already, or not in the log yet. A worker
/// that has the partition is fenced, and takes it up again with the mark.
pub async fn skip(
    settings: Settings,
    components: Components,
    partition: u32,
    offset: u64,
) -> Result<Skipped, Error> {
    let cx = Context::new(settings, components, Shutdown::new()).await?;
    let refuse = |reason: String| Error::NotSkipped { partition, offset, reason };
    let ticks = cx.ticks();
    let bounds = cx.persist(partition, "log", || ticks.bounds(partition)).await?;
    if !(bounds.low..bounds.high).contains(&offset) {
        return Err(refuse(format!("the log holds {}..{}", bounds.low, bounds.high)));
    }
    let reader = Claim::new(partition, 0, String::new());
    let newest = cx.persist(partition, "lake", || claim::newest(&cx, partition)).await?;
    let newest = match newest {
        Some(seq) => reader.look(&cx, seq).await?,
        None => None,
    };
    let committed = newest.map_or(0, |c| c.end);
    let passed = |end: u64| refuse(format!("everything before {end} is committed; nothing was changed"));
    if offset < committed {
        return Err(passed(committed));
    }
    let marker = claim::command(&cx, partition);
    let path = cx.layout.skip(partition, offset);
    let marked = marker.mark(&cx, &path, Bytes::from(format!("{{\"offset\":{offset}}}\n"))).await?;
    let claimed = take(&cx, partition, Claimant::Command).await?;
    if offset < claimed.head.end {
        return Err(passed(claimed.head.end));
    }
    tracing::info!(partition, offset, "marked to be skipped");
    Ok(Skipped { partition, offset, committed: claimed.head.end, marked })
}
