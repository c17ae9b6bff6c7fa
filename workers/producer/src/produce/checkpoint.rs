//! The note of one partition.
//!
//! ```text
//! version u8 = 1 | next i64 (microseconds) | per symbol: hash of its name u64, bar i64, log price f64, last return f64
//! ```
//! All little-endian. 32 bytes a symbol keep a thousand of them well below a note's limit.

use std::collections::BTreeMap;

use market::{Symbol, Timestamp};

use crate::model::{self, Level};

const VERSION: u8 = 1;
const ENTRY: usize = 32;

/// How far a partition is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checkpoint {
    /// Every tick before this instant is in the partition.
    pub next: Timestamp,
    /// Where its symbols stand, by the hash of their name.
    pub levels: BTreeMap<u64, Level>,
}

pub(super) fn name_hash(symbol: &Symbol) -> u64 {
    model::hash(symbol.as_str().as_bytes())
}

impl Checkpoint {
    pub(super) fn key(topic: &str, partition: u32) -> String {
        format!("producer/{topic}/{partition}")
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.next.micros().to_le_bytes());
        for (name, level) in &self.levels {
            out.extend(name.to_le_bytes());
            out.extend(level.bar.to_le_bytes());
            out.extend(level.ln_price.to_le_bytes());
            out.extend(level.last_return.to_le_bytes());
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (next, rest) = rest.split_first_chunk::<8>()?;
        if *version != VERSION || rest.len() % ENTRY != 0 {
            return None;
        }
        let mut levels = BTreeMap::new();
        for entry in rest.chunks_exact(ENTRY) {
            let word = |i: usize| entry.get(i * 8..).and_then(|e| e.first_chunk::<8>()).copied();
            let level = Level {
                bar: i64::from_le_bytes(word(1)?),
                ln_price: f64::from_le_bytes(word(2)?),
                last_return: f64::from_le_bytes(word(3)?),
            };
            if !level.ln_price.is_finite() || !level.last_return.is_finite() {
                return None;
            }
            levels.insert(u64::from_le_bytes(word(0)?), level);
        }
        Some(Self { next: Timestamp::from_micros(i64::from_le_bytes(*next)), levels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_damage() {
        let level = Level { bar: -3, ln_price: 4.5, last_return: -1e-5 };
        let note =
            Checkpoint { next: Timestamp::from_micros(77), levels: BTreeMap::from([(9, level), (1, level)]) };
        let bytes = note.encode();
        assert_eq!(Checkpoint::decode(&bytes), Some(note));
        for cut in 0..bytes.len() {
            let whole_entries = cut > 8 && (cut - 9) % ENTRY == 0;
            assert_eq!(Checkpoint::decode(&bytes[..cut]).is_some(), whole_entries, "{cut}");
        }
        assert_eq!(Checkpoint::decode(&[2; 9]), None);
    }
}
