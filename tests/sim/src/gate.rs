//! A process that can freeze: what it says goes out, and what it is told comes in, only while it runs.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct State {
    frozen: AtomicBool,
    // Not a `watch`, which wakes those who wait in an order of its own.
    thawed: Notify,
}

/// Whether a process runs. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<State>);

impl Gate {
    /// Nothing passes any more.
    pub fn freeze(&self) {
        self.0.frozen.store(true, Ordering::Relaxed);
    }

    /// Everything goes on where it was, in the order in which it came.
    pub fn thaw(&self) {
        self.0.frozen.store(false, Ordering::Relaxed);
        self.0.thawed.notify_waiters();
    }

    /// True while nothing passes.
    pub fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::Relaxed)
    }

    /// Returns while the process runs.
    pub async fn pass(&self) {
        loop {
            let mut thawed = pin!(self.0.thawed.notified());
            thawed.as_mut().enable();
            if !self.is_frozen() {
                return;
            }
            thawed.await;
        }
    }
}
