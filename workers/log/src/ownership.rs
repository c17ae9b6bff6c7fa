//! Who should work on which partitions, as far as anybody can know.
//!
//! An owner is told what to take and what to give back. That is a hint, never a permission: two processes can believe
//! that they own a partition (a freeze, a drain that took too long), and only the commit log's fence decides.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::LogError;

/// What an owner is told.
#[derive(Debug, Clone)]
pub enum OwnershipEvent {
    /// Take these.
    Own(Vec<u32>),
    /// Write what is left of these, let them go, then say [`Ownership::drained`]; at `by` others get them anyway.
    Drain {
        /// What to give back.
        partitions: Vec<u32>,
        /// When others get them whatever happens.
        by: Instant,
    },
    /// Others may have these already: stop writing at once. They may come back by `Own`.
    Lost(Vec<u32>),
    /// It cannot go on; nothing follows.
    Failed(LogError),
}

/// A source of such hints. Of all waiting callers of `next` one gets an event: there is one owner.
#[async_trait]
pub trait Ownership: Send + Sync + 'static {
    /// The next event; `None` after [`Ownership::leave`] or a failure. Cancel-safe.
    async fn next(&self) -> Option<OwnershipEvent>;

    /// The partitions of the newest `Drain` have been let go.
    fn drained(&self);

    /// Everything has been let go: others may have it now.
    fn leave(&self);

    /// True while the hints can be relied upon: asked before every batch and every write.
    fn is_sure(&self) -> bool;
}

/// A fixed set of partitions: embedded stores, tests.
#[derive(Debug)]
pub struct StaticOwnership {
    partitions: Vec<u32>,
    told: AtomicBool,
    left: AtomicBool,
    changed: Notify,
}

impl StaticOwnership {
    /// Owns these from the start and never loses one.
    pub fn new(partitions: impl IntoIterator<Item = u32>) -> Self {
        Self {
            partitions: partitions.into_iter().collect(),
            told: AtomicBool::new(false),
            left: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }
}

#[async_trait]
impl Ownership for StaticOwnership {
    async fn next(&self) -> Option<OwnershipEvent> {
        if !self.told.swap(true, Ordering::AcqRel) {
            return Some(OwnershipEvent::Own(self.partitions.clone()));
        }
        while !self.left.load(Ordering::Acquire) {
            let changed = self.changed.notified();
            if self.left.load(Ordering::Acquire) {
                break;
            }
            changed.await;
        }
        None
    }

    fn drained(&self) {}

    fn leave(&self) {
        self.left.store(true, Ordering::Release);
        // One permit is kept for a caller that comes later.
        self.changed.notify_one();
    }

    fn is_sure(&self) -> bool {
        true
    }
}
