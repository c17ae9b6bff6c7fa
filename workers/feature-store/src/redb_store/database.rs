//! The database file: opening it, saying what is wrong with it, and opening it again after the disk failed.
//!
//! After one failed write redb refuses everything until the file is opened anew. A full disk is no reason to restart a
//! process, so the writer closes the file then and opens it again before the next write.

use std::{
    fs,
    io::ErrorKind as Io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use parking_lot::RwLock;
use redb::{Builder, Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, WriteTransaction};

use super::keys;
use crate::{StoreError, limits};

/// Layout of keys and values that this program reads and writes.
const LAYOUT: u64 = 1;

/// The file, open or not.
pub(super) struct File {
    path: PathBuf,
    state: RwLock<State>,
}

enum State {
    Open(Database),
    Broken,
    Closed,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = open(path)?;
        Ok(Self { path: path.into(), state: RwLock::new(State::Open(database)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a read on one moment of the file. Blocks.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let state = self.state.read();
        let database = match &*state {
            State::Open(database) => database,
            State::Closed => return Err(StoreError::Closed { file: self.path.clone() }),
            State::Broken => return Err(self.broken()),
        };
        let guarded = catch_unwind(AssertUnwindSafe(|| {
            let txn = database.begin_read()?;
            work(&Reader { txn: &txn })
        }));
        guarded
            .map(|done| done.map_err(|e| self.failed(e)))
            .unwrap_or_else(|_| Err(self.corrupt("a read ran into bytes that make no sense")))
    }

    /// Runs writes in one transaction and commits it durably. Blocks; only the writer thread calls it.
    pub(super) fn write<T>(
        &self,
        mut work: impl FnMut(&Writer<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.reopen()?;
        let state = self.state.read();
        let State::Open(database) = &*state else {
            return Err(StoreError::Closed { file: self.path.clone() });
        };
        let guarded = catch_unwind(AssertUnwindSafe(|| {
            let mut txn = database.begin_write()?;
            // Opening after a kill must not read the whole file.
            txn.set_quick_repair(true);
            match work(&Writer { txn: &txn }) {
                Ok(done) => txn.commit().map(|()| done).map_err(Failure::from),
                Err(error) => txn.abort().map_err(Failure::from).and(Err(error)),
            }
        }));
        let result = guarded
            .map(|done| done.map_err(|e| self.failed(e)))
            .unwrap_or_else(|_| Err(self.corrupt("a write ran into bytes that make no sense")));
        drop(state);
        if let Err(StoreError::Unavailable { .. } | StoreError::Corrupt { .. }) = &result {
            self.set(State::Broken);
        }
        result
    }

    fn reopen(&self) -> Result<(), StoreError> {
        match &*self.state.read() {
            State::Open(_) => return Ok(()),
            State::Closed => return Err(StoreError::Closed { file: self.path.clone() }),
            State::Broken => {}
        }
        let database = open(&self.path)?;
        tracing::info!(file = %self.path.display(), "the feature store is open again");
        self.set(State::Open(database));
        Ok(())
    }

    /// Leaves the old state without running its destructor under the lock's eyes: readers are gone by then.
    fn set(&self, new: State) {
        let old = std::mem::replace(&mut *self.state.write(), new);
        if catch_unwind(AssertUnwindSafe(|| drop(old))).is_err() {
            tracing::debug!(file = %self.path.display(), "closing the broken file failed");
        }
    }

    /// Makes the file small and closes it.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let mut state = self.state.write();
        let result = match &mut *state {
            State::Open(database) => catch_unwind(AssertUnwindSafe(|| database.compact()))
                .map_err(|_| self.corrupt("compaction ran into bytes that make no sense"))
                .and_then(|done| done.map(drop).map_err(|e| self.error(e))),
            State::Broken | State::Closed => Ok(()),
        };
        drop(state);
        self.set(State::Closed);
        result
    }

    fn broken(&self) -> StoreError {
        let why = "it failed to write and is opened again with the next write".into();
        StoreError::Unavailable { file: self.path.clone(), why }
    }

    fn failed(&self, failure: Failure) -> StoreError {
        match failure {
            Failure::Store(error) => error,
            Failure::Redb(error) => self.error(error),
            Failure::Unreadable(what) => self.corrupt(&format!("{what} is not readable")),
        }
    }

    fn corrupt(&self, why: &str) -> StoreError {
        StoreError::Corrupt { file: self.path.clone(), why: why.into() }
    }

    pub(super) fn error(&self, error: impl Into<redb::Error>) -> StoreError {
        sort(&self.path, error.into())
    }
}

/// What a read works with.
pub(super) struct Reader<'a> {
    pub(super) txn: &'a ReadTransaction,
}

/// What a write works with.
pub(super) struct Writer<'a> {
    pub(super) txn: &'a WriteTransaction,
}

/// Why work inside a transaction failed; the file's name is added outside.
pub(super) enum Failure {
    Store(StoreError),
    Redb(redb::Error),
    Unreadable(&'static str),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for Failure {
            fn from(error: redb::$error) -> Self {
                Failure::Redb(error.into())
            }
        })*
    };
}
from_redb!(StorageError TableError TransactionError CommitError DatabaseError);

