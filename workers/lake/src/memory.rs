//! A lake in memory: the reference for the conformance suite, and the store of tests and simulations.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::{Entry, Lake, LakeError, check_path};

/// Files in a sorted map. Clones share their files, so a "restarted" process finds what its predecessor left.
#[derive(Debug, Clone, Default)]
pub struct MemoryLake {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl MemoryLake {
    /// An empty lake.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces a file's bytes, as rot or a foreign hand would: for tests of damage only.
    pub fn damage(&self, path: &str, bytes: Bytes) {
        self.files.lock().insert(path.to_owned(), bytes);
    }
}

#[async_trait]
impl Lake for MemoryLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        check_path(path, false)?;
        let mut files = self.files.lock();
        if files.contains_key(path) {
            return Err(LakeError::AlreadyExists { path: path.to_owned() });
        }
        files.insert(path.to_owned(), bytes);
        Ok(())
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        check_path(from, false)?;
        check_path(to, false)?;
        let mut files = self.files.lock();
        if !files.contains_key(from) {
            return Err(LakeError::NotFound { path: from.to_owned() });
        }
        if files.contains_key(to) {
            return Err(LakeError::AlreadyExists { path: to.to_owned() });
        }
        if let Some(bytes) = files.remove(from) {
            files.insert(to.to_owned(), bytes);
        }
        Ok(())
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        check_path(dir, true)?;
        let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let files = self.files.lock();
        let below = files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
        Ok(below.map(|(path, bytes)| Entry { path: path.clone(), bytes: bytes.len() as u64 }).collect())
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        check_path(path, false)?;
        Ok(self.files.lock().get(path).map(|b| b.len() as u64))
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        check_path(path, false)?;
        self.files.lock().get(path).cloned().ok_or_else(|| LakeError::NotFound { path: path.to_owned() })
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        check_path(path, false)?;
        self.files.lock().remove(path);
        Ok(())
    }
}
