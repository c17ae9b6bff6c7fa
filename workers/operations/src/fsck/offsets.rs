//! A set of offsets, kept as ranges: a day of a partition is a handful of them.

use std::collections::BTreeMap;

/// Half-open ranges that neither overlap nor touch: start to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offsets {
    ranges: BTreeMap<u64, u64>,
    len: u64,
}

impl Offsets {
    /// Adds an offset; false where it is there already.
    pub fn insert(&mut self, offset: u64) -> bool {
        let before = self.ranges.range(..=offset).next_back().map(|(start, end)| (*start, *end));
        if before.is_some_and(|(_, end)| offset < end) {
            return false;
        }
        self.len += 1;
        let joins_before = before.filter(|(_, end)| *end == offset).map(|(start, _)| start);
        let joins_after = self.ranges.remove(&(offset + 1));
        let end = joins_after.unwrap_or(offset + 1);
        self.ranges.insert(joins_before.unwrap_or(offset), end);
        true
    }

    /// How many offsets in [start, end).
    pub fn count(&self, start: u64, end: u64) -> u64 {
        self.within(start, end).map(|(from, to)| to - from).sum()
    }

    /// How many in all.
    #[cfg(test)]
    pub fn len(&self) -> u64 {
        self.len
    }

    fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> {
        let first = self.ranges.range(..=start).next_back().map_or(start, |(from, _)| *from);
        self.ranges
            .range(first..end.max(first))
            .map(move |(from, to)| ((*from).max(start), (*to).min(end)))
            .filter(|(from, to)| from < to)
    }

    /// The ranges of [start, end) that are not in the set.
    pub fn holes(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        let mut at = start;
        for (from, to) in self.within(start, end) {
            if from > at {
                holes.push((at, from));
            }
            at = to;
        }
        if at < end {
            holes.push((at, end));
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set() {
        let (mut offsets, mut model) = (Offsets::default(), BTreeSet::new());
        let mut seed = 1_u64;
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = (seed >> 33) % 700;
            assert_eq!(offsets.insert(offset), model.insert(offset));
        }
        assert_eq!(offsets.len(), model.len() as u64);
        for (start, end) in [(0, 700), (3, 4), (100, 650), (699, 800), (5, 5)] {
            assert_eq!(offsets.count(start, end), model.range(start..end).count() as u64, "{start}..{end}");
            let holes: Vec<u64> = offsets.holes(start, end).into_iter().flat_map(|(a, b)| a..b).collect();
            let want: Vec<u64> = (start..end).filter(|o| !model.contains(o)).collect();
            assert_eq!(holes, want, "{start}..{end}");
        }
    }
}
