//! The few things done to files, in one place: where a full disk is met, and where tests pretend one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Sync;
use crate::LogError;

/// How files are written: really synced or not, and how much room a pretended disk has left.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    sync: Sync,
    room: Option<Arc<AtomicU64>>,
}

impl Disk {
    pub(super) fn new(sync: Sync) -> Self {
        Self { sync, room: None }
    }

    /// A disk that takes only so many more bytes, the last write of them in part.
    #[cfg(test)]
    pub(super) fn small(sync: Sync, room: Arc<AtomicU64>) -> Self {
        Self { sync, room: Some(room) }
    }

    /// Opens a file for reading and writing.
    pub(super) fn open(&self, path: &Path) -> Result<DiskFile, LogError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|e| LogError::io("cannot open", path, &e))?;
        Ok(DiskFile { file, path: path.into(), disk: self.clone() })
    }

    /// Writes a whole file so that it is there with all its bytes or not at all.
    pub(super) fn create_whole(&self, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
        let tmp = path.with_extension("tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&tmp)?;
            self.take(bytes.len())?;
            file.write_all(bytes)?;
            self.sync_data(&file)?;
            fs::rename(&tmp, path)?;
            self.sync_dir(path.parent())
        };
        write().map_err(|e| {
            // What is left behind is removed at the next open, too.
            let _ = fs::remove_file(&tmp);
            LogError::io("cannot write", path, &e)
        })
    }

    /// Makes names in a directory durable.
    pub(super) fn sync_dir(&self, dir: Option<&Path>) -> io::Result<()> {
        match (self.sync, dir) {
            (Sync::Always, Some(dir)) => File::open(dir)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        match self.sync {
            Sync::Always => file.sync_data(),
            Sync::System => Ok(()),
        }
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        let Some(room) = &self.room else { return Ok(()) };
        let bytes = bytes as u64;
        room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(bytes))
            .map(drop)
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

/// An open file with its name, for messages.
#[derive(Debug)]
pub(super) struct DiskFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl DiskFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> Result<u64, LogError> {
        let found = self.file.metadata().map_err(|e| LogError::io("cannot read", &self.path, &e))?;
        Ok(found.len())
    }

    /// Fills `buffer` from `position`.
    pub(super) fn read_exact(&self, buffer: &mut [u8], position: u64) -> Result<(), LogError> {
        self.file.read_exact_at(buffer, position).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.corrupt(position, "the file ends too early"),
            _ => LogError::io("cannot read", &self.path, &e),
        })
    }

    pub(super) fn write_all(&self, bytes: &[u8], position: u64) -> Result<(), LogError> {
        let write = || -> io::Result<()> {
            if let Err(full) = self.disk.take(bytes.len()) {
                // As a real disk: a part arrives before the error.
                self.file.write_all_at(&bytes[..bytes.len() / 2], position)?;
                return Err(full);
            }
            self.file.write_all_at(bytes, position)
        };
        write().map_err(|e| LogError::io("cannot write", &self.path, &e))
    }

    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.disk.sync_data(&self.file).map_err(|e| LogError::io("cannot sync", &self.path, &e))
    }

    /// Cuts the file and makes that durable.
    pub(super) fn truncate(&self, len: u64) -> Result<(), LogError> {
        let cut = self.file.set_len(len).and_then(|()| self.disk.sync_data(&self.file));
        cut.map_err(|e| LogError::io("cannot cut", &self.path, &e))
    }

    pub(super) fn corrupt(&self, position: u64, why: &str) -> LogError {
        LogError::Corrupt { file: self.path.clone(), position, why: why.into() }
    }
}
