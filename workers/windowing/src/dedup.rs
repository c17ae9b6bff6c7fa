//! Recognising copies: the last accepted ticks of a partition, by hash.
//!
//! The set is a function of the prefix: the newest `entries` accepted ticks by offset, of which those count whose ts is
//! at least `floor`, the greatest `max_ts - horizon` so far. It is never stored: `floor` and the first offset that
//! matters are, and raw rows from there on rebuild it exactly.
//!
//! Nearly every tick is the newest of its symbol, and by payload such a tick is a copy of nothing: it is remembered
//! without being looked up. So the table from keys to entries is filled only when something is looked up.

use std::collections::VecDeque;

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
    /// Its id makes it itself, so a copy can have any ts.
    by_id: bool,
}

impl Identity {
    /// `symbol` is the hash of the symbol's name.
    #[inline]
    pub(crate) fn new(by: DedupBy, symbol: u128, ts: Timestamp, p: &Ohlcv, id: Option<&str>) -> Self {
        if by == DedupBy::None {
            return Self { key: None, payload: 0, by_id: false };
        }
        let mut bytes = [0_u8; 64];
        bytes[..16].copy_from_slice(&symbol.to_le_bytes());
        bytes[16..24].copy_from_slice(&ts.micros().to_le_bytes());
        for (i, value) in [p.open, p.high, p.low, p.close, p.volume].into_iter().enumerate() {
            bytes[24 + i * 8..32 + i * 8].copy_from_slice(&value.to_bits().to_le_bytes());
        }
        let payload = xxh3_128(&bytes);
        let (key, by_id) = match (by, id) {
            (DedupBy::Auto | DedupBy::Id, Some(id)) => (Some(id_key(symbol, id)), true),
            (DedupBy::Auto | DedupBy::Payload, _) => (Some(payload), false),
            (DedupBy::Id | DedupBy::None, _) => (None, false),
        };
        Self { key, payload: payload as u64, by_id }
    }

    /// True where a tick with this identity is a copy of nothing if its symbol has had no accepted tick of its ts yet.
    #[inline]
    pub(crate) fn is_dated(&self) -> bool {
        !self.by_id
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

/// A remembered tick. The key's two halves, not a u128, whose alignment would make the entry longer.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// [`NO_KEY`] where nothing can be a copy of it.
    key: (u64, u64),
    payload: u64,
    ts: i64,
    offset: u64,
}

/// The hash no tick is given: one that has it is never found, which costs one duplicate in 2^128.
const NO_KEY: (u64, u64) = (0, 0);

impl Seen {
    /// What a tick of the same key is a copy of, where this entry still counts.
    #[inline]
    fn copied_by(&self, other: &Identity, floor: i64) -> Option<Copied> {
        (self.ts >= floor)
            .then_some(Copied { first_offset: self.offset, identical: self.payload == other.payload })
    }
}

/// Where a key is, or where it would go.
enum Place {
    Known { slot: usize, index: usize },
    Free { slot: usize, fresh: bool },
}

/// The set: a ring in offset order, and a table from keys to the newest entry of each.
///
/// The table is probed linearly. A slot is a tag of the key above the entry's sequence number; the number alone tells
/// whether the entry has left the ring, so leaving costs nothing, and the slot is used again by the next key that passes.
/// Slots that were ever used are counted, and the table is built anew before they make probes long. Entries from
/// `indexed` on are not in the table yet.
#[derive(Debug)]
pub(crate) struct Dedup {
    entries: usize,
    ring: VecDeque<Seen>,
    /// Sequence number of `ring[0]`. Slots hold the low half of one: the ring is far shorter than its range.
    front: u64,
    /// 0 is a slot never used. The length is a power of two.
    slots: Vec<u64>,
    used: usize,
    /// Least sequence number that a slot can hold.
    built: u64,
    /// Sequence number of the first entry that is not in the table.
    indexed: u64,
    /// Entries with a lower ts no longer count, microseconds.
    pub floor: i64,
    /// Accepted ticks at lower offsets are not in the set.
    from: u64,
}

/// Least slots of a table.
const SLOTS: usize = 64;
/// A table is built anew before sequence numbers come round.
const ROUND: u64 = 1 << 31;

fn halves(key: u128) -> (u64, u64) {
    (key as u64, (key >> 64) as u64)
}

fn tagged(key: (u64, u64), seq: u64) -> u64 {
    (key.1 | 1) << 32 | u64::from(seq as u32)
}

impl Dedup {
    pub(crate) fn new(entries: usize, floor: i64, from: u64) -> Self {
        Self {
            entries,
            ring: VecDeque::new(),
            front: 0,
            slots: Vec::new(),
            used: 0,
            built: 0,
            indexed: 0,
            floor,
            from,
        }
    }

