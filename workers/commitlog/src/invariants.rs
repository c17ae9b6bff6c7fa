//! The five promises, each with its id, one sentence and predicates that tests, simulations and production share.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use crate::{Commit, Kind, Table};

/// A promise of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// Every record is stored once.
    I1,
    /// State depends on the prefix only.
    I2,
    /// A row has one value for one T.
    I3,
    /// One owner.
    I4,
    /// Nothing is skipped silently.
    I5,
}

impl Invariant {
    /// What it says.
    pub fn sentence(self) -> &'static str {
        match self {
            Invariant::I1 => "every record in [start, E) of a partition is in exactly one committed file",
            Invariant::I2 => "state at E depends on the prefix only",
            Invariant::I3 => "a (row, T) has one value, and the last write of a row is its final value",
            Invariant::I4 => "at most one worker can extend a partition's log",
            Invariant::I5 => "nothing is skipped without a durable record and a counter",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.sentence())
    }
}

/// A promise that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invariant {invariant} is broken: {detail}; stop the pipeline, keep its lake as it is, and report this"
)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Where.
    pub detail: String,
}

fn broken(invariant: Invariant, detail: String) -> Result<(), Violation> {
    Err(Violation { invariant, detail })
}

/// Whether `next` may stand behind `before`: numbers and ranges join without holes (I1, I5), T and record time never go
/// back (I2, I3), and only a fence changes the owner (I4).
pub fn follows(before: &Commit, next: &Commit) -> Result<(), Violation> {
    use Invariant::{I1, I2, I3, I4, I5};
    let at = format!("commit {} of partition {}", next.seq, next.partition);
    if next.partition != before.partition || next.seq != before.seq + 1 {
        return broken(I5, format!("{at} stands behind commit {}", before.seq));
    }
    if next.kind != Kind::Generation && next.start != before.end {
        return broken(I1, format!("{at} starts at {}, the one before ends at {}", next.start, before.end));
    }
    if next.end < next.start {
        return broken(I1, format!("{at} ends before it starts"));
    }
    if next.write_ts < before.write_ts {
        return broken(I3, format!("{at} turns T back from {} to {}", before.write_ts, next.write_ts));
    }
    if next.record_ms < before.record_ms || next.generation < before.generation {
        return broken(I2, format!("{at} turns record time or generation back"));
    }
    match next.kind {
        Kind::Fence if next.epoch <= before.epoch => {
            broken(I4, format!("{at} fences without a higher epoch"))
        }
        Kind::Fence => Ok(()),
        _ if next.epoch != before.epoch || next.nonce != before.nonce => {
            broken(I4, format!("{at} was written by {} while {} owned the log", next.nonce, before.nonce))
        }
        _ => Ok(()),
    }
}

/// Whether `next` may be the record after `before` among those that are left of a log: neighbours join as by [`follows`];
/// across records that upkeep swept, order, T and epoch never go back (I5).
pub fn comes_later(before: &Commit, next: &Commit) -> Result<(), Violation> {
    if next.partition == before.partition && next.seq == before.seq + 1 {
        return follows(before, next);
    }
    let order = |c: &Commit| (c.generation, c.end);
    let back = order(next) < order(before) || next.write_ts < before.write_ts || next.epoch < before.epoch;
    if back || next.seq <= before.seq || next.partition != before.partition {
        let at = format!("commit {} of partition {}", next.seq, next.partition);
        return broken(Invariant::I5, format!("{at} goes back behind commit {}", before.seq));
    }
    Ok(())
}

/// Whether the raw and dead-letter rows of a commit are as many as its records (I1); `records` counts what was read.
pub fn rows_match(commit: &Commit, records: u64) -> Result<(), Violation> {
    let rows: u64 =
        commit.files.iter().filter(|f| matches!(f.table, Table::Raw | Table::Dead)).map(|f| f.rows).sum();
    if rows == records {
        return Ok(());
    }
    broken(Invariant::I1, format!("commit {} stores {rows} rows for {records} records", commit.seq))
}

