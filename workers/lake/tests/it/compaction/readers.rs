//! Readers beside a compaction: one that looks between any two of its steps, and one under which any number of its steps
//! happen between any two of its own.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use lake::{
    Entry, Fault, FaultyLake, Lake, LakeError, MemoryLake,
    compact::{self, Options},
    tables,
};
use parking_lot::Mutex;

use super::{
    compacted,
    world::{Seen, paths, seen, shared, small, try_seen},
};

/// Does something before and after each call.
struct Watched<F> {
    inner: MemoryLake,
    look: F,
}

impl<F: AsyncLook> Watched<F> {
    async fn around<T: Send>(&self, call: impl Future<Output = T> + Send) -> T {
        self.look.look(&self.inner).await;
        let result = call.await;
        self.look.look(&self.inner).await;
        result
    }
}

#[async_trait]
trait AsyncLook: Send + Sync + 'static {
    async fn look(&self, lake: &MemoryLake);
}

#[async_trait]
impl<F: AsyncLook> Lake for Watched<F> {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        self.around(self.inner.create(path, bytes)).await
    }
    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        self.around(self.inner.rename_no_overwrite(from, to)).await
    }
    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        self.around(self.inner.list(dir)).await
    }
    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        self.around(self.inner.stat(path)).await
    }
    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        self.around(self.inner.read(path)).await
    }
    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        self.around(self.inner.delete(path)).await
    }
}

/// A reader that takes the log into account, and one that only lists the directory.
struct Readers {
    before: Seen,
    looks: AtomicU64,
    /// Moments at which the plain listing showed other rows.
    deceived: AtomicU64,
}

#[async_trait]
impl AsyncLook for Arc<Readers> {
    async fn look(&self, lake: &MemoryLake) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        assert_eq!(seen(lake).await, self.before, "at look {}", self.looks.load(Ordering::Relaxed));
        let mut plain = Vec::new();
        for path in paths(lake, "raw/ticks").await {
            plain.extend(tables::read_raw(lake.read(&path).await.unwrap()).unwrap());
        }
        plain.sort_by_key(|r| (r.partition, r.offset));
        if plain != self.before.raw {
            self.deceived.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_reader_between_any_two_steps_sees_one_version() {
    let (inner, before) = small().await;
    let readers = Arc::new(Readers { before, looks: AtomicU64::new(0), deceived: AtomicU64::new(0) });
    let watched = Watched { inner, look: readers.clone() };
    assert_eq!(compacted(&watched, &Options::default()).await.records, 1);
    assert!(readers.looks.load(Ordering::Relaxed) > 60);
    assert!(
        readers.deceived.load(Ordering::Relaxed) > 0,
        "who only lists the directory does see rows twice or not at all: so the moments do matter"
    );
}

/// Lets a compaction run up to its `steps`-th call, at the reader's `at`-th look.
struct Meanwhile {
    at: u64,
    steps: u64,
    looks: AtomicU64,
    calls: Mutex<u64>,
}

#[async_trait]
impl AsyncLook for Arc<Meanwhile> {
    async fn look(&self, lake: &MemoryLake) {
        if self.looks.fetch_add(1, Ordering::Relaxed) != self.at {
            return;
        }
        let faulty = FaultyLake::once(shared(lake), self.steps, Fault::CrashBefore);
        let options = Options::default();
        tokio::select! {
            _ = compact::run(&faulty, "", &options, &|_| ()) => {}
            () = faulty.crashed() => {}
        }
        *self.calls.lock() = faulty.calls();
    }
}

#[tokio::test]
async fn a_reader_under_which_a_compaction_happens_sees_one_version() {
    let (mut at, mut tried) = (0, 0);
    loop {
        // Every other moment of the compaction; all of them for every other look.
        let mut steps = at % 2;
        let mut reached = true;
        loop {
            let (inner, before) = small().await;
            let look = Arc::new(Meanwhile { at, steps, looks: AtomicU64::new(0), calls: Mutex::new(0) });
            let reader = Watched { inner, look: look.clone() };
            let found = try_seen(&reader).await.expect("history can be read");
            assert!(
                found == before,
                "a compaction of {steps} calls at the reader's look {at} showed through"
            );
            reached &= look.looks.load(Ordering::Relaxed) > at;
            tried += 1;
            // The last round let the compaction come to its end.
            if !reached || *look.calls.lock() <= steps {
                break;
            }
            steps += 2;
        }
        if !reached {
            break;
        }
        at += 1;
    }
    assert!(tried > 300, "{tried} meetings");
}
