//! Records of a log: readable, without holes, joined.

use commitlog::{Commit, Layout, invariants, limits::COMMITS_KEPT};

use super::{Finding, Problem, snapshot::Snapshot};
use crate::lineage::Lineage;

/// Checks the records of one partition.
pub(super) fn check(snapshot: &Snapshot, layout: &Layout, lineage: &Lineage, out: &mut Vec<Finding>) {
    let p = lineage.partition;
    for (seq, why) in &lineage.damaged {
        out.push(Finding::new(
            Problem::DamagedCommit,
            Some(p),
            Some(&layout.commit(p, *seq)),
            why.to_string(),
        ));
    }
    let Some(newest) = lineage.listed.last().copied() else {
        if !lineage.states.is_empty() || !lineage.anchors.is_empty() {
            let detail = "states are there and no commit";
            out.push(Finding::new(Problem::MissingCommit, Some(p), Some(&layout.log(p)), detail));
        }
        return;
    };
    for seq in newest.saturating_sub(COMMITS_KEPT)..newest {
        if lineage.listed.binary_search(&seq).is_err() {
            let detail = format!("the newest {COMMITS_KEPT} records are kept, and this one is not there");
            out.push(Finding::new(Problem::MissingCommit, Some(p), Some(&layout.commit(p, seq)), detail));
        }
    }
    let commits: Vec<&Commit> = lineage.commits.values().collect();
    for pair in commits.windows(2) {
        let [before, next] = pair else { continue };
        if let Err(why) = invariants::comes_later(before, next) {
            let record = layout.commit(p, next.seq);
            out.push(Finding::new(Problem::BrokenChain, Some(p), Some(&record), why.detail));
        }
    }
    let numbered = lineage.states.iter().map(|(seq, path)| (*seq, path.as_str()));
    let anchored = lineage.anchors.iter().map(|(seq, (_, path))| (*seq, path.as_str()));
    for (seq, path) in numbered.chain(anchored).filter(|(seq, _)| *seq > newest) {
        let detail = format!("the state of commit {seq} is there, the newest commit is {newest}");
        out.push(Finding::new(Problem::Uncommitted, Some(p), Some(path), detail));
    }
    for path in lineage.strange.iter().filter(|path| snapshot.files.contains_key(*path)) {
        out.push(Finding::new(Problem::Strange, Some(p), Some(path), "no name of a commit log"));
    }
}
