//! The record `N.commit`: magic `stockpipe-commit` in an [`Envelope`]. It is written whole under a temporary name and
//! renamed; it never changes.

use market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Envelope, FormatError, limits::COMMIT_BYTES};

const ENVELOPE: Envelope = Envelope { magic: "stockpipe-commit", version: 1, limit: COMMIT_BYTES };

/// What a commit does to its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stores the records of `start..end`.
    Data,
    /// Takes ownership: a higher epoch, nothing stored, state as before.
    Fence,
    /// Records that `start..end` was lost to the log's retention.
    Gap,
    /// Other semantics from here on.
    Config,
    /// Another topic, or an accepted truncation, from here on.
    Generation,
}

/// Which table a file belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Accepted ticks.
    Raw,
    /// Rejected records.
    Dead,
    /// Final bars of one size.
    Bars(String),
    /// Finals that the feature store has not acknowledged.
    Pending,
    /// State of the partition at `end`.
    State,
}

/// One file of a commit: written at `tmp`, visible at `path` once the commit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Its table.
    pub table: Table,
    /// Where it was written.
    pub tmp: String,
    /// Its final name.
    #[serde(rename = "final")]
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// CRC-32C of its content.
    pub crc: u32,
    /// Least event time.
    pub min_ts: Option<Timestamp>,
    /// Greatest event time.
    pub max_ts: Option<Timestamp>,
    /// Least offset.
    pub min_offset: Option<u64>,
    /// Greatest offset.
    pub max_offset: Option<u64>,
}

/// Where state is: one full file and the deltas on top of it, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRef {
    /// Path of the full state.
    pub full: String,
    /// Paths of the deltas.
    pub deltas: Vec<String>,
}

/// The last record consumed, to recognise the log by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRecord {
    /// Its offset.
    pub offset: u64,
    /// Digest of time, key and value.
    pub digest: String,
}

/// Offsets that the log no longer had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// First lost offset.
    pub from: u64,
    /// First offset that was delivered again.
    pub to: u64,
}

/// One record of a partition's commit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The partition.
    pub partition: u32,
    /// Its number, from 0 without holes.
    pub seq: u64,
    /// What it does.
    pub kind: Kind,
    /// Hash of the semantics that made it.
    pub semantics_hash: String,
    /// Generation of the source topic.
    pub generation: u32,
    /// Increases with every take-over.
    pub epoch: u64,
    /// Identifies the claimant; random, never used twice.
    pub nonce: String,
    /// First offset.
    pub start: u64,
    /// First offset that is not covered: where the next commit starts.
    pub end: u64,
    /// Arrival date of its records (`YYYY-MM-DD`); absent until the first record.
    pub date: Option<String>,
    /// Files that this commit makes visible.
    pub files: Vec<FileRef>,
    /// T at `end`, in microseconds.
    pub write_ts: i64,
    /// Greatest event time at `end`.
    pub max_ts: Option<Timestamp>,
    /// Watermark at `end`.
    pub watermark: Option<Timestamp>,
    /// Running maximum of record timestamps at `end`, in milliseconds.
    pub record_ms: i64,
    /// Identity of the source topic.
    pub topic_id: String,
    /// The last record consumed; absent before the first.
    pub last: Option<LastRecord>,
    /// Counters since genesis; opaque here.
    pub counters: serde_json::Value,
    /// Files with finals that the feature store has still to take, oldest first.
    pub pending: Vec<FileRef>,
    /// The newest raw files, from which the duplicate set is rebuilt; oldest first.
    pub recent: Vec<FileRef>,
    /// State at `end`; absent before the first data commit.
    pub state: Option<StateRef>,
    /// The newest fences, oldest first; their records are never swept.
    pub fences: Vec<u64>,
    /// Of a `gap` commit: what was lost.
    pub gap: Option<Gap>,
    /// Offsets at or after `end` that are to be passed over by hand, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skips: Vec<u64>,
}

impl Commit {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        ENVELOPE.seal(self)
    }

    /// Reads a record; `file` is named in errors.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Self, FormatError> {
        let commit: Commit = ENVELOPE.open(file, bytes)?;
        if commit.start > commit.end {
            return Err(FormatError::damaged(file, "start after end"));
        }
        Ok(commit)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn example(seq: u64, start: u64, end: u64) -> Commit {
        Commit {
            partition: 3,
            seq,
            kind: Kind::Data,
            semantics_hash: "ab".into(),
            generation: 1,
            epoch: 17,
            nonce: "f00d".into(),
            start,
            end,
            date: Some("2026-11-22".into()),
            files: vec![FileRef {
                table: Table::Bars("1m".into()),
                tmp: "_tmp/p=00003/e=000017-f00d/1".into(),
                path: "bars/name=1m/date=2026-11-22/g01-p00003-0-9.parquet".into(),
                rows: 2,
                bytes: 100,
                crc: 7,
                min_ts: Some(Timestamp::from_micros(0)),
                max_ts: Some(Timestamp::from_micros(1)),
                min_offset: Some(start),
                max_offset: None,
            }],
            write_ts: 5,
            max_ts: Some(Timestamp::from_micros(1)),
            watermark: None,
            record_ms: 4,
            topic_id: "t-1".into(),
            last: Some(LastRecord { offset: end.saturating_sub(1), digest: "d".into() }),
            counters: serde_json::json!({"read": 9}),
            pending: vec![],
            recent: vec![],
            state: Some(StateRef { full: "a".into(), deltas: vec!["b".into()] }),
            fences: vec![0],
            gap: None,
            skips: vec![],
        }
    }

    #[test]
    fn golden_bytes() {
        let bytes = example(42, 0, 9).encode();
        let golden = include_bytes!("../tests/golden/v1.commit");
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(golden));
        assert_eq!(Commit::decode("x", golden).unwrap(), example(42, 0, 9));
    }

    #[test]
    fn damage_is_named() {
        let bytes = example(42, 0, 9).encode();
        for cut in 0..bytes.len() {
            let e = Commit::decode("_log/x.commit", &bytes[..cut]).unwrap_err();
            assert!(e.to_string().contains("_log/x.commit") && e.to_string().contains("backup"), "{e}");
        }
        let newer = String::from_utf8(bytes).unwrap().replacen("commit 1", "commit 2", 1);
        let e = Commit::decode("x", newer.as_bytes()).unwrap_err();
        assert_eq!(e, FormatError::TooNew { file: "x".into(), found: 2, known: 1 });
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed(at in 0usize..600, flip in 1u8..) {
            let mut bytes = example(42, 0, 9).encode();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            prop_assert!(Commit::decode("x", &bytes).is_err());
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Commit::decode("x", &bytes).is_err());
            let mut headed = format!("{} 1 {:08x} {}\n", ENVELOPE.magic, crc32c::crc32c(&bytes), bytes.len()).into_bytes();
            headed.extend_from_slice(&bytes);
            prop_assert!(Commit::decode("x", &headed).is_err());
        }
    }
}
