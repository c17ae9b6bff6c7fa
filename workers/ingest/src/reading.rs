//! Reading the next records of a partition, and where its log ends.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use market::RecordBatch;
use tick_log::LogError;

use crate::{context::Context, limits};

/// What a read gave.
pub(crate) struct Took {
    pub batch: RecordBatch,
    /// The next offset to be written, where it was asked for.
    pub log_end: Option<u64>,
    /// The wall clock before the read, in milliseconds: what is in the log by then was seen.
    pub asked_ms: i64,
}

/// The read that a partition waits for.
pub(crate) type Read = BoxFuture<'static, Result<Took, LogError>>;

/// Reads on from `from`, after a pause where the last read failed. The records come out only when the ownership is sure
/// of the partition: a batch that was read before a freeze is not applied behind it.
pub(crate) fn read(cx: Arc<Context>, p: u32, from: u64, ask_end: bool, pause: Duration) -> Read {
    Box::pin(async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let (ticks, asked_ms) = (cx.ticks(), (cx.components.clock)());
        let (_, bytes) = cx.budget.shares(cx.settings.read_bytes);
        let batch = ticks.read(p, from, bytes, limits::READ_WAIT).await?;
        let log_end = match ask_end {
            true => {
                let bounds = tokio::time::timeout(limits::END_PATIENCE, ticks.bounds(p)).await;
                bounds.ok().and_then(Result::ok).map(|b| b.high)
            }
            false => None,
        };
        cx.until_sure().await;
        Ok(Took { batch, log_end, asked_ms })
    })
}