    /// The least offset whose tick can be in the set.
    pub(crate) fn from(&self) -> u64 {
        self.ring.front().map_or(self.from, |seen| seen.offset)
    }

    /// Sequence number of the next entry.
    fn end(&self) -> u64 {
        self.front + self.ring.len() as u64
    }

    #[inline]
    fn place(&self, key: (u64, u64)) -> Place {
        let mask = self.slots.len() - 1;
        let mut slot = key.0 as usize & mask;
        let mut left = None;
        loop {
            let value = self.slots[slot];
            if value == 0 {
                return Place::Free { slot: left.unwrap_or(slot), fresh: left.is_none() };
            }
            let index = (value as u32).wrapping_sub(self.front as u32);
            match self.ring.get(index as usize) {
                Some(seen) if value == tagged(key, value) && seen.key == key => {
                    return Place::Known { slot, index: index as usize };
                }
                Some(_) => {}
                None => left = left.or(Some(slot)),
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Whether a tick is a copy; nothing is remembered.
    pub(crate) fn find(&mut self, identity: &Identity) -> Option<Copied> {
        let key = halves(identity.key?);
        self.index();
        match self.place(key) {
            Place::Known { index, .. } => self.ring[index].copied_by(identity, self.floor),
            Place::Free { .. } => None,
        }
    }

    /// Remembers an accepted tick, unless it is a copy: then says of which.
    #[inline]
    pub(crate) fn insert(&mut self, identity: &Identity, ts: i64, offset: u64) -> Option<Copied> {
        let copied = self.find(identity);
        if copied.is_none() {
            self.push(identity, ts, offset);
        }
        copied
    }

    /// Remembers an accepted tick that is known to be no copy.
    #[inline]
    pub(crate) fn push(&mut self, identity: &Identity, ts: i64, offset: u64) {
        let key = identity.key.map_or(NO_KEY, halves);
        self.ring.push_back(Seen { key, payload: identity.payload, ts, offset });
    }

    /// Puts into the table what is not there yet.
    fn index(&mut self) {
        self.indexed = self.indexed.max(self.front);
        let end = self.end();
        let missing = (end - self.indexed) as usize;
        if (self.used + missing + 1) * 4 > self.slots.len() * 3 || end - self.built > ROUND {
            // With room for as much again.
            let slots = ((self.ring.len() + 1) * 2).next_power_of_two().max(SLOTS);
            self.slots.clear();
            self.slots.resize(slots, 0);
            (self.used, self.built, self.indexed) = (0, self.front, self.front);
        }
        for seq in self.indexed..end {
            let key = self.ring[(seq - self.front) as usize].key;
            if key != NO_KEY {
                // One that is there already is too old to count, or its like would have been refused: the newest stays.
                let slot = match self.place(key) {
                    Place::Known { slot, .. } => slot,
                    Place::Free { slot, fresh } => {
                        self.used += usize::from(fresh);
                        slot
                    }
                };
                self.slots[slot] = tagged(key, seq);
            }
        }
        self.indexed = end;
    }

    /// Moves the floor up and forgets what no longer counts. Call after every accepted tick.
    #[inline]
    pub(crate) fn advance(&mut self, floor: i64) {
        self.floor = self.floor.max(floor);
        while let Some(seen) = self.ring.front() {
            if seen.ts >= self.floor && self.ring.len() <= self.entries {
                return;
            }
            self.from = seen.offset + 1;
            self.ring.pop_front();
            self.front += 1;
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
        self.ring.capacity() * size_of::<Seen>() + self.slots.capacity() * size_of::<u64>()
    }
}
