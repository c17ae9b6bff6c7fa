//! An ownership that says what a test tells it to say.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use tick_log::{Ownership, OwnershipEvent};
use tokio::sync::{Mutex, mpsc};

pub struct Told {
    say: mpsc::UnboundedSender<Option<OwnershipEvent>>,
    said: Mutex<mpsc::UnboundedReceiver<Option<OwnershipEvent>>>,
    sure: AtomicBool,
    drained: AtomicU64,
    left: AtomicBool,
}

impl Told {
    pub fn new() -> Arc<Self> {
        let (say, said) = mpsc::unbounded_channel();
        let (sure, left) = (AtomicBool::new(true), AtomicBool::new(false));
        Arc::new(Self { say, said: Mutex::new(said), sure, drained: AtomicU64::new(0), left })
    }

    pub fn owning(partitions: &[u32]) -> Arc<Self> {
        let told = Self::new();
        told.say(OwnershipEvent::Own(partitions.to_vec()));
        told
    }

    pub fn say(&self, event: OwnershipEvent) {
        self.say.send(Some(event)).unwrap();
    }

    pub fn be_sure(&self, sure: bool) {
        self.sure.store(sure, Ordering::SeqCst);
    }

    /// How often it was said that a hand-over is done.
    pub fn drained_times(&self) -> u64 {
        self.drained.load(Ordering::SeqCst)
    }

    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Ownership for Told {
    async fn next(&self) -> Option<OwnershipEvent> {
        self.said.lock().await.recv().await.flatten()
    }

    fn drained(&self) {
        self.drained.fetch_add(1, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.left.store(true, Ordering::SeqCst);
        let _ = self.say.send(None);
    }

    fn is_sure(&self) -> bool {
        self.sure.load(Ordering::SeqCst)
    }
}
