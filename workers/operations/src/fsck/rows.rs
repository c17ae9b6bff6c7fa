//! Contents: files are what was written, and every record is in exactly one of them.
//!
//! How many records a partition has read stands in every commit, so between two records that are left the stored offsets
//! must be exactly as many as were read: offsets without records (transaction markers) are no holes.

use std::collections::BTreeMap;

use commitlog::{Commit, FileRef};
use futures::{StreamExt, stream};
use lake::tables::{self, TableError};
use windowing::Counters;

use super::{Finding, PartitionCheck, Problem, offsets::Offsets, snapshot::Snapshot};
use crate::{
    OperationsError, Progress,
    files::Files,
    limits::{FILES_IN_FLIGHT, RANGES},
    lineage::Lineage,
    progress::step,
    shelf::Extent,
};

/// What is known of every partition's and generation's stored offsets.
type Stored = BTreeMap<(u32, u32), Offsets>;

/// Reads every file and checks every row's place.
pub(super) async fn check(
    files: &Files<'_>,
    snapshot: &Snapshot,
    cut: Option<&str>,
    checks: &mut [PartitionCheck],
    out: &mut Vec<Finding>,
    progress: &Progress,
) -> Result<(), OperationsError> {
    let refs: BTreeMap<&str, &FileRef> = snapshot
        .lineages
        .iter()
        .flat_map(|l| l.commits.values())
        .flat_map(|c| c.files.iter().chain(&c.recent).chain(&c.pending))
        .map(|f| (f.path.as_str(), f))
        .collect();
    let mut stored = Stored::new();
    let others = snapshot.files.keys().filter(|path| path.ends_with(".parquet") && !is_rows(path));
    let wanted: Vec<(&String, &String)> =
        snapshot.visible.iter().chain(others.map(|path| (path, path))).collect();
    let mut reads = stream::iter(wanted.iter().copied().enumerate())
        .map(|(i, (path, at))| async move {
            let length =
                snapshot.files.get(path).or_else(|| snapshot.tmp.get(at)).copied().unwrap_or_default();
            let _room = files.room(length).await;
            let bytes = match files.find(at).await {
                Ok(None) => files.find(path).await,
                answer => answer,
            };
            let looked = bytes.map(|bytes| bytes.map(|bytes| (crc32c::crc32c(&bytes), offsets(path, bytes))));
            (i, path, looked)
        })
        .buffer_unordered(FILES_IN_FLIGHT);
    while let Some((i, path, looked)) = reads.next().await {
        step(progress, "files", i + 1, wanted.len());
        // Gone since it was listed: swept, or a finding of the next look.
        let Some((crc, rows)) = looked? else { continue };
        let extent = Extent::of(path);
        let p = extent.map(|e| e.partition);
        if let Some(check) = checks.iter_mut().find(|c| Some(c.partition) == p) {
            check.files += 1;
        }
        let known = refs.get(path.as_str());
        let bad = match &rows {
            Err(e) => Some(e.to_string()),
            Ok(_) if known.is_some_and(|f| f.crc != crc) => {
                Some("its checksum is not the commit's".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(detail) = bad {
            out.push(Finding::new(Problem::DamagedFile, p, Some(path), detail));
            continue;
        }
        let mut twice = Vec::new();
        for (p, generation, offset) in rows.unwrap_or_default() {
            if let Some(check) = checks.iter_mut().find(|c| c.partition == p) {
                check.rows += 1;
            }
            if !stored.entry((p, generation)).or_default().insert(offset) {
                twice.push(offset);
            }
        }
        if let Some(first) = twice.first() {
            let detail = format!("{} of its offsets are stored elsewhere too, {first} for one", twice.len());
            out.push(Finding::new(Problem::StoredTwice, p, Some(path), detail));
        }
    }
    drop(reads);
    for lineage in &snapshot.lineages {
        complete(lineage, cut, &stored, out);
    }
    Ok(())
}

fn is_rows(path: &str) -> bool {
    path.contains("/ticks/date=") || path.contains("dead-letters/date=")
}

/// Partition, generation and offset of every row of a file of raw ticks or dead letters; other files are only decoded.
fn offsets(path: &str, bytes: bytes::Bytes) -> Result<Vec<(u32, u32, u64)>, TableError> {
    if path.contains("dead-letters/date=") {
        let rows = tables::read_dead(bytes).map_err(|e| e.at(path))?;
        return Ok(rows.iter().map(|r| (r.partition, r.generation, r.offset)).collect());
    }
    if path.contains("/ticks/date=") {
        let rows = tables::read_raw(bytes).map_err(|e| e.at(path))?;
        return Ok(rows.iter().map(|r| (r.partition, r.generation, r.offset)).collect());
    }
    tables::read_bars(bytes).map(|_| Vec::new()).map_err(|e| e.at(path))
}

/// A place of the log at which it is recorded how many records were read.
struct Mark {
    seq: u64,
    generation: u32,
    end: u64,
    read: u64,
}

/// Checks that between any two marks the stored offsets are as many as the records that were read.
fn complete(lineage: &Lineage, cut: Option<&str>, stored: &Stored, out: &mut Vec<Finding>) {
    let p = lineage.partition;
    let marks: Vec<Mark> = lineage.commits.values().filter_map(mark).collect();
    let none = Offsets::default();
    for pair in marks.windows(2) {
        let [from, to] = pair else { continue };
        let Some(records) = to.read.checked_sub(from.read) else {
            let detail = format!("commit {} has read fewer records than commit {}", to.seq, from.seq);
            out.push(Finding::new(Problem::BrokenChain, Some(p), None, detail));
            continue;
        };
        // Another generation starts behind a record of its own, where nothing is stored.
        if records == 0 || from.generation != to.generation || is_expired(lineage, cut, from, to) {
            continue;
        }
        let offsets = stored.get(&(p, to.generation)).unwrap_or(&none);
        let there = offsets.count(from.end, to.end);
        if there == records {
            continue;
        }
        let holes = offsets.holes(from.end, to.end);
        let shown: Vec<String> = holes.iter().take(RANGES).map(|(a, b)| format!("{a}..{b}")).collect();
        let detail = format!(
            "{records} records were read in {}..{} (generation {}, commits {} to {}), {there} are stored; not stored: {}{}",
            from.end,
            to.end,
            to.generation,
            from.seq,
            to.seq,
            shown.join(", "),
            if holes.len() > RANGES { " and more" } else { "" },
        );
        out.push(Finding::new(Problem::NotStored, Some(p), None, detail));
    }
}

fn mark(commit: &Commit) -> Option<Mark> {
    let counters: Counters = serde_json::from_value(commit.counters.clone()).ok()?;
    Some(Mark { seq: commit.seq, generation: commit.generation, end: commit.end, read: counters.read })
}

/// True where retention may have taken rows between two marks. Between neighbours the rows are of the later one's day;
/// where records are swept in between, the rows may be of any day from the earlier one's on.
fn is_expired(lineage: &Lineage, cut: Option<&str>, from: &Mark, to: &Mark) -> bool {
    let Some(cut) = cut else { return false };
    let earliest = if to.seq == from.seq + 1 { to.seq } else { from.seq };
    let date = lineage.commits.get(&earliest).and_then(|c| c.date.as_deref());
    date.is_none_or(|date| date < cut)
}
