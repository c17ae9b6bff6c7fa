//! One process owns a data directory.
//!
//! `DIR/LOCK` is locked with `flock`: the system gives it back when the process ends, however it ends, so there is
//! nothing to clean up after a kill. The file holds the pid of its owner, for the message only.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use market::ErrorKind;
use rustix::fs::{FlockOperation, flock};

use crate::{Classified, limits};

/// The lock on a data directory, held until it is dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
    dir: PathBuf,
}

/// Why the directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{dir} is in use by process {pid}: stop it, or name another directory with --data", dir = .dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The owner; "unknown" where it has not written its pid.
        pid: String,
    },
    /// It cannot be locked at all.
    #[error("{dir} cannot be locked: {error}; give this user write access, or name another directory with --data",
            dir = .dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

impl Classified for LockError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Misconfigured
    }
}

impl DirLock {
    /// Takes the lock, making the directory if need be; waits for another owner up to [`limits::LOCK_WAIT`].
    pub async fn acquire(dir: impl AsRef<Path>) -> Result<Self, LockError> {
        Self::acquire_within(dir, limits::LOCK_WAIT).await
    }

    /// As [`DirLock::acquire`], with another patience.
    pub async fn acquire_within(dir: impl AsRef<Path>, wait: Duration) -> Result<Self, LockError> {
        let start = Instant::now();
        loop {
            match Self::try_acquire(&dir) {
                Err(LockError::Held { .. }) if start.elapsed() < wait => {
                    tokio::time::sleep(limits::LOCK_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Takes the lock if it is free now.
    pub fn try_acquire(dir: impl AsRef<Path>) -> Result<Self, LockError> {
        let dir = dir.as_ref().to_path_buf();
        let fail = |error| LockError::Io { dir: dir.clone(), error };
        std::fs::create_dir_all(&dir).map_err(fail)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("LOCK"))
            .map_err(fail)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(e) if io::Error::from(e).kind() == io::ErrorKind::WouldBlock => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                let pid = if text.trim().is_empty() { "unknown" } else { text.trim() };
                return Err(LockError::Held { dir, pid: pid.into() });
            }
            Err(e) => return Err(fail(e.into())),
        }
        let write = || -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        // The pid only serves the other one's message: a full disk must not keep us from reading.
        if let Err(error) = { write }() {
            tracing::debug!("pid not written to {}: {error}", dir.display());
        }
        Ok(Self { _file: file, dir })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::acquire(dir.path()).await.unwrap();
        let refused = DirLock::acquire_within(dir.path(), Duration::from_millis(60)).await.unwrap_err();
        assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
        assert_eq!(refused.kind(), ErrorKind::Misconfigured);
        let waiting = tokio::spawn(DirLock::acquire(dir.path().to_path_buf()));
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap().unwrap().dir(), dir.path());
    }

    #[test]
    fn a_directory_that_cannot_be_is_one_clear_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = DirLock::try_acquire(file.path().join("data")).unwrap_err();
        assert!(refused.to_string().contains("--data"), "{refused}");
    }
}
