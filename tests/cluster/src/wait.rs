//! Waiting for a condition with a deadline.

use crate::error::ClusterError;
use crate::limits::LOOK;
use std::time::{Duration, Instant};

/// Asks again and again until `look` has an answer; its `Err` is what was seen instead.
pub async fn until<T, E: std::fmt::Display>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, ClusterError> {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(answer) => return Ok(answer),
            Err(seen) if Instant::now() > deadline => {
                let (what, seen) = (what.to_owned(), seen.to_string());
                return Err(ClusterError::Late { what, seconds: limit.as_secs(), seen });
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
