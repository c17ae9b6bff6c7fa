//! What an owner does between commits: full state in time, anchors, sweeping, retention.

use crate::{Commit, FileRef, Layout, LogName, StateRef, limits};

/// How the next data commit writes its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateForm {
    /// In full, as the anchor of its arrival date: kept as long as that date's raw data.
    Anchor,
    /// In full.
    Full,
    /// As a delta.
    Delta,
}

/// Decides the form from the commit before and the arrival date of the next one.
pub fn state_form(before: Option<&StateRef>, date_before: Option<&str>, date: Option<&str>) -> StateForm {
    if date.is_some() && date != date_before {
        return StateForm::Anchor;
    }
    match before {
        Some(state) if state.deltas.len() < limits::SNAPSHOT_EVERY => StateForm::Delta,
        _ => StateForm::Full,
    }
}

/// The reference after writing a state file of that form at `path`.
pub fn state_after(before: Option<&StateRef>, form: StateForm, path: String) -> StateRef {
    match (before, form) {
        (Some(before), StateForm::Delta) => {
            let mut after = before.clone();
            after.deltas.push(path);
            after
        }
        _ => StateRef { full: path, deltas: Vec::new() },
    }
}

/// The raw files that a rebuild of the duplicate set needs: those with rows at or after `from_offset`. Oldest first.
pub fn recent(before: &[FileRef], new: Option<&FileRef>, from_offset: u64) -> Vec<FileRef> {
    let needed = |file: &&FileRef| file.max_offset.is_some_and(|at| at >= from_offset);
    before.iter().chain(new).filter(needed).cloned().collect()
}

/// What a claimant finds in `_tmp/p=…` that is dead by its `fence`: everything of earlier epochs, and of its own epoch what
/// others wrote, who have lost it. Never what is of a later epoch: a claimant that froze behind its fence has a successor
/// by the time it looks.
pub fn dead_temporaries<'a>(
    layout: &Layout,
    fence: &Commit,
    paths: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let dead = |path: &&str| {
        layout.claimant(path).is_some_and(|(p, epoch, nonce)| {
            p == fence.partition && (epoch < fence.epoch || (epoch == fence.epoch && nonce != fence.nonce))
        })
    };
    paths.into_iter().filter(dead).map(str::to_owned).collect()
}

/// Spilled files that the record of `fence` does not name, and no later one can: they hold rows of before it.
pub fn dead_spills<'a>(fence: &Commit, paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let dead = |path: &&str| {
        let before = Layout::parse_range(path)
            .is_some_and(|(generation, start)| (generation, start) < (fence.generation, fence.end));
        before && !fence.pending.iter().any(|f| f.path == **path)
    };
    paths.into_iter().filter(dead).map(str::to_owned).collect()
}

/// The paths of a partition's log that nothing needs any more. `cut` is the arrival date before which raw data is gone.
///
/// Kept: the newest commits, what the newest one's state is made of, the fences it names (so that no frozen worker ever
/// finds its number free), and anchors (with their commits) of dates whose raw data is kept.
pub fn sweepable<'a>(
    layout: &Layout,
    newest: &Commit,
    paths: impl IntoIterator<Item = &'a str> + Clone,
    cut: Option<&str>,
) -> Vec<String> {
    let p = newest.partition;
    let kept_from = newest.seq.saturating_sub(limits::COMMITS_KEPT);
    let in_state = |path: &str| {
        newest.state.as_ref().is_some_and(|s| s.full == path || s.deltas.iter().any(|d| d == path))
    };
    let live_anchor = |date: &str| cut.is_none_or(|cut| date >= cut);
    let anchored: Vec<u64> = paths
        .clone()
        .into_iter()
        .filter_map(|path| match layout.parse_log(p, path) {
            Some(LogName::Anchor(date, seq)) if live_anchor(&date) => Some(seq),
            _ => None,
        })
        .collect();
    let dead = |path: &&str| match layout.parse_log(p, path) {
        None => false,
        Some(LogName::Commit(seq)) => {
            seq < kept_from && !newest.fences.contains(&seq) && !anchored.contains(&seq)
        }
        // A mark is of use until its record is committed; one more commit, and a reader that is behind has seen it.
        Some(LogName::Skip(offset)) => offset < newest.start,
        Some(LogName::State(seq)) => seq < kept_from && !in_state(path),
        Some(LogName::Anchor(date, seq)) => seq < kept_from && !live_anchor(&date) && !in_state(path),
    };
    paths.into_iter().filter(dead).map(str::to_owned).collect()
}

/// Data files of a partition that are past their retention.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expired {
    /// To be deleted.
    pub gone: Vec<String>,
    /// Kept for now: files of the newest commit, and files that the duplicate set is rebuilt from.
    pub needed: Vec<String>,
}

