//! A lake in a directory of a local disk.
//!
//! A file is written under a private name in `<root>/.create/`, synced, then given its name by a rename that cannot
//! overwrite; then the directory (and every new parent) is synced. So a name never shows half a file, and a file that
//! a caller was told about survives a power cut. After a failed sync the bytes in the page cache mean nothing: the
//! private file is thrown away and the caller writes anew.
//!
//! Assumptions: one machine, a file system with atomic renames; `renameat2(RENAME_NOREPLACE)`, or hard links where it
//! is refused.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{
    Entry, Lake, LakeError, check_path,
    limits::{PARENT_ATTEMPTS, STALE_TEMPORARY_SECONDS},
};

const PRIVATE: &str = ".create";
static NEXT_PRIVATE: AtomicU64 = AtomicU64::new(0);

/// Files below one directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalLake {
    root: Arc<PathBuf>,
}

impl LocalLake {
    /// Opens a lake, making its directory. Private files that a crash left behind are removed once they are stale.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LakeError> {
        let root = dir.as_ref().to_path_buf();
        let shown = root.display().to_string();
        let private = root.join(PRIVATE);
        fs::create_dir_all(&private).map_err(|e| LakeError::from_io(&shown, &e))?;
        sweep_private(&private).map_err(|e| LakeError::from_io(&shown, &e))?;
        Ok(Self { root: Arc::new(root) })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Runs one blocking step off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        path: &str,
        step: impl FnOnce(&Path) -> Result<T, LakeError> + Send + 'static,
    ) -> Result<T, LakeError> {
        let root = self.root.clone();
        match tokio::task::spawn_blocking(move || step(&root)).await {
            Ok(result) => result,
            Err(stopped) => {
                Err(LakeError::OutcomeUnknown { path: path.to_owned(), reason: stopped.to_string() })
            }
        }
    }
}

