//! Putting right what can be put right: renames, what the dead have left, states.
//!
//! A state is placed by a fence: a record of its own behind the newest one, create-only like any other, with the state in
//! full. So nothing is overwritten, a worker that has the partition is fenced, and the damaged file is never read again.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use commitlog::{Commit, FileRef, FormatError, Layout, StateFile, StateKind, StateRef, Table, recovery};
use lake::tables::OwnedRawRow;
use windowing::{Counters, Partition};

use super::{Finding, FsckOptions, FsckReport, Problem};
use crate::{
    OperationsError, Progress,
    files::Files,
    limits::CLAIM_ATTEMPTS,
    lineage::{Base, Lineage},
    progress::step,
    rerun::Rerun,
    shelf::{Shelves, StoredRow},
};

/// Repairs what `report` names, and says so in it.
pub(super) async fn repair(
    files: &Files<'_>,
    root: &str,
    layout: &Layout,
    options: &FsckOptions,
    report: &mut FsckReport,
    progress: &Progress,
) -> Result<(), OperationsError> {
    let total = report.findings.len();
    for (i, finding) in report.findings.iter_mut().enumerate() {
        step(progress, "repair", i, total);
        match finding.problem {
            Problem::Unrenamed => finding.repaired = rename(files, layout, finding).await?,
            Problem::DeadTemporary => {
                if let Some(path) = &finding.path {
                    files.delete(path).await?;
                    finding.repaired = true;
                }
            }
            _ => {}
        }
    }
    let partitions: Vec<u32> = report.partitions.iter().map(|p| p.partition).collect();
    for p in partitions {
        let lost = |f: &&mut Finding| f.problem == Problem::DamagedState && f.partition == Some(p);
        let finding = report.findings.iter_mut().find(lost);
        if finding.is_none() && !options.take_over {
            continue;
        }
        match take(files, root, layout, p, options, finding.is_some()).await {
            Ok(()) => {
                if let Some(finding) = finding {
                    finding.repaired = true;
                }
            }
            Err(e) if e.is_damage() || matches!(e, OperationsError::Contradiction { .. }) => {
                if let Some(finding) = finding {
                    finding.detail = format!("{}; not repaired: {e}", finding.detail);
                }
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Redoes the rename of a committed file.
async fn rename(files: &Files<'_>, layout: &Layout, finding: &Finding) -> Result<bool, OperationsError> {
    let (Some(p), Some(path)) = (finding.partition, &finding.path) else { return Ok(false) };
    let lineage = Lineage::read(files, layout, p).await?;
    let mut named = lineage.commits.values().flat_map(|c| &c.files);
    match named.find(|f| f.path == *path) {
        Some(file) => files.name(&file.tmp, &file.path, file.bytes).await,
        None => Ok(false),
    }
}

/// Fences a partition, with its state made again where it is lost; then nothing of others in `_tmp` is alive.
async fn take(
    files: &Files<'_>,
    root: &str,
    layout: &Layout,
    p: u32,
    options: &FsckOptions,
    rebuild: bool,
) -> Result<(), OperationsError> {
    let nonce = nonce(p);
    for _ in 0..CLAIM_ATTEMPTS {
        let lineage = Lineage::read(files, layout, p).await?;
        let Some(head) = lineage.head() else { return Ok(()) };
        finish(files, head).await?;
        let mut fence = recovery::fence(Some(head), || head.clone(), &nonce);
        let dir = layout.claim(p, fence.epoch, &nonce);
        if rebuild {
            let state = made_again(files, root, &lineage, head, options).await?;
            let (path, payload) = (layout.state(p, fence.seq, None), state.encode_full());
            let file = StateFile { kind: StateKind::Full, partition: p, seq: fence.seq, payload };
            let bytes = Bytes::from(file.encode());
            let tmp = files.write(&format!("{dir}/state"), &bytes).await?;
            fence.files = vec![state_ref(path.clone(), tmp, &bytes)];
            fence.state = Some(StateRef { full: path, deltas: Vec::new() });
        }
        if place(files, layout, &dir, &fence).await? {
            finish(files, &fence).await?;
            return sweep(files, layout, p).await;
        }
    }
    Err(OperationsError::Fenced { partition: p })
}

/// Identifies one claim: two hashes under keys that the operating system drew.
fn nonce(p: u32) -> String {
    let seed = (std::process::id(), p);
    format!("{:016x}{:016x}", RandomState::new().hash_one(seed), RandomState::new().hash_one(seed))
}

fn state_ref(path: String, tmp: String, bytes: &Bytes) -> FileRef {
    FileRef {
        table: Table::State,
        tmp,
        path,
        rows: 0,
        bytes: bytes.len() as u64,
        crc: crc32c::crc32c(bytes),
        min_ts: None,
        max_ts: None,
        min_offset: None,
        max_offset: None,
    }
}

/// Gives the files of a record their names. A file that is nowhere is no business of a fence: it is a finding.
async fn finish(files: &Files<'_>, record: &Commit) -> Result<(), OperationsError> {
    for file in &record.files {
        if files.stat(&file.path).await?.is_none() && files.stat(&file.tmp).await? == Some(file.bytes) {
            files.name(&file.tmp, &file.path, file.bytes).await?;
        }
    }
    Ok(())
}

/// Places a record at its number. Whatever a rename answers, only the record that stands there decides.
async fn place(
    files: &Files<'_>,
    layout: &Layout,
    dir: &str,
    record: &Commit,
) -> Result<bool, OperationsError> {
    let path = layout.commit(record.partition, record.seq);
    let bytes = Bytes::from(record.encode());
    let tmp = files.write(&format!("{dir}/{}.commit.{}", record.seq, record.nonce), &bytes).await?;
    files.name(&tmp, &path, bytes.len() as u64).await?;
    let there = match files.find(&path).await? {
        Some(bytes) => Some(Commit::decode(&path, &bytes)?),
        None => None,
    };
    Ok(recovery::placed(there.as_ref(), &record.nonce) == recovery::Placed::Ours)
}

/// Deletes what the dead have left: everything but the newest owner's, which is this repair or who came after it.
async fn sweep(files: &Files<'_>, layout: &Layout, p: u32) -> Result<(), OperationsError> {
    let lineage = Lineage::read(files, layout, p).await?;
    let Some(head) = lineage.head() else { return Ok(()) };
    let owner = format!("{}/", layout.claim(p, head.epoch, &head.nonce));
    let owed = |path: &str| {
        let mut named = lineage.commits.values().flat_map(|c| &c.files);
        named.find(|f| f.tmp == path).map(|f| f.path.clone())
    };
    for entry in files.list(&layout.tmp(p)).await? {
        if entry.path.starts_with(&owner) {
            continue;
        }
        // The only copy of something committed stays, whoever wrote it.
        if let Some(path) = owed(&entry.path)
            && files.stat(&path).await?.is_none()
        {
            continue;
        }
        files.delete(&entry.path).await?;
    }
    Ok(())
}

/// The state of `head`, from the newest readable one before it and the rows behind that.
async fn made_again(
    files: &Files<'_>,
    root: &str,
    lineage: &Lineage,
    head: &Commit,
    options: &FsckOptions,
) -> Result<Partition, OperationsError> {
    let shelves = Shelves::open(files, root).await?;
    let mut base = base(files, lineage, head, options).await?;
    let need = base.partition.dedup_need();
    let mut known: Vec<OwnedRawRow> = Vec::new();
    let shelf = shelves.from(lineage.partition, (need.generation, need.from_offset));
    'before: for i in 0..shelf.len() {
        for row in shelf.rows(files, i).await? {
            match row {
                row if row.at() >= (need.generation, need.to_offset) => break 'before,
                StoredRow::Raw(row) => known.push(row),
                StoredRow::Dead(_) => {}
            }
        }
    }
    base.partition.rebuild_dedup(known.iter().map(OwnedRawRow::dedup));
    let turns = lineage.turns(files, base.seq).await?;
    let mut rerun = Rerun::new(base, turns, lineage);
    let shelf = shelves.from(lineage.partition, rerun.from());
    let end = (head.generation, head.end);
    'rows: for i in 0..shelf.len() {
        for row in shelf.rows(files, i).await? {
            if row.at() >= end {
                break 'rows;
            }
            rerun.take(&row)?;
        }
        rerun.closed();
    }
    rerun.pass(end)?;
    let doubt = rerun.first_doubt.take();
    let mut state = rerun.into_partition();
    let recorded: Counters = serde_json::from_value(head.counters.clone()).unwrap_or_default();
    let counted = Counters { key_mismatches: recorded.key_mismatches, ..state.counters().clone() };
    let fits =
        state.write_ts() == head.write_ts && state.watermark() == head.watermark && counted == recorded;
    if let Some(reason) = doubt {
        return Err(OperationsError::Contradiction { partition: lineage.partition, reason });
    }
    if !fits {
        let reason = format!("its rows do not lead to what commit {} records", head.seq);
        return Err(OperationsError::Contradiction { partition: lineage.partition, reason });
    }
    state.recount(recorded);
    Ok(state)
}

/// The newest state that can be read: full and as many deltas as are whole, an anchor, or the beginning.
async fn base(
    files: &Files<'_>,
    lineage: &Lineage,
    head: &Commit,
    options: &FsckOptions,
) -> Result<Base, OperationsError> {
    if let Some(base) = longest_run(files, lineage, head).await? {
        return Ok(base);
    }
    for seq in lineage.bases().into_iter().rev() {
        match lineage.base(files, seq).await {
            Ok(Some(base)) => return Ok(base),
            Ok(None) => {}
            Err(e) if e.is_damage() => {}
            Err(e) => return Err(e),
        }
    }
    let first = lineage.commits.values().next().filter(|c| c.seq == 0);
    match (first, &options.semantics) {
        (Some(first), Some(semantics)) if first.semantics_hash == semantics.hash() => Ok(Base {
            seq: Some(0),
            partition: Partition::new(semantics.clone(), lineage.partition, first.generation)?,
        }),
        _ => Err(FormatError::Damaged {
            file: head.state.as_ref().map_or_else(String::new, |s| s.full.clone()),
            reason: "no state is readable, and the first records are gone or of other semantics".to_owned(),
        }
        .into()),
    }
}

/// The state of the newest record with its unreadable end cut off.
async fn longest_run(
    files: &Files<'_>,
    lineage: &Lineage,
    head: &Commit,
) -> Result<Option<Base>, OperationsError> {
    let Some(state) = &head.state else { return Ok(None) };
    let mut parts: Vec<StateFile> = Vec::new();
    for path in std::iter::once(&state.full).chain(&state.deltas) {
        let Some(bytes) = files.find(path).await? else { break };
        let Ok(part) = StateFile::decode(path, &bytes) else { break };
        parts.push(part);
    }
    while let Some(last) = parts.last() {
        let seq = last.seq;
        let deltas: Vec<Vec<u8>> = parts[1..].iter().map(|part| part.payload.clone()).collect();
        // The whole run says something else than its record, or nothing was wrong with it.
        let whole = parts.len() == state.deltas.len() + 1;
        if !whole
            && lineage.commits.contains_key(&seq)
            && let Ok(partition) = Partition::decode_stored(&parts[0].payload, &deltas)
        {
            return Ok(Some(Base { seq: Some(seq), partition }));
        }
        parts.pop();
    }
    Ok(None)
}
