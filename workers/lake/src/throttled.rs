//! A lake that answers slowly: what a NameNode half a second away does to a pipeline.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Entry, Lake, LakeError};

/// Wraps a lake and waits before every call; longer before those that write.
#[derive(Clone)]
pub struct ThrottledLake {
    inner: Arc<dyn Lake>,
    read: Duration,
    write: Duration,
}

impl ThrottledLake {
    /// Waits `read` before list, stat and read, `write` before create, rename and delete.
    pub fn new(inner: Arc<dyn Lake>, read: Duration, write: Duration) -> Self {
        Self { inner, read, write }
    }
}

#[async_trait]
impl Lake for ThrottledLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        tokio::time::sleep(self.write).await;
        self.inner.create(path, bytes).await
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        tokio::time::sleep(self.write).await;
        self.inner.rename_no_overwrite(from, to).await
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        tokio::time::sleep(self.read).await;
        self.inner.list(dir).await
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        tokio::time::sleep(self.read).await;
        self.inner.stat(path).await
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        tokio::time::sleep(self.read).await;
        self.inner.read(path).await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        tokio::time::sleep(self.write).await;
        self.inner.delete(path).await
    }
}
