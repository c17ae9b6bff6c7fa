//! Single calls at the cluster, each under its limit, each with its answer put into words of the port.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::FutureExt;
use hdfs_native::{HdfsError, WriteOptions};

use super::{
    HdfsLake, PRIVATE,
    errors::{Call, Failure, classify},
    session::Session,
};
use crate::{
    LakeError,
    limits::{
        HDFS_BYTES_PER_SECOND, HDFS_CHUNK_BYTES, HDFS_CLOSE, HDFS_FILE_BYTES, HDFS_RPC, HDFS_STALE_SECONDS,
        HDFS_TRANSFER,
    },
};

/// Permission of new directories.
const DIRECTORY: u32 = 0o755;

/// A file or, without a length, a directory.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub path: String,
    pub bytes: Option<u64>,
    pub replication: Option<u32>,
}

/// How the NameNode answered a rename that may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renamed {
    Done,
    NoSource,
    NoParent,
}

/// A call with its limit. A panic of the client is a failure of the call.
async fn limited<T>(
    limit: Duration,
    call: impl Future<Output = hdfs_native::Result<T>> + Send,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(Failure::Hdfs(error)),
        Ok(Err(_)) => Err(Failure::Panicked),
        Err(_) => Err(Failure::TimedOut(limit.as_millis())),
    }
}

/// The limit for moving that many bytes.
fn transfer(bytes: u64) -> Duration {
    HDFS_TRANSFER + Duration::from_secs(bytes / HDFS_BYTES_PER_SECOND)
}

impl HdfsLake {
    /// The result of a limited call. A connection that cannot be trusted any more is given up.
    fn judged<T>(
        &self,
        session: &Arc<Session>,
        path: &str,
        call: Call,
        result: Result<T, Failure>,
    ) -> Result<T, LakeError> {
        result.map_err(|failure| {
            if failure.poisons() {
                self.sessions.give_up(session);
            }
            classify(path, call, failure)
        })
    }

    async fn call<T, F>(
        &self,
        path: &str,
        call: Call,
        limit: Duration,
        run: impl FnOnce(Arc<Session>) -> F + Send,
    ) -> Result<T, LakeError>
    where
        F: Future<Output = hdfs_native::Result<T>> + Send,
    {
        let session = self.sessions.get()?;
        let result = limited(limit, run(session.clone())).await;
        self.judged(&session, path, call, result)
    }

