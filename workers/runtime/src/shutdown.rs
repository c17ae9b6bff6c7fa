//! The orderly end: first drain, then, if it must be, at once.
//!
//! *Draining*: take nothing new in, commit and flush what is held, return. *Cancelled*: return now; what is not durable
//! will be made again by a replay. Cancelled implies draining. Both only ever go from false to true.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A shared request to end. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    cancel: CancellationToken,
    signal: Arc<AtomicU8>,
}

impl Shutdown {
    /// Nothing asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a drain.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Asks for an end at once.
    pub fn cancel(&self) {
        self.drain.cancel();
        self.cancel.cancel();
    }

    /// True once a drain was asked for.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// True once an end at once was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Waits until a drain is asked for.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Waits until an end at once is asked for.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// A shutdown of its own that also follows this one: to end one role of many.
    pub fn child(&self) -> Self {
        Self {
            drain: self.drain.child_token(),
            cancel: self.cancel.child_token(),
            signal: self.signal.clone(),
        }
    }

    /// The exit code of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM.
    pub fn signal_exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            number => Some(128 + number),
        }
    }

    /// Follows the signals of this process: the first SIGINT or SIGTERM drains, the second cancels. Call it once,
    /// inside the runtime.
    pub fn follow_signals(&self) -> std::io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let (number, name) = tokio::select! {
                    _ = interrupt.recv() => (SignalKind::interrupt().as_raw_value(), "SIGINT"),
                    _ = terminate.recv() => (SignalKind::terminate().as_raw_value(), "SIGTERM"),
                };
                shutdown.signal.store(number as u8, Ordering::Relaxed);
                if shutdown.is_draining() {
                    tracing::warn!(
                        "{name} again: ending at once; what is not committed is read again next time"
                    );
                    shutdown.cancel();
                } else {
                    tracing::info!("{name}: draining; once more ends at once");
                    shutdown.drain();
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn cancelling_implies_draining_and_reaches_children() {
        let parent = Shutdown::new();
        let child = parent.child();
        child.drain();
        assert!(child.is_draining() && !parent.is_draining());
        let other = parent.child();
        parent.cancel();
        other.draining().await;
        other.cancelled().await;
        assert!(parent.is_draining() && other.is_cancelled());
    }

    #[tokio::test]
    async fn the_second_signal_ends_at_once() {
        let shutdown = Shutdown::new();
        shutdown.follow_signals().unwrap();
        assert_eq!(shutdown.signal_exit_code(), None);
        kill_process(getpid(), Signal::TERM).unwrap();
        shutdown.draining().await;
        assert!(!shutdown.is_cancelled());
        assert_eq!(shutdown.signal_exit_code(), Some(143));
        kill_process(getpid(), Signal::INT).unwrap();
        shutdown.cancelled().await;
        assert_eq!(shutdown.signal_exit_code(), Some(130));
    }
}
