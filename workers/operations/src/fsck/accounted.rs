//! Files: each one that a record names is where recovery looks for it, and each one that is there is named or known.

use std::collections::{BTreeMap, BTreeSet};

use commitlog::{
    Commit, FileRef, Layout, Table,
    limits::COMMITS_KEPT,
    recovery::{Redo, redo},
};

use super::{Finding, Problem, snapshot::Snapshot};
use crate::{lineage::Lineage, shelf::Extent};

/// Checks the files that the records of one partition name.
pub(super) fn named(snapshot: &Snapshot, lineage: &Lineage, cut: Option<&str>, out: &mut Vec<Finding>) {
    let Some(head) = lineage.head() else { return };
    let p = Some(lineage.partition);
    for commit in lineage.commits.values() {
        for file in commit.files.iter().filter(|f| is_needed(head, commit, f)) {
            let at_tmp = snapshot.tmp.get(&file.tmp).copied();
            let at_final = snapshot.files.get(&file.path).copied();
            let by = format!("named by commit {}", commit.seq);
            // Bars outlive the ticks they are made of.
            let cut = cut.filter(|_| !matches!(file.table, Table::Bars(_)));
            let problem = match redo(file, at_tmp, at_final, cut) {
                Redo::Done | Redo::Expired => continue,
                Redo::Rename => Problem::Unrenamed,
                Redo::Missing if is_merged(snapshot, file) => continue,
                // The state checks tell more about it.
                Redo::Missing | Redo::Torn if file.table == Table::State => continue,
                Redo::Missing => Problem::MissingFile,
                Redo::Torn => Problem::DamagedFile,
            };
            let detail = match problem {
                Problem::Unrenamed => format!("{by}, still at {}", file.tmp),
                Problem::DamagedFile => {
                    format!("{by} with {} bytes, it has {:?}", file.bytes, at_final.or(at_tmp))
                }
                _ => format!("{by} with {} rows", file.rows),
            };
            out.push(Finding::new(problem, p, Some(&file.path), detail));
        }
    }
    for file in &head.pending {
        let there = snapshot.files.contains_key(&file.path) || snapshot.tmp.contains_key(&file.tmp);
        if !there {
            let detail = format!("{} finals wait in it for the feature store", file.rows);
            out.push(Finding::new(Problem::MissingFile, p, Some(&file.path), detail));
        }
    }
}

/// Spilled rows go when the store has them, states when no record is kept that needs them.
fn is_needed(head: &Commit, commit: &Commit, file: &FileRef) -> bool {
    match file.table {
        Table::Pending => false,
        Table::State => commit.seq + COMMITS_KEPT >= head.seq,
        Table::Raw | Table::Dead | Table::Bars(_) => true,
    }
}

/// True where a compaction has put the file's rows into a larger one of the same day.
fn is_merged(snapshot: &Snapshot, file: &FileRef) -> bool {
    let Some(own) = Extent::of(&file.path) else { return false };
    let Some((dir, _)) = file.path.rsplit_once('/') else { return false };
    let prefix = format!("{dir}/");
    snapshot.files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix)).any(
        |(path, _)| {
            Extent::of(path).is_some_and(|e| {
                (e.generation, e.partition) == (own.generation, own.partition)
                    && e.start <= own.start
                    && e.end >= own.end
                    && (e.start, e.end) != (own.start, own.end)
            })
        },
    )
}

/// Checks the files that are there.
pub(super) fn there(snapshot: &Snapshot, layout: &Layout, out: &mut Vec<Finding>) {
    let heads: BTreeMap<u32, &Commit> =
        snapshot.lineages.iter().filter_map(|l| Some((l.partition, l.head()?))).collect();
    let pending: BTreeSet<&str> = heads.values().flat_map(|h| &h.pending).map(|f| f.path.as_str()).collect();
    let named: BTreeSet<&str> = snapshot
        .lineages
        .iter()
        .flat_map(|l| l.commits.values())
        .flat_map(|c| &c.files)
        .map(|f| f.path.as_str())
        .collect();
    let logs = format!("{}/", layout.logs());
    let spilled = format!("{}/", layout.table(&Table::Pending));
    for path in snapshot.files.keys().filter(|path| !path.starts_with(&logs)) {
        let Some(extent) = Extent::of(path) else {
            out.push(Finding::new(Problem::Strange, None, Some(path), "no name of a data file"));
            continue;
        };
        let p = extent.partition;
        let Some(head) = heads.get(&p) else {
            let detail = "its partition has no readable commit";
            out.push(Finding::new(Problem::Uncommitted, Some(p), Some(path), detail));
            continue;
        };
        if (extent.generation, extent.end) > (head.generation, head.end) && !named.contains(path.as_str()) {
            let detail = format!("it reaches offset {}, the newest commit ends at {}", extent.end, head.end);
            out.push(Finding::new(Problem::Uncommitted, Some(p), Some(path), detail));
        } else if path.starts_with(&spilled) && !pending.contains(path.as_str()) {
            out.push(Finding::new(Problem::OrphanSpill, Some(p), Some(path), "no commit waits for it"));
        }
    }
    let tmp = format!("{}/", super::snapshot::tmp_dir(layout));
    // What compactions have begun is theirs to finish or to clear.
    let compactions = format!("{tmp}compact/");
    for path in snapshot.tmp.keys().filter(|path| !path.starts_with(&compactions)) {
        let Some((p, epoch, nonce)) = layout.claimant(path) else {
            out.push(Finding::new(Problem::Strange, None, Some(path), "no claimant writes there"));
            continue;
        };
        let Some(head) = heads.get(&p) else { continue };
        let dead = epoch < head.epoch || (epoch == head.epoch && nonce != head.nonce);
        if dead && !is_owed(snapshot, path) {
            let detail = format!("of epoch {epoch}; the partition's is {}", head.epoch);
            out.push(Finding::new(Problem::DeadTemporary, Some(p), Some(path), detail));
        }
    }
}

/// True where a record still needs the file at this name: it has not got its final one.
fn is_owed(snapshot: &Snapshot, path: &str) -> bool {
    let mut files = snapshot.lineages.iter().flat_map(|l| l.commits.values()).flat_map(|c| &c.files);
    files.any(|f| f.tmp == path && !snapshot.files.contains_key(&f.path))
}
