//! One budget of bytes for everything a worker buffers.
//!
//! Fair: who asked first is served first, so a large request is not starved by small ones. A request above the total
//! counts as the total: it waits until it is alone and then goes through, because the alternative is to hang.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A shared budget. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    room: Arc<Semaphore>,
    total: u32,
    waiting: AtomicUsize,
}

/// Bytes taken from a budget; given back when dropped.
#[derive(Debug)]
pub struct Reserved {
    permit: OwnedSemaphorePermit,
}

impl Reserved {
    /// How many bytes are held.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Joins two reservations of one budget; of two budgets, the other comes back.
    pub fn merge(&mut self, other: Reserved) -> Option<Reserved> {
        if !Arc::ptr_eq(self.permit.semaphore(), other.permit.semaphore()) {
            return Some(other);
        }
        self.permit.merge(other.permit);
        None
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes().saturating_sub(bytes);
        drop(self.permit.split(surplus));
    }
}

/// Decrements the count of waiters also where the wait is abandoned.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ByteBudget {
    /// A budget of `total` bytes, at most 4 GiB - 1.
    pub fn new(total: usize) -> Self {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(total as usize));
        Self { shared: Arc::new(Shared { room, total, waiting: AtomicUsize::new(0) }) }
    }

    fn clamp(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.shared.total)
    }

    /// Takes `bytes`, waiting for room in the order of the requests. `None` once the budget is closed.
    pub async fn acquire(&self, bytes: usize) -> Option<Reserved> {
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.shared.waiting);
        let permit = self.shared.room.clone().acquire_many_owned(self.clamp(bytes)).await.ok()?;
        Some(Reserved { permit })
    }

    /// Takes `bytes` if there is room now.
    pub fn try_acquire(&self, bytes: usize) -> Option<Reserved> {
        let permit = self.shared.room.clone().try_acquire_many_owned(self.clamp(bytes)).ok()?;
        Some(Reserved { permit })
    }

    /// Ends every wait, now and later, with `None`.
    pub fn close(&self) {
        self.shared.room.close();
    }

    /// The whole budget, in bytes.
    pub fn total(&self) -> usize {
        self.shared.total as usize
    }

    /// Bytes taken.
    pub fn used(&self) -> usize {
        self.total() - self.shared.room.available_permits().min(self.total())
    }

    /// Requests that wait for room.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_back_what_is_dropped() {
        let budget = ByteBudget::new(100);
        let mut a = budget.acquire(60).await.unwrap();
        assert!(budget.try_acquire(50).is_none());
        assert_eq!(budget.used(), 60);
        a.shrink_to(10);
        assert_eq!(budget.used(), 10);
        let b = budget.try_acquire(50).unwrap();
        assert!(a.merge(b).is_none());
        assert_eq!(a.bytes(), 60);
        drop(a);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn serves_in_order_and_lets_the_oversized_through_alone() {
        let budget = ByteBudget::new(10);
        let held = budget.acquire(4).await.unwrap();
        let large = tokio::spawn({
            let budget = budget.clone();
            async move { budget.acquire(1_000).await.unwrap().bytes() }
        });
        while budget.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(budget.try_acquire(1).is_none(), "a small request must not overtake the large one");
        drop(held);
        assert_eq!(large.await.unwrap(), 10);
        assert_eq!((budget.used(), budget.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn an_abandoned_wait_leaves_no_trace() {
        let budget = ByteBudget::new(10);
        let held = budget.acquire(10).await.unwrap();
        let waiter = tokio::spawn({
            let budget = budget.clone();
            async move { budget.acquire(5).await }
        });
        while budget.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        waiter.abort();
        let _ = waiter.await;
        assert_eq!(budget.waiting(), 0);
        drop(held);
        assert!(budget.try_acquire(10).is_some());
        budget.close();
        assert!(budget.acquire(1).await.is_none());
    }
}
