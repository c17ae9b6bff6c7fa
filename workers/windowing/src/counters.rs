//! What a partition has counted since its first record. Part of the state, so restarts never count twice.

use std::collections::BTreeMap;

use market::Reason;
use serde::{Deserialize, Serialize};

/// Counts over the whole prefix. `read = stored + sum(dead)` always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Records applied.
    pub read: u64,
    /// Raw rows.
    pub stored: u64,
    /// Raw rows that were late for at least one window or bar.
    pub late_ticks: u64,
    /// Accepted ticks whose record key is not their symbol, where the topic is said to be keyed.
    pub key_mismatches: u64,
    /// Dead letters by reason, `duplicate` among them.
    pub dead: BTreeMap<Reason, u64>,
    /// Ticks that were late for a window or bar of that name; a tick late for several instances counts once.
    pub late: BTreeMap<String, u64>,
    /// Final rows by name.
    pub rows: BTreeMap<String, u64>,
}

impl Counters {
    /// Copies of ticks already accepted.
    pub fn duplicates(&self) -> u64 {
        self.dead.get(&Reason::Duplicate).copied().unwrap_or(0)
    }

    /// Dead letters that are not copies.
    pub fn rejected(&self) -> u64 {
        self.dead.values().sum::<u64>() - self.duplicates()
    }

    /// Adds another partition's counts.
    pub fn add(&mut self, other: &Counters) {
        self.read += other.read;
        self.stored += other.stored;
        self.late_ticks += other.late_ticks;
        self.key_mismatches += other.key_mismatches;
        for (reason, n) in &other.dead {
            *self.dead.entry(*reason).or_default() += n;
        }
        for (mine, theirs) in [(&mut self.late, &other.late), (&mut self.rows, &other.rows)] {
            for (name, n) in theirs {
                *mine.entry(name.clone()).or_default() += n;
            }
        }
    }
}

/// Adds one without allocating where the name is known.
pub(crate) fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(n) => *n += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}
