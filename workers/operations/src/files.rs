//! The lake as the operations use it: passing failures are tried again, unknown outcomes are looked up, and no more
//! bytes are in memory than the limit says.

use std::sync::Arc;

use bytes::Bytes;
use lake::{Entry, Lake, LakeError};
use runtime::{RetryPolicy, Shutdown, retry};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{OperationsError, limits};

/// A lake behind retries.
#[derive(Clone)]
pub(crate) struct Files<'a> {
    lake: &'a dyn Lake,
    budget: Arc<Semaphore>,
    never: Shutdown,
}

impl<'a> Files<'a> {
    pub fn new(lake: &'a dyn Lake) -> Self {
        Self { lake, budget: Arc::new(Semaphore::new(limits::FILES_MIB)), never: Shutdown::new() }
    }

    /// The lake itself.
    pub fn lake(&self) -> &'a dyn Lake {
        self.lake
    }

    /// Waits until a file of so many bytes may be in memory.
    pub async fn room(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let mib = usize::try_from(bytes >> 20).unwrap_or(usize::MAX).saturating_add(1).min(limits::FILES_MIB);
        // The budget is never closed.
        self.budget.acquire_many(u32::try_from(mib).unwrap_or(u32::MAX)).await.ok()
    }

    async fn again<T, F>(&self, what: &str, mut op: impl FnMut() -> F) -> Result<T, OperationsError>
    where
        F: Future<Output = Result<T, LakeError>>,
    {
        let op = || {
            let answer = op();
            async { answer.await.map_err(OperationsError::from) }
        };
        retry(RetryPolicy::times(limits::ATTEMPTS), &self.never, what, op).await
    }

    pub async fn list(&self, dir: &str) -> Result<Vec<Entry>, OperationsError> {
        self.again("list", || self.lake.list(dir)).await
    }

    pub async fn stat(&self, path: &str) -> Result<Option<u64>, OperationsError> {
        self.again("stat", || self.lake.stat(path)).await
    }

    /// The content of a file, `None` where there is none.
    pub async fn find(&self, path: &str) -> Result<Option<Bytes>, OperationsError> {
        self.again("read", || async {
            match self.lake.read(path).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(LakeError::NotFound { .. }) => Ok(None),
                Err(e) => Err(e),
            }
        })
        .await
    }

    /// The content of a file that must be there.
    pub async fn read(&self, path: &str) -> Result<Bytes, OperationsError> {
        let gone = || LakeError::NotFound { path: path.to_owned() }.into();
        self.find(path).await?.ok_or_else(gone)
    }

    pub async fn delete(&self, path: &str) -> Result<(), OperationsError> {
        self.again("delete", || self.lake.delete(path)).await
    }

    /// Writes a whole file under a name of its own: `stem` and a number, another one after each failure.
    pub async fn write(&self, stem: &str, bytes: &Bytes) -> Result<String, OperationsError> {
        let attempts = std::sync::atomic::AtomicUsize::new(0);
        self.again("write", || async {
            let n = attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let path = format!("{stem}-{n}");
            self.lake.create(&path, bytes.clone()).await.map(|()| path)
        })
        .await
    }

    /// Gives a file its name. True: it has it now, or had it before. False: the name holds something else.
    pub async fn name(&self, from: &str, to: &str, bytes: u64) -> Result<bool, OperationsError> {
        self.again("rename", || async {
            let Err(answer) = self.lake.rename_no_overwrite(from, to).await else { return Ok(true) };
            let (source, target) = (self.lake.stat(from).await?, self.lake.stat(to).await?);
            match (source, target) {
                (None, Some(length)) => Ok(length == bytes),
                (Some(_), Some(_)) => Ok(false),
                _ => Err(answer),
            }
        })
        .await
    }
}
