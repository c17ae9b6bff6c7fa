//! Waiting for a condition, never for a time.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `look` says yes and gives how long that took; fails after `limit` with what `look` saw last.
pub async fn until<S: Display>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<(), S>,
) -> Duration {
    let from = Instant::now();
    loop {
        match look().await {
            Ok(()) => return from.elapsed(),
            Err(seen) => assert!(from.elapsed() < limit, "waited {limit:?} for: {what}; seen: {seen}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