/// Whether stored offsets (raw and dead letters together, of one partition and generation) are exactly the records of
/// the log: each once, none missing, none invented (I1).
pub fn exactly_once(
    stored: impl IntoIterator<Item = u64>,
    log: impl IntoIterator<Item = u64>,
) -> Result<(), Violation> {
    let mut seen: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for offset in stored {
        seen.entry(offset).or_default().0 += 1;
    }
    for offset in log {
        seen.entry(offset).or_default().1 += 1;
    }
    match seen.iter().find(|(_, (stored, log))| stored != log) {
        None => Ok(()),
        Some((offset, (stored, log))) => broken(
            Invariant::I1,
            format!("offset {offset} is stored {stored} times and stands in the log {log} times"),
        ),
    }
}

/// Whether writes of rows, in the order they were made, keep I3. A write is (row, T, value).
pub fn one_value_per_t<K, V>(writes: impl IntoIterator<Item = (K, i64, V)>) -> Result<(), Violation>
where
    K: Ord + fmt::Debug,
    V: PartialEq,
{
    let mut seen: BTreeMap<(K, i64), V> = BTreeMap::new();
    for (row, t, value) in writes {
        match seen.entry((row, t)) {
            Entry::Vacant(free) => {
                free.insert(value);
            }
            Entry::Occupied(first) if *first.get() == value => {}
            Entry::Occupied(first) => {
                return broken(Invariant::I3, format!("{:?} has two values at T {t}", first.key().0));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commit::tests::example, recovery::fence};

    #[test]
    fn a_chain_holds_and_every_break_is_named() {
        let first = example(1, 0, 9);
        let second = example(2, 9, 12);
        assert_eq!(follows(&first, &second), Ok(()));
        let taken = fence(Some(&first), || unreachable!(), "other");
        assert_eq!(follows(&first, &taken), Ok(()));
        let breaks = [
            (Commit { seq: 3, ..second.clone() }, Invariant::I5),
            (Commit { start: 8, ..second.clone() }, Invariant::I1),
            (Commit { write_ts: 0, ..second.clone() }, Invariant::I3),
            (Commit { record_ms: 0, ..second.clone() }, Invariant::I2),
            (Commit { nonce: "zombie".into(), ..second.clone() }, Invariant::I4),
            (Commit { epoch: first.epoch, ..taken.clone() }, Invariant::I4),
        ];
        for (next, invariant) in breaks {
            assert_eq!(follows(&first, &next).unwrap_err().invariant, invariant);
        }
    }

    #[test]
    fn across_swept_records_nothing_goes_back() {
        let first = example(1, 0, 9);
        let second = example(2, 9, 12);
        let late = Commit { seq: 7, start: 40, end: 41, ..second.clone() };
        assert_eq!(comes_later(&first, &second), Ok(()));
        assert_eq!(comes_later(&first, &late), Ok(()));
        let breaks = [
            Commit { start: 8, ..second },
            Commit { seq: 1, ..late.clone() },
            Commit { end: 8, ..late.clone() },
            Commit { write_ts: 0, ..late.clone() },
            Commit { epoch: 0, ..late.clone() },
            Commit { generation: 0, ..late.clone() },
            Commit { partition: 9, ..late },
        ];
        for next in breaks {
            assert!(comes_later(&first, &next).is_err(), "{next:?}");
        }
    }

    #[test]
    fn offsets_are_stored_once() {
        assert_eq!(exactly_once([2, 0, 1], 0..3), Ok(()));
        for stored in [vec![0, 1], vec![0, 1, 1, 2], vec![0, 1, 2, 3]] {
            assert_eq!(exactly_once(stored, 0..3).unwrap_err().invariant, Invariant::I1);
        }
    }

    #[test]
    fn one_t_has_one_value() {
        assert_eq!(one_value_per_t([("a", 1, 1.0), ("a", 2, 2.0), ("a", 1, 1.0)]), Ok(()));
        assert_eq!(one_value_per_t([("a", 1, 1.0), ("a", 1, 2.0)]).unwrap_err().invariant, Invariant::I3);
    }
}