    /// Asks the NameNode for anything.
    pub(super) async fn reach(&self) -> Result<(), LakeError> {
        let (shown, full) = (self.sessions.target.shown(), self.full(""));
        let asked = self.call(&shown, Call::Reads, HDFS_RPC, |s| async move {
            s.client.get_file_info(&full).await.map(drop)
        });
        match asked.await {
            Err(LakeError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// What stands at a path.
    pub(super) async fn info(&self, path: &str) -> Result<Option<Item>, LakeError> {
        let full = self.full(path);
        let asked =
            self.call(path, Call::Reads, HDFS_RPC, |s| async move { s.client.get_file_info(&full).await });
        match asked.await {
            Ok(found) => Ok(Some(Item {
                path: path.to_owned(),
                bytes: (!found.isdir).then_some(found.length as u64),
                replication: found.replication,
            })),
            Err(LakeError::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// What stands directly in a directory; `None` where there is no such directory. Names that start with a dot are
    /// nobody's business.
    pub(super) async fn listing(&self, dir: &str) -> Result<Option<Vec<Item>>, LakeError> {
        let session = self.sessions.get()?;
        let full = self.full(dir);
        let entries = session.client.list_status_iter(full.trim_end_matches('/'), false);
        let mut found = Vec::new();
        loop {
            // One call for every thousand names; the names between come from memory.
            let step = limited(HDFS_RPC, async { entries.next().await.transpose() }).await;
            match self.judged(&session, dir, Call::Reads, step) {
                Ok(None) => return Ok(Some(found)),
                Ok(Some(status)) => {
                    let Some((parent, name)) = status.path.rsplit_once('/') else { continue };
                    if name.starts_with('.') || name.is_empty() {
                        continue;
                    }
                    // A file, asked for as a directory, lists itself.
                    if parent.len() < full.trim_end_matches('/').len() {
                        return Ok(None);
                    }
                    let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
                    let bytes = (!status.isdir).then_some(status.length as u64);
                    found.push(Item { path, bytes, replication: status.replication });
                }
                Err(LakeError::NotFound { .. }) => return Ok(None),
                Err(e) => return Err(e),
            }
        }
    }

    /// Writes a whole file at a path of the server that nobody else uses. On an error behind the creation the path is
    /// given up and deleted, if that can be done.
    pub(super) async fn write(&self, path: &str, full: &str, bytes: Bytes) -> Result<(), LakeError> {
        let session = self.sessions.get()?;
        let created = limited(HDFS_RPC, session.client.create(full, WriteOptions::default())).await;
        let mut writer = self.judged(&session, path, Call::Changes, created)?;
        let length = bytes.len() as u64;
        let sent = limited(transfer(length), async {
            let mut rest = bytes;
            while !rest.is_empty() {
                let chunk = rest.split_to(rest.len().min(HDFS_CHUNK_BYTES));
                writer.write_bytes(chunk).await?;
            }
            Ok(())
        })
        .await;
        let closed = match sent {
            Ok(()) => limited(HDFS_CLOSE, writer.close()).await,
            Err(e) => Err(e),
        };
        drop(writer);
        // Nothing that anybody could take for a file has come of it: a failure is no doubtful outcome.
        let done = self.judged(&session, path, Call::Reads, closed);
        if done.is_err() {
            self.forget(full.to_owned());
        }
        done
    }

    /// One rename without overwrite.
    pub(super) async fn rename(&self, path: &str, from: &str, to: &str) -> Result<Renamed, LakeError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.call(path, Call::Changes, HDFS_RPC, |s| async move {
            match s.client.rename(&from, &to, false).await {
                Ok(()) => Ok(Renamed::Done),
                Err(HdfsError::RPCError(class, message)) if class.ends_with("FileNotFoundException") => {
                    let parent = message.contains("rename destination parent");
                    Ok(if parent { Renamed::NoParent } else { Renamed::NoSource })
                }
                Err(e) => Err(e),
            }
        })
        .await
    }

    /// Makes the directory that `full` lies in.
    pub(super) async fn make_parent(&self, path: &str, full: &str) -> Result<(), LakeError> {
        let Some((parent, _)) = full.rsplit_once('/') else { return Ok(()) };
        let parent = if parent.is_empty() { "/".to_owned() } else { parent.to_owned() };
        self.call(path, Call::Changes, HDFS_RPC, |s| async move {
            s.client.mkdirs(&parent, DIRECTORY, true).await
        })
        .await
    }

    /// Deletes a file or an empty directory; a missing one is fine.
    pub(super) async fn remove(&self, path: &str, full: &str) -> Result<(), LakeError> {
        let full = full.to_owned();
        let deleted = self.call(path, Call::Changes, HDFS_RPC, |s| async move {
            s.client.delete(&full, false).await.map(drop)
        });
        match deleted.await {
            Err(LakeError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// The content of a file.
    pub(super) async fn fetch(&self, path: &str) -> Result<Bytes, LakeError> {
        let session = self.sessions.get()?;
        let full = self.full(path);
        let opened = limited(HDFS_RPC, session.client.read(&full)).await;
        let reader = self.judged(&session, path, Call::Reads, opened)?;
        let length = reader.file_length();
        if length as u64 > HDFS_FILE_BYTES {
            return Err(LakeError::Unavailable {
                path: path.to_owned(),
                reason: format!("{length} bytes are more than is read at once"),
            });
        }
        let fetched = limited(transfer(length as u64), reader.read_range(0, length)).await;
        let bytes = self.judged(&session, path, Call::Reads, fetched)?;
        if bytes.len() != length {
            let reason = format!("{} of {length} bytes came", bytes.len());
            return Err(LakeError::Unavailable { path: path.to_owned(), reason });
        }
        Ok(bytes)
    }

    /// Deletes private files whose writer is gone for sure. A failure costs space only.
    pub(super) async fn sweep_private(&self) {
        let Ok(session) = self.sessions.get() else { return };
        let dir = self.full(PRIVATE);
        let Ok(found) = limited(HDFS_RPC, session.client.list_status(&dir, false)).await else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let stale = |at: u64| now.saturating_sub(at) > HDFS_STALE_SECONDS * 1_000;
        for file in found.into_iter().filter(|f| !f.isdir && stale(f.modification_time)) {
            if self.remove(&file.path, &file.path).await.is_err() {
                return;
            }
        }
    }
}
