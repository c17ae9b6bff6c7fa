//! What the servers saw: every record that took its number, every row that took effect. Clients can be wrong about both.

use std::{collections::BTreeMap, sync::Arc};

use commitlog::{
    Commit, Kind,
    invariants::{Invariant, Violation},
};
use market::{FeatureRow, RowName, Symbol, Timestamp};
use parking_lot::Mutex;

/// A row's place in the store.
pub type RowKey = (RowName, Symbol, Timestamp);

/// A commit record that took its number.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The worker whose call it was.
    pub by: String,
    /// What it says.
    pub commit: Commit,
}

#[derive(Default)]
struct Seen {
    placed: BTreeMap<u32, Vec<Placed>>,
    values: BTreeMap<(RowKey, i64), String>,
    broken: Vec<Violation>,
}

/// Clones share what was seen.
#[derive(Clone, Default)]
pub struct Witness(Arc<Mutex<Seen>>);

impl Witness {
    /// A record stands at its number from now on.
    pub fn placed(&self, by: &str, commit: Commit) {
        self.0.lock().placed.entry(commit.partition).or_default().push(Placed { by: by.to_owned(), commit });
    }

    /// A row took effect.
    pub fn wrote(&self, row: &FeatureRow) {
        let key = (row.name.clone(), row.symbol.clone(), row.window_start);
        let value = windowing::canonical_row(row);
        let mut seen = self.0.lock();
        let known = seen.values.entry((key, row.write_ts)).or_insert_with(|| value.clone());
        if *known != value {
            let detail = format!("one T, two values:\n  {known}\n  {value}");
            seen.broken.push(Violation { invariant: Invariant::I3, detail });
        }
    }

    /// A promise was seen to be broken.
    pub fn broken(&self, invariant: Invariant, detail: String) {
        self.0.lock().broken.push(Violation { invariant, detail });
    }

    /// The first promise that was seen to be broken.
    pub fn first_broken(&self) -> Option<Violation> {
        self.0.lock().broken.first().cloned()
    }

    /// Every record of a partition, in the order they were placed.
    pub fn records(&self, partition: u32) -> Vec<Placed> {
        self.0.lock().placed.get(&partition).cloned().unwrap_or_default()
    }

    /// True for a row that somebody made from records which no commit stores in the way it met them: it died, and behind
    /// it stands a gap, another meaning of time or another topic. Nothing that is made later shares its T.
    pub fn is_orphan(&self, row: &FeatureRow) -> bool {
        let seen = self.0.lock();
        let records = seen.placed.get(&row.part).map(Vec::as_slice).unwrap_or_default();
        records.windows(2).any(|pair| {
            let [before, control] = [&pair[0].commit, &pair[1].commit];
            matches!(control.kind, Kind::Gap | Kind::Config | Kind::Generation)
                && row.generation == before.generation
                && row.last_offset >= before.end
                && row.write_ts < control.write_ts
        })
    }

    /// The first offset that is not committed, in the newest record's generation.
    pub fn end(&self, partition: u32) -> Option<(u32, u64)> {
        let seen = self.0.lock();
        seen.placed.get(&partition).and_then(|all| all.last()).map(|p| (p.commit.generation, p.commit.end))
    }

    /// Records that were placed, over all partitions.
    pub fn commits(&self) -> u64 {
        self.0.lock().placed.values().map(|all| all.len() as u64).sum()
    }
}
