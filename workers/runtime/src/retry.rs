//! Retries, driven by the kind of an error alone.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use market::ErrorKind;

use crate::{Shutdown, limits};

/// An error that says what to do about it. Implement it for an error enum with one line.
pub trait Classified: std::fmt::Display {
    /// The kind.
    fn kind(&self) -> ErrorKind;
}

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// First pause.
    pub pause_min: Duration,
    /// Longest pause.
    pub pause_max: Duration,
    /// Tries after the first; `None` = until it works or the shutdown is cancelled.
    pub times: Option<usize>,
}

impl Default for RetryPolicy {
    /// For ever, with pauses from 50 ms to 5 s.
    fn default() -> Self {
        Self { pause_min: limits::RETRY_PAUSE_MIN, pause_max: limits::RETRY_PAUSE_MAX, times: None }
    }
}

impl RetryPolicy {
    /// So many tries after the first.
    pub fn times(times: usize) -> Self {
        Self { times: Some(times), ..Self::default() }
    }
}

/// Repeats `op` while its error is `Retry` or `Unavailable`, with growing jittered pauses; gives up at once on every
/// other kind, and, with the last error, when `shutdown` is cancelled. `what` names the operation in the log.
pub async fn retry<T, E, F>(
    policy: RetryPolicy,
    shutdown: &Shutdown,
    what: &str,
    mut op: impl FnMut() -> F,
) -> Result<T, E>
where
    E: Classified,
    F: Future<Output = Result<T, E>>,
{
    let backoff = ExponentialBuilder::default()
        .with_min_delay(policy.pause_min)
        .with_max_delay(policy.pause_max)
        .with_factor(2.0)
        .with_jitter();
    let backoff = match policy.times {
        Some(times) => backoff.with_max_times(times),
        None => backoff.without_max_times(),
    };
    let passing = |error: &E| {
        matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unavailable) && !shutdown.is_cancelled()
    };
    let said = |error: &E, pause: Duration| {
        tracing::warn!(what, pause_ms = pause.as_millis() as u64, "trying again: {error}");
    };
    let waiter = shutdown.clone();
    let sleep = move |pause| {
        let shutdown = waiter.clone();
        async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    };
    (|| op()).retry(backoff).sleep(sleep).when(passing).notify(said).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("{0:?}")]
    struct Failure(ErrorKind);

    impl Classified for Failure {
        fn kind(&self) -> ErrorKind {
            self.0
        }
    }

    fn quick() -> RetryPolicy {
        let pause = Duration::from_millis(1);
        RetryPolicy { pause_min: pause, pause_max: pause, times: None }
    }

    #[tokio::test]
    async fn repeats_what_passes() {
        let calls = AtomicU32::new(0);
        let shutdown = Shutdown::new();
        let done = retry(quick(), &shutdown, "test", || async {
            match calls.fetch_add(1, Ordering::Relaxed) {
                0 => Err(Failure(ErrorKind::Retry)),
                1 => Err(Failure(ErrorKind::Unavailable)),
                n => Ok(n),
            }
        });
        assert_eq!(done.await, Ok(2));
    }

    #[tokio::test]
    async fn gives_up_at_once_on_what_stays() {
        for kind in [ErrorKind::Fenced, ErrorKind::BadInput, ErrorKind::Corrupt, ErrorKind::Bug] {
            let calls = AtomicU32::new(0);
            let done: Result<(), _> = retry(quick(), &Shutdown::new(), "test", || async {
                calls.fetch_add(1, Ordering::Relaxed);
                Err(Failure(kind))
            })
            .await;
            assert_eq!((done, calls.into_inner()), (Err(Failure(kind)), 1));
        }
    }

    #[tokio::test]
    async fn counts_and_ends_on_cancellation() {
        let limited = RetryPolicy { times: Some(2), ..quick() };
        let calls = AtomicU32::new(0);
        let op = || async {
            calls.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Failure(ErrorKind::Retry))
        };
        assert!(retry(limited, &Shutdown::new(), "test", op).await.is_err());
        assert_eq!(calls.load(Ordering::Relaxed), 3);

        let shutdown = Shutdown::new();
        let stop = || async {
            shutdown.cancel();
            Err::<(), _>(Failure(ErrorKind::Retry))
        };
        let hour = RetryPolicy { pause_min: Duration::from_secs(3_600), ..RetryPolicy::default() };
        assert!(retry(hour, &shutdown, "test", stop).await.is_err());
    }
}
