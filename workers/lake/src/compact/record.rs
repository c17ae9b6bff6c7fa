//! The record of one compaction, `NNN.commit` of a date's chain.
//!
//! | part | bytes |
//! |---|---|
//! | line 1 | `stockpipe-compaction <version> <crc32c of the body, 8 hex digits> <length of the body>\n` |
//! | body | one JSON object, UTF-8; unknown keys are ignored |
//!
//! From the moment it has its name, readers take `adds` and leave out `removes`.

use commitlog::{FileRef, FormatError};
use serde::{Deserialize, Serialize};

use crate::limits::COMPACTION_BYTES;

const MAGIC: &str = "stockpipe-compaction";
const VERSION: u32 = 1;

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
        // Plain values with text keys: serialising cannot fail, and an empty body is refused on reading.
        let body = serde_json::to_vec(self).unwrap_or_default();
        let mut out =
            format!("{MAGIC} {VERSION} {:08x} {}\n", crc32c::crc32c(&body), body.len()).into_bytes();
        out.extend_from_slice(&body);
        out
    }

    /// Reads a record; `file` is named in errors.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Self, FormatError> {
        let fail = |reason: &str| FormatError::Damaged { file: file.to_owned(), reason: reason.to_owned() };
        if bytes.len() > COMPACTION_BYTES {
            return Err(fail("longer than any compaction"));
        }
        let end = bytes.iter().take(100).position(|b| *b == b'\n').ok_or_else(|| fail("no header line"))?;
        let header = std::str::from_utf8(&bytes[..end]).map_err(|_| fail("header is not text"))?;
        let body = &bytes[end + 1..];
        let mut parts = header.split(' ');
        if parts.next() != Some(MAGIC) {
            return Err(fail("not a compaction record"));
        }
        let version = parts.next().and_then(|v| v.parse().ok()).ok_or_else(|| fail("no version"))?;
        if version > VERSION {
            return Err(FormatError::TooNew { file: file.to_owned(), found: version, known: VERSION });
        }
        let crc = parts.next().and_then(|c| u32::from_str_radix(c, 16).ok());
        let length: Option<usize> = parts.next().and_then(|l| l.parse().ok());
        if length != Some(body.len()) || crc != Some(crc32c::crc32c(body)) {
            return Err(fail("cut short or changed"));
        }
        serde_json::from_slice(body).map_err(|e| fail(&e.to_string()))
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
