//! The record of one compaction, `NNN.commit` of a date's chain: magic `stockpipe-compaction` in an [`Envelope`].
//! From the moment it has its name, readers take `adds` and leave out `removes`.

use commitlog::{Envelope, FileRef, FormatError};
use serde::{Deserialize, Serialize};

use crate::limits::COMPACTION_BYTES;

const ENVELOPE: Envelope = Envelope { magic: "stockpipe-compaction", version: 1, limit: COMPACTION_BYTES };

/// One compaction of a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The arrival date.
    pub date: String,
    /// Its number in the date's chain, from 0 without holes.
    pub seq: u64,
    /// Identifies the attempt; random, never used twice.
    pub nonce: String,
    /// Files that take the place of others.
    pub adds: Vec<FileRef>,
    /// Final names of the files whose rows are in `adds`.
    pub removes: Vec<String>,
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        ENVELOPE.seal(self)
    }

    /// Reads a record; `file` is named in errors.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Self, FormatError> {
        ENVELOPE.open(file, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_damage_is_named() {
        let record = Record {
            date: "2026-11-22".into(),
            seq: 3,
            nonce: "ab".into(),
            adds: vec![],
            removes: vec!["raw/ticks/x".into()],
        };
        let bytes = record.encode();
        assert_eq!(Record::decode("x", &bytes), Ok(record));
        let golden = "stockpipe-compaction 1 ";
        assert!(bytes.starts_with(golden.as_bytes()));
        for cut in 0..bytes.len() {
            let e = Record::decode("_log/x", &bytes[..cut]).unwrap_err().to_string();
            assert!(e.contains("_log/x"), "{e}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x15;
            assert!(Record::decode("x", &changed).is_err(), "byte {at}");
        }
        let newer = String::from_utf8(bytes).unwrap().replacen("compaction 1", "compaction 2", 1);
        assert!(matches!(Record::decode("x", newer.as_bytes()), Err(FormatError::TooNew { found: 2, .. })));
    }
}
