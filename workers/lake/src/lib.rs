//! The lake: immutable files under one root, written whole, made visible by renames that never overwrite.
//!
//! The port is narrow on purpose. Everything that the commit protocol needs is *create a whole file*, *rename without
//! overwrite*, *list*, *stat*, *read* and *delete*; everything else (append, leases, locks, conditional puts) differs
//! between HDFS, object stores and local disks and is therefore not used.
//!
//! * [`Lake`] is the port; its guarantees stand at each method.
//! * [`LocalLake`] keeps files in a directory, [`hdfs::HdfsLake`] on HDFS, [`MemoryLake`] in memory; [`FaultyLake`] and [`ThrottledLake`] wrap any.
//! * [`conformance`] is the suite that every implementation passes.
//! * [`compact`] puts the small files of closed dates together.
//! * [`tables`] encodes and reads the Parquet tables; [`history`] is the committed view over all partitions.
//!
//! Architecture Invariant: no file is ever changed in place, and nothing here decides what is committed: that is the
//! commit log's business (`commitlog`).

pub mod compact;
pub mod conformance;
mod error;
mod faulty;
pub mod hdfs;
pub mod history;
pub mod limits;
mod local;
mod memory;
mod path;
pub mod tables;
mod throttled;

use async_trait::async_trait;
use bytes::Bytes;

pub use error::LakeError;
pub use faulty::{Call, Fault, FaultyLake};
pub use local::LocalLake;
pub use memory::MemoryLake;
pub use path::check_path;
pub use throttled::ThrottledLake;

/// A file as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Path below the lake's root, with `/` between its parts.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// Where files live. Paths are relative, in UTF-8, with `/` between parts; a path that would leave the root is refused.
///
/// Every call may fail with `OutcomeUnknown`: then it has happened, has not, *or will still happen later*. Callers
/// find out by looking, never by trusting a later call's `AlreadyExists`.
#[async_trait]
pub trait Lake: Send + Sync + 'static {
    /// Writes a whole file in one go and makes its parent directories. When it returns, the file is durable and
    /// complete. Fails with `AlreadyExists` if the path is taken. After any other error the path may hold a torn file:
    /// callers abandon the path and use a new one.
    async fn create(&self, path: &str, bytes: Bytes) -> Result<(), LakeError>;

    /// Gives a file another name, making parent directories; durable when it returns. Never replaces a file: exactly
    /// one of any number of racers for a name wins, the others get `AlreadyExists`. A missing source is reported
    /// (`NotFound`) before an existing destination.
    async fn rename_no_overwrite(&self, from: &str, to: &str) -> Result<(), LakeError>;

    /// All files below a directory, recursively, sorted by path. A directory that does not exist is empty. A file that
    /// appears or goes during the call may or may not be listed; every other file is listed exactly once.
    async fn list(&self, dir: &str) -> Result<Vec<Entry>, LakeError>;

    /// Length of a file, `None` where there is none.
    async fn stat(&self, path: &str) -> Result<Option<u64>, LakeError>;

    /// The content of a file, `NotFound` where there is none.
    async fn read(&self, path: &str) -> Result<Bytes, LakeError>;

    /// Deletes a file; a missing one is fine. Never used on a path that a living writer could still use.
    async fn delete(&self, path: &str) -> Result<(), LakeError>;
}
