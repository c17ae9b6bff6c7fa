//! Appending with a note until it is known to have happened once.

use std::{sync::Arc, time::Duration};

use market::{ErrorKind, NewRecord};
use runtime::Shutdown;
use tick_log::{Log, LogError, Topic};

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Appends records and sets a note, as one step. After an error with an unknown outcome the note tells whether it took
/// effect; if not, it is tried again until the shutdown is cancelled. `value` must differ from the note's value before.
pub(crate) async fn append(
    log: &Arc<dyn Log>,
    topic: &Arc<dyn Topic>,
    partition: u32,
    records: Vec<NewRecord>,
    key: &str,
    value: Vec<u8>,
    shutdown: &Shutdown,
) -> Result<(), LogError> {
    let mut pause = PAUSE_MIN;
    loop {
        let error = match topic.append_with_note(partition, records.clone(), key, value.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !may_pass(&error) || shutdown.is_cancelled() {
            return Err(error);
        }
        tracing::warn!(partition, "the log does not take ticks, trying again: {error}");
        // Nothing is repeated before the note was read: what is not known to have failed may have happened.
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return Err(error),
            }
            pause = (pause * 2).min(PAUSE_MAX);
            match log.note(key).await {
                Ok(Some(found)) if found == value => return Ok(()),
                Ok(_) => break,
                Err(unread) if may_pass(&unread) => {}
                Err(unread) => return Err(unread),
            }
        }
    }
}

fn may_pass(error: &LogError) -> bool {
    matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unavailable)
}