fn sweep_private(private: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in fs::read_dir(private)? {
        let entry = entry?;
        let modified = entry.metadata().and_then(|m| m.modified()).unwrap_or(now);
        let age = now.duration_since(modified).unwrap_or_default();
        if age > Duration::from_secs(STALE_TEMPORARY_SECONDS) {
            // Another process may sweep at the same time; what is gone is gone.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes the parent of `full` and syncs every directory that got a new entry.
fn make_parent(root: &Path, full: &Path) -> io::Result<PathBuf> {
    let parent = full.parent().unwrap_or(root).to_path_buf();
    let mut new = Vec::new();
    let mut at = parent.as_path();
    while !at.exists() && at != root {
        new.push(at.to_path_buf());
        at = at.parent().unwrap_or(root);
    }
    if !new.is_empty() {
        fs::create_dir_all(&parent)?;
        for made in new.iter().rev() {
            sync_dir(made.parent().unwrap_or(root))?;
        }
    }
    Ok(parent)
}

/// Renames without replacing: `renameat2` where the file system has it, else link and unlink. A crash between these
/// two leaves both names with the same bytes, which the commit protocol accepts.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_new(from, to),
        Err(e) => Err(e.into()),
    }
}

fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Makes the parent and renames into it; once more where a concurrent delete has pruned the parent in between.
fn place(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..PARENT_ATTEMPTS {
        let step = make_parent(root, to).and_then(|parent| rename_new(from, to).map(|()| parent));
        match step {
            Ok(parent) => return sync_dir(&parent),
            Err(e) if e.kind() == io::ErrorKind::NotFound && from.exists() => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "its parent directory is deleted again and again"))
}

fn write_private(root: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let private = root.join(PRIVATE);
    loop {
        let n = NEXT_PRIVATE.fetch_add(1, Ordering::Relaxed);
        let path = private.join(format!("{}-{n}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let written = file.write_all(bytes).and_then(|()| file.sync_all());
                if let Err(e) = written {
                    drop(file);
                    let _ = fs::remove_file(&path);
                    return Err(e);
                }
                return Ok(path);
            }
            // A predecessor with this process id left it.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
}

fn collect(root: &Path, dir: &Path, out: &mut Vec<Entry>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        let meta = match entry.metadata() {
            Ok(meta) => meta,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        if meta.is_dir() {
            collect(root, &path, out)?;
        } else if let (true, Ok(below)) = (meta.is_file(), path.strip_prefix(root)) {
            out.push(Entry { path: below.to_string_lossy().into_owned(), bytes: meta.len() });
        }
    }
    Ok(())
}

/// Removes directories that became empty, upwards, never the root.
fn prune(root: &Path, file: &Path) {
    let mut at = file.parent();
    while let Some(dir) = at {
        if dir == root || fs::remove_dir(dir).is_err() {
            return;
        }
        at = dir.parent();
    }
}

#[async_trait]
impl Lake for LocalLake {
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError> {
        check_path(path, false)?;
        let name = path.to_owned();
        self.blocking(path, move |root| {
            let io = |e: io::Error| LakeError::from_io(&name, &e);
            let full = root.join(&name);
            if full.exists() {
                return Err(LakeError::AlreadyExists { path: name });
            }
            let private = write_private(root, &bytes).map_err(io)?;
            place(root, &private, &full).map_err(|e| {
                let _ = fs::remove_file(&private);
                io(e)
            })
        })
        .await
    }

    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError> {
        check_path(from, false)?;
        check_path(to, false)?;
        let (old, new) = (from.to_owned(), to.to_owned());
        self.blocking(to, move |root| {
            let (from, to) = (root.join(&old), root.join(&new));
            if !from.exists() {
                return Err(LakeError::NotFound { path: old });
            }
            place(root, &from, &to).map_err(|e| match e.kind() {
                io::ErrorKind::NotFound => LakeError::NotFound { path: old.clone() },
                io::ErrorKind::AlreadyExists => LakeError::AlreadyExists { path: new },
                _ => LakeError::OutcomeUnknown { path: new, reason: e.to_string() },
            })?;
            let left = from.parent().unwrap_or(root);
            match sync_dir(left) {
                Ok(()) => {}
                // Pruned by a concurrent delete: then its parent's sync is that delete's concern.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(LakeError::OutcomeUnknown { path: old, reason: e.to_string() }),
            }
            prune(root, &from);
            Ok(())
        })
        .await
    }

    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError> {
        check_path(dir, true)?;
        let name = dir.to_owned();
        self.blocking(dir, move |root| {
            let mut out = Vec::new();
            collect(root, &root.join(&name), &mut out).map_err(|e| LakeError::from_io(&name, &e))?;
            out.sort();
            Ok(out)
        })
        .await
    }

    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError> {
        check_path(path, false)?;
        let name = path.to_owned();
        self.blocking(path, move |root| match fs::metadata(root.join(&name)) {
            Ok(meta) => Ok(meta.is_file().then_some(meta.len())),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(LakeError::from_io(&name, &e)),
        })
        .await
    }

    async fn read(&self, path: &str) -> Result<Bytes, LakeError> {
        check_path(path, false)?;
        let name = path.to_owned();
        self.blocking(path, move |root| {
            fs::read(root.join(&name)).map(Bytes::from).map_err(|e| LakeError::from_io(&name, &e))
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<(), LakeError> {
        check_path(path, false)?;
        let name = path.to_owned();
        self.blocking(path, move |root| {
            let full = root.join(&name);
            match fs::remove_file(&full) {
                Ok(()) => prune(root, &full),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(LakeError::from_io(&name, &e)),
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_and_unlink_never_replace() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, c) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("c"));
        fs::write(&a, "1").unwrap();
        fs::write(&b, "2").unwrap();
        assert_eq!(link_new(&a, &b).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&b).unwrap(), b"2");
        link_new(&a, &c).unwrap();
        assert!(!a.exists());
    }
}
