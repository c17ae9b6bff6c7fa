//! The record of a backup, `manifest.txt`: written last, so a backup that has one is whole. Magic `stockpipe-backup` in
//! an [`Envelope`].
//!
//! Paths are relative to the directory of the backup: `lake/…` are files of the lake by their path below its root,
//! `store/…` are rows of the feature store, one JSON object a line.

use commitlog::{Envelope, FormatError};
use market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::MANIFEST_BYTES;

const ENVELOPE: Envelope = Envelope { magic: "stockpipe-backup", version: 1, limit: MANIFEST_BYTES };

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where it is, below the backup's directory.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// Where a partition stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The partition.
    pub partition: u32,
    /// Number of its newest commit.
    pub seq: u64,
    /// Generation of the source topic.
    pub generation: u32,
    /// First offset that is not in the backup: where ingest goes on.
    pub end: u64,
}

/// Everything that a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The pipeline's name.
    pub pipeline: String,
    /// Root directory below the lake: commit records name files with it.
    pub root: String,
    /// When it was made, wall clock.
    pub made_at: Timestamp,
    /// Where every partition stood.
    pub heads: Vec<Head>,
    /// Every file, by path.
    pub files: Vec<Item>,
}

impl Manifest {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        ENVELOPE.seal(self)
    }

    /// Reads a manifest; `file` is named in errors.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Self, FormatError> {
        ENVELOPE.open(file, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        Manifest {
            pipeline: "market".into(),
            root: String::new(),
            made_at: Timestamp::from_millis(1_700_000_000_000),
            heads: vec![Head { partition: 3, seq: 42, generation: 1, end: 900 }],
            files: vec![Item { path: "lake/raw/x.parquet".into(), bytes: 7, sha256: "ab".into() }],
        }
    }

    #[test]
    fn golden_bytes() {
        let golden = include_bytes!("../../tests/golden/v1.backup");
        assert_eq!(String::from_utf8_lossy(&example().encode()), String::from_utf8_lossy(golden));
        assert_eq!(Manifest::decode("x", golden).unwrap(), example());
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let bytes = example().encode();
        for at in 0..bytes.len() {
            let e = Manifest::decode("d/manifest.txt", &bytes[..at]).unwrap_err();
            assert!(e.to_string().contains("d/manifest.txt"), "{e}");
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            assert!(Manifest::decode("x", &changed).is_err(), "{at}");
        }
        let newer = String::from_utf8(bytes).unwrap().replacen("backup 1", "backup 2", 1);
        let e = Manifest::decode("x", newer.as_bytes()).unwrap_err();
        assert_eq!(e, FormatError::TooNew { file: "x".into(), found: 2, known: 1 });
    }
}
