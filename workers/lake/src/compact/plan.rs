//! Which files are worth putting together: a pure decision from names and lengths.

use commitlog::Table;

use super::names::DataName;

/// A file that may be put together with its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub table: Table,
    pub name: DataName,
    pub path: String,
    pub bytes: u64,
}

/// Neighbours of one partition and date, in the order of their offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub files: Vec<Candidate>,
}

impl Group {
    pub fn date(&self) -> &str {
        self.files.first().map_or("", |f| &f.name.date)
    }
}

/// Groups neighbours greedily up to `target` bytes and `most` files. Afterwards two groups next to each other would be
/// too large together, so a second run over the results finds nothing to do. Files whose ranges overlap are left alone
/// and named: somebody has to look at them.
pub(super) fn groups(mut files: Vec<Candidate>, target: u64, most: usize) -> (Vec<Group>, Vec<String>) {
    let key = |c: &Candidate| {
        (c.name.date.clone(), c.table.clone(), c.name.generation, c.name.partition, c.name.offsets.start)
    };
    files.sort_by_cached_key(key);
    let same = |a: &Candidate, b: &Candidate| {
        let source = |c: &Candidate| (c.name.generation, c.name.partition);
        a.name.date == b.name.date && a.table == b.table && source(a) == source(b)
    };
    let (mut groups, mut strange) = (Vec::new(), Vec::new());
    for run in files.chunk_by(same) {
        if let Some(pair) = run.windows(2).find(|w| w[1].name.offsets.start < w[0].name.offsets.end) {
            strange.push(format!("{} and {} overlap: run stockpipe fsck", pair[0].path, pair[1].path));
            continue;
        }
        let (mut group, mut bytes) = (Vec::<Candidate>::new(), 0u64);
        for file in run {
            if bytes.saturating_add(file.bytes) > target || group.len() >= most {
                close(&mut groups, &mut group);
                bytes = 0;
            }
            bytes = bytes.saturating_add(file.bytes);
            group.push(file.clone());
        }
        close(&mut groups, &mut group);
    }
    (groups, strange)
}

fn close(groups: &mut Vec<Group>, group: &mut Vec<Candidate>) {
    let files = std::mem::take(group);
    if files.len() > 1 {
        groups.push(Group { files });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(partition: u32, start: u64, end: u64, bytes: u64) -> Candidate {
        let name = DataName { date: "2026-11-22".into(), generation: 1, partition, offsets: start..end };
        Candidate { table: Table::Raw, name, path: format!("p{partition}-{start}"), bytes }
    }

    #[test]
    fn neighbours_meet_up_to_the_target() {
        let files = vec![file(0, 20, 30, 40), file(0, 0, 10, 40), file(0, 10, 20, 40), file(1, 0, 10, 40)];
        let (found, strange) = groups(files, 100, 10);
        let paths: Vec<Vec<&str>> =
            found.iter().map(|g| g.files.iter().map(|f| f.path.as_str()).collect()).collect();
        assert_eq!(paths, [["p0-0", "p0-10"]]);
        assert!(strange.is_empty());
    }

    #[test]
    fn overlaps_are_left_alone_and_named() {
        let (found, strange) =
            groups(vec![file(0, 0, 11, 1), file(0, 10, 20, 1), file(1, 0, 5, 1), file(1, 5, 9, 1)], 100, 9);
        assert_eq!(found.len(), 1);
        assert!(
            strange.len() == 1 && strange[0].contains("p0-0") && strange[0].contains("fsck"),
            "{strange:?}"
        );
    }

    proptest! {
        /// What a run leaves, the next one leaves too.
        #[test]
        fn a_second_run_finds_nothing(sizes in proptest::collection::vec(1u64..60, 0..40)) {
            let mut at = 0;
            let files: Vec<Candidate> = sizes.iter().map(|bytes| {
                at += 10;
                file(0, at - 10, at, *bytes)
            }).collect();
            let (first, _) = groups(files.clone(), 100, usize::MAX);
            let merged: Vec<Candidate> = first.iter().map(|g| {
                let end = g.files.last().unwrap().name.offsets.end;
                file(0, g.files[0].name.offsets.start, end, g.files.iter().map(|f| f.bytes).sum())
            }).collect();
            let inside = |f: &Candidate| merged.iter().any(|m| m.name.offsets.contains(&f.name.offsets.start));
            let rest: Vec<Candidate> = files.into_iter().filter(|f| !inside(f)).collect();
            let all = merged.iter().cloned().chain(rest).collect();
            prop_assert_eq!(groups(all, 100, usize::MAX).0, vec![]);
        }
    }
}
