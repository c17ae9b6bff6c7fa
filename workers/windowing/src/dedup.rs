//! Recognising copies: the last accepted ticks of a partition, by hash.
//!
//! The set is a function of the prefix: the newest `entries` accepted ticks by offset, of which those count whose ts is
//! at least `floor`, the greatest `max_ts - horizon` so far. It is never stored: `floor` and the first offset that
//! matters are, and raw rows from there on rebuild it exactly.

use std::collections::VecDeque;

use hashbrown::{HashTable, hash_table::Entry};
use market::{Ohlcv, Timestamp};
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use crate::DedupBy;

/// Seeds keep an id from ever meeting a payload.
const ID_SEED: u64 = 1;

/// What makes a tick itself: its hash, and the hash of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `None` where nothing can be a copy of it.
    key: Option<u128>,
    payload: u64,
}

impl Identity {
    /// `symbol` is the hash of the symbol's name.
    #[inline]
    pub(crate) fn new(by: DedupBy, symbol: u128, ts: Timestamp, p: &Ohlcv, id: Option<&str>) -> Self {
        if by == DedupBy::None {
            return Self { key: None, payload: 0 };
        }
        let mut bytes = [0_u8; 64];
        bytes[..16].copy_from_slice(&symbol.to_le_bytes());
        bytes[16..24].copy_from_slice(&ts.micros().to_le_bytes());
        for (i, value) in [p.open, p.high, p.low, p.close, p.volume].into_iter().enumerate() {
            bytes[24 + i * 8..32 + i * 8].copy_from_slice(&value.to_bits().to_le_bytes());
        }
        let payload = xxh3_128(&bytes);
        let key = match (by, id) {
            (DedupBy::Auto | DedupBy::Id, Some(id)) => Some(id_key(symbol, id)),
            (DedupBy::Auto | DedupBy::Payload, _) => Some(payload),
            (DedupBy::Id | DedupBy::None, _) => None,
        };
        Self { key, payload: payload as u64 }
    }
}

fn id_key(symbol: u128, id: &str) -> u128 {
    let mut bytes = [0_u8; 16 + market::limits::ID_BYTES];
    let end = 16 + id.len().min(market::limits::ID_BYTES);
    bytes[..16].copy_from_slice(&symbol.to_le_bytes());
    bytes[16..end].copy_from_slice(&id.as_bytes()[..end - 16]);
    xxh3_128_with_seed(&bytes[..end], ID_SEED)
}

/// Hash of a symbol's name.
#[inline]
pub(crate) fn symbol_hash(symbol: &str) -> u128 {
    xxh3_128(symbol.as_bytes())
}

/// The tick that another is a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copied {
    pub first_offset: u64,
    /// True when every parsed value is equal too, which an id alone does not say.
    pub identical: bool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    // Two halves: a u128 would align the entry to 48 bytes.
    key: Option<(u64, u64)>,
    payload: u64,
    ts: i64,
    offset: u64,
}

impl Seen {
    /// What a tick of the same key is a copy of, where this entry still counts.
    #[inline]
    fn copied_by(&self, other: &Identity, floor: i64) -> Option<Copied> {
        (self.ts >= floor)
            .then_some(Copied { first_offset: self.offset, identical: self.payload == other.payload })
    }
}

/// The set.
#[derive(Debug)]
pub(crate) struct Dedup {
    entries: usize,
    ring: VecDeque<Seen>,
    /// Sequence number of `ring[0]`; numbers wrap, the ring is far shorter than their range.
    front: u32,
    /// Sequence numbers of the newest entry of each key.
    table: HashTable<u32>,
    /// Entries with a lower ts no longer count, microseconds.
    pub floor: i64,
    /// Accepted ticks at lower offsets are not in the set.
    from: u64,
}

fn halves(key: u128) -> (u64, u64) {
    (key as u64, (key >> 64) as u64)
}

impl Dedup {
    pub(crate) fn new(entries: usize, floor: i64, from: u64) -> Self {
        Self { entries, ring: VecDeque::new(), front: 0, table: HashTable::new(), floor, from }
    }

    /// The least offset whose tick can be in the set.
    pub(crate) fn from(&self) -> u64 {
        self.ring.front().map_or(self.from, |seen| seen.offset)
    }

    /// Whether a tick is a copy; nothing is remembered.
    pub(crate) fn find(&self, identity: &Identity) -> Option<Copied> {
        let key = halves(identity.key?);
        let at = |seq: u32| &self.ring[seq.wrapping_sub(self.front) as usize];
        let seq = self.table.find(key.0, |&s| at(s).key == Some(key))?;
        at(*seq).copied_by(identity, self.floor)
    }

    /// Remembers an accepted tick, unless it is a copy: then says of which.
    #[inline]
    pub(crate) fn insert(&mut self, identity: &Identity, ts: i64, offset: u64) -> Option<Copied> {
        let key = identity.key.map(halves);
        let seq = self.front.wrapping_add(self.ring.len() as u32);
        if let Some(key) = key {
            let (ring, front) = (&self.ring, self.front);
            let at = |s: u32| &ring[s.wrapping_sub(front) as usize];
            let entry =
                self.table.entry(key.0, |&s| at(s).key == Some(key), |&s| at(s).key.map_or(0, |k| k.0));
            match entry {
                Entry::Occupied(mut known) => {
                    if let Some(copied) = at(*known.get()).copied_by(identity, self.floor) {
                        return Some(copied);
                    }
                    // Too old to count, and its like can only be newer: the newcomer takes its place.
                    *known.get_mut() = seq;
                }
                Entry::Vacant(slot) => {
                    slot.insert(seq);
                }
            }
        }
        self.ring.push_back(Seen { key, payload: identity.payload, ts, offset });
        None
    }

    /// Moves the floor up and forgets what no longer counts. Call after every accepted tick.
    #[inline]
    pub(crate) fn advance(&mut self, floor: i64) {
        self.floor = self.floor.max(floor);
        while let Some(seen) = self.ring.front() {
            if seen.ts >= self.floor && self.ring.len() <= self.entries {
                return;
            }
            let (seen, seq) = (*seen, self.front);
            if let Some(key) = seen.key
                && let Ok(known) = self.table.find_entry(key.0, |&s| s == seq)
            {
                known.remove();
            }
            self.ring.pop_front();
            self.front = self.front.wrapping_add(1);
            self.from = seen.offset + 1;
        }
    }

    /// Takes over another capacity.
    pub(crate) fn resize(&mut self, entries: usize) {
        self.entries = entries;
        self.advance(self.floor);
    }

    /// Forgets everything before `from`, which is everything.
    pub(crate) fn clear(&mut self, from: u64) {
        *self = Self::new(self.entries, self.floor, from);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Seen>() + self.table.capacity() * 5
    }
}