fn open(path: &Path) -> Result<Database, StoreError> {
    let corrupt = |why: &str| StoreError::Corrupt { file: path.into(), why: why.into() };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|e| sort(path, e.into()))?;
    }
    let guarded = catch_unwind(AssertUnwindSafe(|| {
        let small = fs::metadata(path).is_ok_and(|found| found.len() <= limits::VERIFY_AT_OPEN_BYTES);
        let mut builder = Builder::new();
        builder.set_cache_size(limits::CACHE_BYTES).set_check_integrity_on_open(small);
        let database = builder.create(path)?;
        match check_layout(&database)? {
            LAYOUT => Ok(database),
            found => Err(StoreError::Version { file: path.into(), found, known: LAYOUT }.into()),
        }
    }));
    let opened = guarded.unwrap_or(Err(Failure::Unreadable("its structure")));
    opened.map_err(|failure| match failure {
        Failure::Store(error) => error,
        Failure::Redb(error) => sort(path, error),
        Failure::Unreadable(what) => corrupt(&format!("{what} is not readable")),
    })
}

/// Makes the tables of a new file; gives the layout of an old one.
fn check_layout(database: &Database) -> Result<u64, Failure> {
    let txn = database.begin_write()?;
    let found = {
        let mut meta = txn.open_table(keys::META)?;
        let found = meta.get("layout")?.map(|v| v.value());
        if found.is_none() {
            meta.insert("layout", LAYOUT)?;
        }
        found.unwrap_or(LAYOUT)
    };
    if found != LAYOUT {
        return Ok(found);
    }
    txn.open_table(keys::DAYS)?;
    for table in [keys::SERIES, keys::PENDING, keys::PREDICTIONS_BY_DAY, keys::PREDICTION_SERIES] {
        txn.open_table(table)?;
    }
    for table in [keys::PREDICTIONS, keys::ALIASES, keys::RUNS, keys::NOTES] {
        txn.open_table(table)?;
    }
    txn.commit()?;
    Ok(found)
}

/// Sorts redb's errors into what can be done about them.
fn sort(path: &Path, error: redb::Error) -> StoreError {
    use redb::Error as E;
    let (file, why) = (path.to_path_buf(), error.to_string());
    match error {
        E::DatabaseAlreadyOpen | E::LockProtocolMismatch | E::WouldBlock => StoreError::Locked { file },
        E::Io(io) => match io.kind() {
            Io::PermissionDenied
            | Io::NotFound
            | Io::NotADirectory
            | Io::IsADirectory
            | Io::AlreadyExists => StoreError::Misconfigured { file, why },
            Io::InvalidData | Io::UnexpectedEof | Io::InvalidInput => StoreError::Corrupt { file, why },
            _ => StoreError::Unavailable { file, why },
        },
        E::PreviousIo | E::Backend(_) | E::LockPoisoned(_) | E::TransactionPoisoned => {
            StoreError::Unavailable { file, why }
        }
        E::DatabaseClosed => StoreError::Closed { file },
        E::Corrupted(_)
        | E::UpgradeRequired(_)
        | E::RepairAborted
        | E::TableTypeMismatch { .. }
        | E::TypeDefinitionChanged { .. }
        | E::TableDoesNotExist(_)
        | E::TableIsMultimap(_)
        | E::TableIsNotMultimap(_)
        | E::UnorderedKey => StoreError::Corrupt { file, why },
        E::ValueTooLarge(_) => StoreError::Invalid { what: "a value".into(), why },
        _ => StoreError::Bug { file, why },
    }
}

#[cfg(test)]
mod tests {
    use market::ErrorKind;

    use super::*;

    #[test]
    fn a_file_that_broke_is_opened_again_with_the_next_write() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::open(&dir.path().join("store.redb")).unwrap();
        let failed = file.write::<()>(|_| Err(redb::StorageError::PreviousIo.into())).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Unavailable);
        let refused = file.read(|_| Ok(())).unwrap_err();
        assert!(refused.to_string().contains("opened again"), "{refused}");
        file.write(|_| Ok(())).unwrap();
        file.read(|_| Ok(())).unwrap();
    }

    #[test]
    fn another_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.redb");
        let file = File::open(&path).unwrap();
        file.write(|writer| Ok(writer.txn.open_table(keys::META)?.insert("layout", 7).map(drop)?)).unwrap();
        drop(file);
        let refused = File::open(&path).map(drop).unwrap_err();
        assert!(matches!(refused, StoreError::Version { found: 7, known: LAYOUT, .. }), "{refused}");
    }
}
