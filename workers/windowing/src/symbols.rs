//! The symbols of a partition: names to dense numbers, and the state of each.

use std::collections::BTreeSet;

use hashbrown::HashTable;
use indicators::BarEngine;
use market::Symbol;

use crate::{pane::Panes, plan::Plan};

/// Of a symbol that was not looked at since it came or was restored: its ticks of before may still be remembered.
pub(crate) const UNKNOWN: i64 = i64::MAX;

/// Everything kept for one symbol.
#[derive(Debug)]
pub(crate) struct SymbolState {
    pub symbol: Symbol,
    /// Where its newest tick ended, microseconds.
    pub last_end: i64,
    /// No tick of it that was ever accepted is newer, microseconds; or [`UNKNOWN`]. No part of the state: found out again
    /// after a restore.
    pub newest: i64,
    /// Open panes, one entry a track of the plan.
    pub tracks: Vec<Panes>,
    /// One entry a bar size; absent before its first bar.
    pub engines: Vec<Option<BarEngine>>,
    /// End and mean of its last final `sma_20`.
    pub last_long: Option<(i64, f64)>,
    /// Changed since the last delta.
    pub touched: bool,
    /// Changed since the last provisional rows.
    pub changed: bool,
}

impl SymbolState {
    pub(crate) fn new(symbol: Symbol, plan: &Plan) -> Self {
        Self {
            symbol,
            last_end: i64::MIN,
            newest: UNKNOWN,
            tracks: plan.tracks.iter().map(|_| Panes::new()).collect(),
            engines: plan.engines.iter().map(|_| None).collect(),
            last_long: None,
            touched: true,
            changed: true,
        }
    }

    fn bytes(&self) -> usize {
        let panes: usize = self.tracks.iter().map(|t| t.capacity() * size_of::<crate::pane::Pane>()).sum();
        let engines: usize = self.engines.iter().flatten().map(BarEngine::state_bytes).sum();
        size_of::<Self>() + self.symbol.as_str().len() + panes + engines
    }
}

/// A name as the table compares it: up to 16 bytes in place, so that finding a symbol reads nothing but the table. A name
/// has no zero byte, so padding tells no two names the same.
#[derive(Debug, Clone, Copy)]
struct Entry {
    short: [u8; 16],
    hash: u64,
    index: u32,
}

/// A name in place; `None` where it is too long.
#[inline]
fn short(name: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(bytes)
}

/// All symbols.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    table: HashTable<Entry>,
    pub states: Vec<SymbolState>,
    /// The next end of each, beside the states so that a scan for due rows reads nothing else.
    pub next_close: Vec<i64>,
    /// Position of each in the order of name bytes; empty when it must be worked out anew.
    rank: Vec<u32>,
}

/// Low half of the name's hash: what the table is keyed by.
fn low(hash: u128) -> u64 {
    hash as u64
}

impl Symbols {
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    #[inline]
    pub(crate) fn find(&self, name: &str, hash: u128) -> Option<usize> {
        let hash = low(hash);
        let found = match short(name) {
            Some(short) => self.table.find(hash, |e| e.short == short),
            None => self
                .table
                .find(hash, |e| e.hash == hash && self.states[e.index as usize].symbol.as_str() == name),
        };
        found.map(|e| e.index as usize)
    }

    pub(crate) fn insert(&mut self, state: SymbolState, next_close: i64) -> usize {
        let index = self.states.len();
        let hash = low(crate::dedup::symbol_hash(state.symbol.as_str()));
        // A long name is all zeros in place, which no short name is.
        let short = short(state.symbol.as_str()).unwrap_or_default();
        self.states.push(state);
        self.next_close.push(next_close);
        self.table.insert_unique(hash, Entry { short, hash, index: index as u32 }, |e| e.hash);
        self.rank.clear();
        index
    }

    /// Removes the symbols whose newest tick ended at or before `cut`, naming them in `removed`.
    pub(crate) fn evict(&mut self, cut: i64, removed: &mut BTreeSet<Symbol>) {
        if self.states.iter().all(|s| s.last_end > cut) {
            return;
        }
        let mut kept = Symbols::default();
        for (state, next) in self.states.drain(..).zip(self.next_close.drain(..)) {
            if state.last_end > cut {
                kept.insert(state, next);
            } else {
                removed.insert(state.symbol);
            }
        }
        *self = kept;
    }

    /// Positions in the order of name bytes.
    pub(crate) fn ranks(&mut self) -> &[u32] {
        if self.rank.len() != self.states.len() {
            self.rank = vec![0; self.states.len()];
            for (rank, i) in self.by_name().into_iter().enumerate() {
                self.rank[i] = rank as u32;
            }
        }
        &self.rank
    }

    /// Indices in the order of name bytes.
    pub(crate) fn by_name(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.states.len()).collect();
        order.sort_unstable_by(|a, b| self.states[*a].symbol.cmp(&self.states[*b].symbol));
        order
    }

    pub(crate) fn bytes(&self) -> usize {
        self.states.iter().map(|s| s.bytes() + 16).sum()
    }
}
