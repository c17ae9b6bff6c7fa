//! A lake on HDFS, over its native protocol.
//!
//! How HDFS is used: a file is written in one go (create, write, close) and never appended to; on any error its path is
//! abandoned, since the client does not survive the loss of a DataNode inside an open file, and an open file cannot be
//! read. A rename without overwrite is atomic at the NameNode and has one winner. Whatever is made outside `_tmp` gets
//! its name by such a rename too, so a visible name never shows half a file.
//!
//! Every call has a limit: the client has none of its own, and a NameNode that accepts and never answers would hold a
//! caller for ever. A call that broke off without an answer is `OutcomeUnknown` where it could have changed something.
//!
//! Assumptions, each with a test against a real server: rename without overwrite fails on an existing destination and
//! lets one racer win; a missing source is reported before an existing destination; a closed file is complete; a killed
//! DataNode breaks the writer and not the client; a silent NameNode holds a call no longer than its limit.
//!
//! Not done here: no hsync, append or lease recovery; no pauses between attempts (callers have theirs); no knowledge of
//! what a file holds.

mod calls;
mod checks;
mod errors;
mod session;
mod settings;
mod site;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Semaphore;

pub use checks::checks;
pub use settings::{HdfsSettings, Kerberos};

use crate::{
    Entry, Lake, LakeError, check_path,
    limits::{HDFS_LISTINGS, HDFS_READS, HDFS_WRITES, PARENT_ATTEMPTS},
};
use session::Sessions;
use settings::Target;

/// Directory below the root for files that have no name yet; hidden from listings.
const PRIVATE: &str = ".create";
/// The part of a path below which names are new and belong to one writer.
const TEMPORARY: &str = "_tmp";

/// Files below one directory of an HDFS. Cheap to clone; clones share their connection and their limits.
#[derive(Clone)]
pub struct HdfsLake {
    sessions: Arc<Sessions>,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl std::fmt::Debug for HdfsLake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HdfsLake").field(&self.sessions.target.shown()).finish()
    }
}

impl HdfsLake {
    /// A lake below `settings.root`. Asks the NameNode once, so that a wrong address, a wrong identity or a missing
    /// permission is known at once; the directory itself is made with the first file.
    pub async fn connect(settings: HdfsSettings) -> Result<Self, LakeError> {
        let lake = Self::unchecked(settings)?;
        lake.reach().await?;
        lake.sweep_private().await;
        Ok(lake)
    }

    /// A lake that has not asked anybody yet: for a process that starts before its cluster and waits for it.
    pub fn unchecked(settings: HdfsSettings) -> Result<Self, LakeError> {
        Ok(Self {
            sessions: Arc::new(Sessions::new(Target::resolve(&settings)?)),
            reads: Arc::new(Semaphore::new(HDFS_READS)),
            writes: Arc::new(Semaphore::new(HDFS_WRITES)),
        })
    }

    /// How often the client was replaced because a call got no answer.
    pub fn reconnects(&self) -> usize {
        self.sessions.given_up()
    }

    /// The path at the server.
    fn full(&self, path: &str) -> String {
        let root = &self.sessions.target.root;
        if path.is_empty() { format!("{root}/") } else { format!("{root}/{path}") }
    }

    /// A name that nobody else will ever use.
    fn private(&self) -> String {
        use std::hash::{BuildHasher, RandomState};
        let half = || RandomState::new().hash_one(std::process::id());
        self.full(&format!("{PRIVATE}/{:016x}{:016x}", half(), half()))
    }

    /// Renames, making the parent where it is missing.
    async fn place(&self, path: &str, from: &str, to: &str) -> Result<(), LakeError> {
        for _ in 0..PARENT_ATTEMPTS {
            match self.rename(path, from, to).await? {
                calls::Renamed::Done => return Ok(()),
                calls::Renamed::NoParent => self.make_parent(path, to).await?,
                calls::Renamed::NoSource => return Err(LakeError::NotFound { path: path.to_owned() }),
            }
        }
        Err(LakeError::Unavailable {
            path: path.to_owned(),
            reason: "its parent directory is deleted again and again".to_owned(),
        })
    }

