//! The role: one copying thread, ended by the shutdown.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use runtime::Shutdown;
use tick_log::kafka::{KafkaSettings, Transfer, TransferSettings, Transferred};

use crate::{RekeyError, key_of};

/// What to copy.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster; `client_id` is the process's own name, kept over restarts.
    pub kafka: KafkaSettings,
    /// The topic without keys.
    pub from: String,
    /// The topic to write, keyed by symbol; it exists.
    pub to: String,
    /// `onGap: Record`: go on where retention removed unread records, and count them. Else the role stops.
    pub skip_gaps: bool,
}

/// How far it is: records copied, those without a key, those that were removed unread.
pub type Progress = Transferred;

/// What it works with.
#[derive(Clone)]
pub struct Components {
    /// Opens the target.
    pub log: Arc<dyn tick_log::Log>,
    /// Told after each transaction.
    pub progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

/// Copies until the shutdown asks for a drain; what was read by then is committed or will be read again.
pub async fn run(
    settings: Settings,
    components: Components,
    shutdown: Shutdown,
) -> Result<Progress, RekeyError> {
    let Settings { kafka, from, to, skip_gaps } = settings;
    if from == to {
        return Err(RekeyError::Circle { topic: from });
    }
    let wrong = |error| RekeyError::Log { from: from.clone(), to: to.clone(), error };
    // The source, too: a missing topic is said at once, not left to the group.
    components.log.topic(&from).await.map_err(wrong)?;
    let partitions = components.log.topic(&to).await.map_err(wrong)?.partitions();
    let transfer = TransferSettings { kafka, from: from.clone(), to: to.clone(), skip_gaps };
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, progress) = (stop.clone(), components.progress.clone());
    let mut copying = tokio::task::spawn_blocking(move || {
        Transfer::new(&transfer, partitions, &stopped).run(key_of, |done| progress(done))
    });
    let ended = tokio::select! {
        ended = &mut copying => ended,
        () = shutdown.draining() => {
            stop.store(true, Ordering::Release);
            copying.await
        }
    };
    match ended {
        Ok(copied) => copied.map_err(wrong),
        Err(error) => Err(RekeyError::Thread { from: from.clone(), why: error.to_string() }),
    }
}
