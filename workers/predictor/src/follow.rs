//! Reading one partition of the features topic.

use std::{sync::Arc, time::Duration};

use market::RecordBatch;
use runtime::Shutdown;
use tick_log::{LogError, Topic};
use tokio::sync::mpsc;

use crate::{
    PredictorError,
    limits::{DRAIN_READS, READ_BYTES, READ_WAIT},
};

/// One read of one partition.
pub(crate) struct Read {
    pub batch: RecordBatch,
    /// The next offset to be written when it was read.
    pub high: u64,
    /// The end was reached and nothing came for a while, or nothing more is waited for: while a backlog is still being
    /// written, the end is reached many times and means nothing.
    pub quiet: bool,
}

/// Reads one partition from `from` (the oldest record where absent or gone) until the drain, and then what is there.
pub(crate) async fn follow(
    topic: Arc<dyn Topic>,
    partition: u32,
    from: Option<u64>,
    sender: mpsc::Sender<Read>,
    shutdown: Shutdown,
) -> Result<(), PredictorError> {
    let low = topic.bounds(partition).await?.low;
    let mut next = from.unwrap_or(low).max(low);
    let mut last_reads = None;
    loop {
        if shutdown.is_cancelled() {
            return Ok(());
        }
        let draining = shutdown.is_draining();
        if draining {
            let left = last_reads.get_or_insert(DRAIN_READS);
            if *left == 0 {
                return Ok(());
            }
            *left -= 1;
        }
        let wait = if draining { Duration::ZERO } else { READ_WAIT };
        let read = async {
            let batch = topic.read(partition, next, READ_BYTES, wait).await?;
            let high = topic.bounds(partition).await?.high;
            let quiet = batch.next_offset >= high && (draining || batch.is_empty());
            Ok::<_, LogError>(Read { batch, high, quiet })
        };
        let read = tokio::select! {
            read = read => read,
            () = shutdown.draining(), if !draining => continue,
        };
        match read {
            Ok(read) => {
                next = read.batch.next_offset;
                let done = draining && read.quiet;
                if sender.send(read).await.is_err() || done {
                    return Ok(());
                }
            }
            // Retention was faster than we: the forecasts of those bars would be LATE anyway.
            Err(LogError::OffsetOutOfRange { low, high, .. }) => {
                tracing::warn!(
                    partition,
                    from = next,
                    low,
                    "bars were removed before they were predicted from"
                );
                next = if next < low { low } else { high };
            }
            Err(error) if error.kind() == market::ErrorKind::Unavailable => {
                tracing::warn!(partition, "trying again: {error}");
                tokio::select! {
                    () = tokio::time::sleep(READ_WAIT) => {}
                    () = shutdown.cancelled() => return Ok(()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