    /// Deletes a file that only we know, without waiting for it.
    fn forget(&self, full: String) {
        let lake = self.clone();
        tokio::spawn(async move {
            // Best effort: what stays is swept later.
            let _ = lake.remove(&full, &full).await;
        });
    }

    /// Deletes the directory with all directories below it, as far as no file is in them. A lake knows files only, and leaves
    /// directories where they are: this is for who takes a whole lake away.
    pub async fn delete_empty_directories(&self, dir: &str) -> Result<(), LakeError> {
        check_path(dir, false)?;
        let mut found = vec![dir.to_owned()];
        let mut looked = 0;
        while let Some(next) = found.get(looked).cloned() {
            let inside = self.listing(&next).await?.unwrap_or_default();
            found.extend(inside.into_iter().filter(|item| item.bytes.is_none()).map(|item| item.path));
            looked += 1;
        }
        // What is inside a directory stands behind it.
        for path in found.iter().rev() {
            if self.listing(path).await?.is_some_and(|inside| inside.is_empty()) {
                self.remove(path, &self.full(path)).await?;
            }
        }
        Ok(())
    }

    /// Removes the claim directory of a deleted temporary file once it is empty.
    async fn prune(&self, path: &str) {
        let Some((parent, _)) = path.rsplit_once('/') else { return };
        let inside =
            parent.split_once(&format!("{TEMPORARY}/")).is_some_and(|(_, below)| below.contains('/'));
        if inside && matches!(self.listing(parent).await, Ok(Some(found)) if found.is_empty()) {
            // HDFS refuses to delete a directory that has got a file meanwhile.
            let _ = self.remove(parent, &self.full(parent)).await;
        }
    }
}

fn is_temporary(path: &str) -> bool {
    path.split('/').any(|part| part == TEMPORARY)
}

#[async_trait]
impl Lake for HdfsLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        check_path(path, false)?;
        // The semaphore is never closed.
        let _permit = self.writes.acquire().await;
        let full = self.full(path);
        if is_temporary(path) {
            return self.write(path, &full, bytes).await;
        }
        if self.info(path).await?.is_some() {
            return Err(LakeError::AlreadyExists { path: path.to_owned() });
        }
        let private = self.private();
        self.write(path, &private, bytes).await?;
        let placed = self.place(path, &private, &full).await;
        if placed.is_err() {
            self.forget(private);
        }
        placed
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        check_path(from, false)?;
        check_path(to, false)?;
        self.place(to, &self.full(from), &self.full(to)).await.map_err(|e| match e {
            LakeError::NotFound { .. } => LakeError::NotFound { path: from.to_owned() },
            other => other,
        })
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        check_path(dir, true)?;
        let mut found = Vec::new();
        let mut waiting = vec![dir.to_owned()];
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < HDFS_LISTINGS
                && let Some(next) = waiting.pop()
            {
                running.push(async move { self.listing(&next).await });
            }
            let Some(listed) = running.next().await else { break };
            // A directory that went meanwhile holds nothing.
            for item in listed?.unwrap_or_default() {
                match item.bytes {
                    Some(bytes) => found.push(Entry { path: item.path, bytes }),
                    None => waiting.push(item.path),
                }
            }
        }
        found.sort();
        Ok(found)
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        check_path(path, false)?;
        Ok(self.info(path).await?.and_then(|item| item.bytes))
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        check_path(path, false)?;
        let _permit = self.reads.acquire().await;
        self.fetch(path).await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        check_path(path, false)?;
        self.remove(path, &self.full(path)).await?;
        if is_temporary(path) {
            self.prune(path).await;
        }
        Ok(())
    }
}
