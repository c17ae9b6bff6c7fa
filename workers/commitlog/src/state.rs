//! The container `N.state`: a partition's state, in full or as the change since the file before it.
//!
//! | bytes | content (little-endian) |
//! |---|---|
//! | 0..8 | magic `SPSTATE\0` |
//! | 8..12 | version, u32 = 1 |
//! | 12 | kind: 0 full, 1 delta |
//! | 13..16 | zero |
//! | 16..20 | partition, u32 |
//! | 20..24 | zero |
//! | 24..32 | number of the commit, u64 |
//! | 32..40 | length of the payload, u64 |
//! | 40.. | payload |
//! | last 4 | CRC-32C of everything before |
//!
//! The payload is the state codec's own, versioned format; it is opaque here.

use crate::{FormatError, limits::STATE_BYTES};

const MAGIC: &[u8; 8] = b"SPSTATE\0";
const VERSION: u32 = 1;
const HEADER: usize = 40;
const TRAILER: usize = 4;

/// How much a state file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKind {
    /// Everything.
    Full,
    /// What changed since the file before it.
    Delta,
}

/// A state file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFile {
    /// Full or delta.
    pub kind: StateKind,
    /// The partition.
    pub partition: u32,
    /// The commit it belongs to.
    pub seq: u64,
    /// The state codec's bytes.
    pub payload: Vec<u8>,
}

impl StateFile {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.payload.len() + TRAILER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.push(match self.kind {
            StateKind::Full => 0,
            StateKind::Delta => 1,
        });
        out.extend_from_slice(&[0; 3]);
        out.extend_from_slice(&self.partition.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&(self.payload.len() as u64).to_le_bytes());
        out.extend_from_slice(&self.payload);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a file; `file` is named in errors. Nothing is allocated before the checksum holds.
    pub fn decode(file: &str, bytes: &[u8]) -> Result<Self, FormatError> {
        let fail = |reason: &str| FormatError::damaged(file, reason);
        if bytes.len() < HEADER + TRAILER || &bytes[..8] != MAGIC {
            return Err(fail("not a state file"));
        }
        let u32_at = |at: usize| bytes[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let version = u32_at(8);
        if version > VERSION {
            return Err(FormatError::TooNew { file: file.to_owned(), found: version, known: VERSION });
        }
        let (body, crc) = bytes.split_at(bytes.len() - TRAILER);
        if crc32c::crc32c(body).to_le_bytes() != crc {
            return Err(fail("checksum mismatch"));
        }
        let payload = u64_at(32);
        if payload > STATE_BYTES || HEADER as u64 + payload != body.len() as u64 {
            return Err(fail("lengths do not add up"));
        }
        let kind = match bytes[12] {
            0 => StateKind::Full,
            1 => StateKind::Delta,
            _ => return Err(fail("unknown kind")),
        };
        Ok(Self { kind, partition: u32_at(16), seq: u64_at(24), payload: body[HEADER..].to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> StateFile {
        StateFile { kind: StateKind::Full, partition: 3, seq: 42, payload: (0..=255).collect() }
    }

    #[test]
    fn golden_bytes() {
        let golden = include_bytes!("../tests/golden/v1.state");
        assert_eq!(example().encode(), golden);
        assert_eq!(StateFile::decode("x", golden).unwrap(), example());
    }

    #[test]
    fn damage_is_named() {
        let bytes = example().encode();
        for cut in 0..bytes.len() {
            let e = StateFile::decode("_log/x.state", &bytes[..cut]).unwrap_err();
            assert!(e.to_string().contains("_log/x.state") && e.to_string().contains("backup"), "{e}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(full: bool, partition: u32, seq: u64, payload: Vec<u8>) {
            let kind = if full { StateKind::Full } else { StateKind::Delta };
            let file = StateFile { kind, partition, seq, payload };
            prop_assert_eq!(StateFile::decode("x", &file.encode()).unwrap(), file);
        }

        #[test]
        fn hostile_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..200), sign: bool) {
            let mut bytes = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &tail].concat();
            if sign {
                let crc = crc32c::crc32c(&bytes);
                bytes.extend_from_slice(&crc.to_le_bytes());
            }
            let _ = StateFile::decode("x", &bytes);
            prop_assert!(StateFile::decode("x", &tail).is_err());
        }
    }
}
