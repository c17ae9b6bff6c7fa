//! Files from one lake into another: each under a private name first, then by rename, then read back.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::manifest::Item;
use crate::{OperationsError, files::Files};

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What a file is, for a manifest.
pub(super) fn item(path: &str, bytes: &[u8]) -> Item {
    Item { path: path.to_owned(), bytes: bytes.len() as u64, sha256: sha256(bytes) }
}

/// Whether a file had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Written,
    /// It was there already, equal to the byte: the work of a run that was interrupted.
    There,
}

/// Puts `bytes` at `path`, where nothing or the very same may stand. `private` is the stem of a name nobody else uses.
pub(super) async fn put(
    to: &Files<'_>,
    path: &str,
    private: &str,
    bytes: &Bytes,
) -> Result<Put, OperationsError> {
    let altered =
        |reason: &str| OperationsError::Altered { path: path.to_owned(), reason: reason.to_owned() };
    if let Some(there) = to.find(path).await? {
        return if there == *bytes { Ok(Put::There) } else { Err(altered("another file has its name")) };
    }
    let from = to.write(private, bytes).await?;
    if !to.name(&from, path, bytes.len() as u64).await? {
        return Err(altered("another file took its name meanwhile"));
    }
    match to.find(path).await? {
        Some(there) if there == *bytes => Ok(Put::Written),
        Some(_) => Err(altered("it reads back differently")),
        None => Err(altered("it is gone right after it was written")),
    }
}

/// A file of a backup, equal to what its manifest says.
pub(super) async fn checked(from: &Files<'_>, dir: &str, item: &Item) -> Result<Bytes, OperationsError> {
    let path = format!("{dir}{}", item.path);
    let altered = |reason: String| OperationsError::Altered { path: path.clone(), reason };
    let Some(bytes) = from.find(&path).await? else { return Err(altered("missing".to_owned())) };
    if bytes.len() as u64 != item.bytes {
        return Err(altered(format!("{} bytes, not {}", bytes.len(), item.bytes)));
    }
    if sha256(&bytes) != item.sha256 {
        return Err(altered("another SHA-256".to_owned()));
    }
    Ok(bytes)
}

/// A directory as a prefix of paths.
pub(super) fn prefix(dir: &str) -> String {
    let dir = dir.trim_matches('/');
    if dir.is_empty() { String::new() } else { format!("{dir}/") }
}