/// Sorts out the data files of a partition whose arrival date is before `cut`.
pub fn expired<'a>(newest: &Commit, paths: impl IntoIterator<Item = &'a str>, cut: &str) -> Expired {
    let old =
        |path: &&str| Layout::parse_data(path).is_some_and(|(date, p)| p == newest.partition && date < cut);
    let mut sorted = Expired::default();
    for path in paths.into_iter().filter(old) {
        let needed = newest.files.iter().chain(&newest.recent).any(|f| f.path == path);
        let list = if needed { &mut sorted.needed } else { &mut sorted.gone };
        list.push(path.to_owned());
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Table, commit::tests::example};

    #[test]
    fn full_state_comes_in_time() {
        let mut state = None;
        let mut forms = Vec::new();
        for n in 0..203 {
            let date = if n < 150 { "2026-11-22" } else { "2026-11-23" };
            let before = if n <= 150 { "2026-11-22" } else { "2026-11-23" };
            let form = state_form(state.as_ref(), (n > 0).then_some(before), Some(date));
            state = Some(state_after(state.as_ref(), form, n.to_string()));
            assert!(state.as_ref().is_some_and(|s| s.deltas.len() <= limits::SNAPSHOT_EVERY));
            if form != StateForm::Delta {
                forms.push((n, form));
            }
        }
        assert_eq!(forms, [(0, StateForm::Anchor), (101, StateForm::Full), (150, StateForm::Anchor)]);
        assert_eq!(state_form(None, None, None), StateForm::Full);
    }

    #[test]
    fn the_duplicate_set_keeps_its_files() {
        let file = |n: u64| FileRef {
            max_offset: Some(n * 10 + 9),
            path: n.to_string(),
            ..example(1, 0, 9).files[0].clone()
        };
        let names = |files: Vec<FileRef>| files.into_iter().map(|f| f.path).collect::<Vec<_>>();
        let before: Vec<FileRef> = (1..=5).map(file).collect();
        assert_eq!(names(recent(&before, Some(&file(6)), 49)), ["4", "5", "6"]);
        assert_eq!(names(recent(&before, Some(&file(6)), 50)), ["5", "6"]);
        assert_eq!(names(recent(&before, None, 0)), ["1", "2", "3", "4", "5"]);
    }

    #[test]
    fn a_claimant_sweeps_what_is_dead_by_its_fence_and_nothing_else() {
        let l = Layout::new("data");
        let fence = Commit { partition: 3, epoch: 7, nonce: "ours".into(), ..example(12, 40, 40) };
        let file = |p, epoch, nonce: &str| format!("{}/00000001.part", l.claim(p, epoch, nonce));
        let (earlier, loser) = (file(3, 6, "before"), file(3, 7, "loser"));
        let kept =
            [file(3, 7, "ours"), file(3, 8, "after"), file(4, 6, "elsewhere"), "data/_tmp/p=00003/x".into()];
        let found = [&earlier, &loser].into_iter().chain(&kept).map(String::as_str);
        assert_eq!(dead_temporaries(&l, &fence, found), [earlier.clone(), loser.clone()]);

        let spill = |generation, start, end| l.data(&Table::Pending, "", generation, 3, start, end);
        let named = FileRef { path: spill(1, 30, 40), ..example(1, 0, 9).files[0].clone() };
        let fence = Commit { generation: 1, pending: vec![named], ..fence };
        let (unnamed, later, next) = (spill(1, 20, 30), spill(1, 40, 50), spill(2, 0, 10));
        let found = [unnamed.clone(), spill(1, 30, 40), later, next, "data/_pending/p=00003/x".into()];
        assert_eq!(dead_spills(&fence, found.iter().map(String::as_str)), [unnamed]);
    }

    #[test]
    fn sweeping_leaves_what_is_needed() {
        let l = Layout::new("");
        let mut newest = example(500, 0, 9);
        newest.fences = vec![0, 7];
        newest.state = Some(StateRef { full: l.state(3, 380, None), deltas: vec![l.state(3, 381, None)] });
        let mut paths: Vec<String> = (0..=500).map(|n| l.commit(3, n)).collect();
        paths.extend((0..=500).map(|n| l.state(3, n, None)));
        paths.push(l.state(3, 20, Some("2026-01-01")));
        paths.push(l.state(3, 30, Some("2026-02-01")));
        let gone = sweepable(&l, &newest, paths.iter().map(String::as_str), Some("2026-01-15"));
        for kept in [l.commit(3, 0), l.commit(3, 7), l.commit(3, 400), l.commit(3, 30), l.state(3, 380, None)]
        {
            assert!(!gone.contains(&kept), "{kept}");
        }
        assert!(!gone.contains(&l.state(3, 30, Some("2026-02-01"))));
        for dead in [l.commit(3, 20), l.commit(3, 399), l.state(3, 379, None)] {
            assert!(gone.contains(&dead), "{dead}");
        }
        assert!(gone.contains(&l.state(3, 20, Some("2026-01-01"))));
    }

    #[test]
    fn retention_goes_by_arrival_date_and_partition() {
        let mut newest = example(5, 0, 9);
        let path =
            |date: &str, p: u32, n: u64| Layout::new("").data(&crate::Table::Raw, date, 1, p, n, n + 1);
        newest.recent = vec![FileRef { path: path("2026-01-01", 3, 7), ..newest.files[0].clone() }];
        let paths = [
            path("2026-01-01", 3, 1),
            path("2026-01-01", 3, 7),
            path("2026-01-01", 4, 1),
            path("2026-01-09", 3, 1),
        ];
        let sorted = expired(&newest, paths.iter().map(String::as_str), "2026-01-02");
        assert_eq!(sorted.gone, [path("2026-01-01", 3, 1)]);
        assert_eq!(sorted.needed, [path("2026-01-01", 3, 7)]);
    }
}
