//! Taking a partition over: finish what the predecessor committed, fence it, read state back, recognise the log.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use commitlog::{
    Commit, FileRef, Kind, LogName, StateFile, StateRef,
    recovery::{self, LogCheck},
};
use futures::{StreamExt, TryStreamExt, stream};
use lake::{LakeError, tables};
use tick_log::{Bounds, LogError};
use windowing::Partition;

use crate::{Error, context::Context, lakeside::Claim, limits, machine::last_record};

/// A partition that is ours.
pub(crate) struct Claimed {
    pub claim: Arc<Claim>,
    /// The newest commit: our fence, or a control commit behind it.
    pub head: Commit,
    pub partition: Partition,
    /// Marked offsets that are not committed yet.
    pub skips: BTreeSet<u64>,
    /// The log as it was at the claim, and how it stands to the newest commit.
    pub bounds: Bounds,
    pub check: LogCheck,
}

/// Who takes a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimant {
    /// A worker that is to keep it.
    Worker,
    /// A command that changes something and lets it go.
    Command,
}

/// What the nonces of commands begin with: whoever finds itself fenced by one may claim again at once.
const COMMAND: &str = "command-";

/// True where the claimant of `nonce` has let the partition go by now, or will in a moment.
pub(crate) fn is_of_command(nonce: &str) -> bool {
    nonce.starts_with(COMMAND)
}

/// Takes `p` over as a worker does: lost records and other semantics are written down, or halt it.
pub(crate) async fn claim(cx: &Context, p: u32) -> Result<Claimed, Error> {
    let mut claimed = take(cx, p, Claimant::Worker).await?;
    match claimed.check.clone() {
        LogCheck::Continue => {}
        LogCheck::Diverged { reason } => return Err(Error::LogDiverged { partition: p, reason }),
        LogCheck::Gap { to } => claimed.gap(cx, to).await?,
    }
    let new_skips = claimed.skips.iter().any(|o| !claimed.head.skips.contains(o));
    // By the record, not by the state: before the first data commit there is none, and a predecessor may have written rows.
    if new_skips || claimed.head.semantics_hash != cx.settings.semantics.hash() {
        claimed.reconfigure(cx).await?;
    }
    Ok(claimed)
}

/// Takes `p` over and reads its state back; what the log's state means is the caller's to decide.
pub(crate) async fn take(cx: &Context, p: u32, by: Claimant) -> Result<Claimed, Error> {
    let nonce = nonce(cx, by);
    cx.persist(p, "log", || cx.refresh_ticks()).await?;
    let ticks = cx.ticks();
    let before = cx.persist(p, "log", || ticks.bounds(p)).await?;
    let (claim, head, skips) = fence(cx, p, &nonce, before).await?;
    // Behind the fence: what others have committed meanwhile is in the log by now, else it would look truncated.
    let bounds = cx.persist(p, "log", || ticks.bounds(p)).await?;
    let (swept, partition) = tokio::join!(claim.sweep_dead(cx, &head), restore(cx, p, &head));
    swept?;
    let partition = partition?;
    let check = check_log(cx, p, &head, bounds).await?;
    let skips = skips.into_iter().filter(|o| *o >= head.end).collect();
    Ok(Claimed { claim: Arc::new(claim), head, partition, skips, bounds, check })
}

/// Identifies one claim.
fn nonce(cx: &Context, by: Claimant) -> String {
    let prefix = if by == Claimant::Command { COMMAND } else { "" };
    format!("{prefix}{}", cx.nonce())
}

/// What a command writes with before it has taken anything.
pub(crate) fn command(cx: &Context, p: u32) -> Claim {
    Claim::new(p, 0, nonce(cx, Claimant::Command))
}

/// The number of the newest record of `p`, as a listing shows it.
pub(crate) async fn newest(cx: &Context, p: u32) -> Result<Option<u64>, LakeError> {
    let listed = cx.components.lake.list(&cx.layout.log(p)).await?;
    Ok(recovery::newest(&cx.layout, p, listed.iter().map(|e| e.path.as_str())))
}

/// Finishes the newest commit and puts a fence behind it; again from the start when its number is taken meanwhile. Also
/// gives the marks of records to pass over.
async fn fence(
    cx: &Context,
    p: u32,
    nonce: &str,
    bounds: Bounds,
) -> Result<(Claim, Commit, Vec<u64>), Error> {
    let lake = &cx.components.lake;
    let (mut seen, mut waited) = (None, 0);
    for _ in 0..limits::CLAIM_ATTEMPTS {
        let dir = cx.layout.log(p);
        let listed = cx.persist(p, "lake", || lake.list(&dir)).await?;
        let reader = Claim::new(p, 0, nonce.to_owned());
        let mark = |e: &lake::Entry| match cx.layout.parse_log(p, &e.path) {
            Some(LogName::Skip(offset)) => Some(offset),
            _ => None,
        };
        let skips: Vec<u64> = listed.iter().filter_map(mark).collect();
        let newest = match recovery::newest(&cx.layout, p, listed.iter().map(|e| e.path.as_str())) {
            Some(seq) => reader.look(cx, seq).await?,
            None => None,
        };
        if let Some(newest) = &newest {
            reader.finish(cx, &newest.files).await?;
            if cx.settings.fence_backoff && recovery::fences_since_data(newest) > waited {
                waited = recovery::fences_since_data(newest);
                let pause = Duration::from_secs(1 << waited.min(limits::FENCE_BACKOFF_MAX));
                tracing::info!(
                    partition = p,
                    fences = waited,
                    "fenced in turns: waiting {pause:?} before the next"
                );
                tokio::time::sleep(pause).await;
                // Whoever has it may have committed meanwhile.
                continue;
            }
        }
        let fence = recovery::fence(newest.as_ref(), || genesis(cx, p, bounds.low), nonce);
        seen = Some(fence.seq);
        let claim = Claim::new(p, fence.epoch, nonce.to_owned());
        if claim.place(cx, &fence).await? {
            return Ok((claim, fence, skips));
        }
    }
    Err(Error::Fenced { partition: p, seq: seen.unwrap_or_default() })
}

/// The record before everything: an empty state at the first offset that the log still has.
fn genesis(cx: &Context, p: u32, low: u64) -> Commit {
    Commit {
        partition: p,
        seq: 0,
        kind: Kind::Fence,
        semantics_hash: cx.settings.semantics.hash(),
        generation: 1,
        epoch: 1,
        nonce: String::new(),
        start: low,
        end: low,
        date: None,
        files: Vec::new(),
        write_ts: 0,
        max_ts: None,
        watermark: None,
        record_ms: 0,
        topic_id: cx.ticks().id(),
        last: None,
        counters: serde_json::to_value(windowing::Counters::default()).unwrap_or_default(),
        pending: Vec::new(),
        recent: Vec::new(),
        state: None,
        fences: Vec::new(),
        gap: None,
        skips: Vec::new(),
    }
}

async fn read(cx: &Context, p: u32, path: &str) -> Result<Bytes, Error> {
    cx.persist(p, "lake", || cx.components.lake.read(path)).await
}

async fn state_payload(cx: &Context, p: u32, path: String) -> Result<Vec<u8>, Error> {
    Ok(StateFile::decode(&path, &read(cx, p, &path).await?)?.payload)
}

/// Reads state and the duplicate set back, as of `head`.
async fn restore(cx: &Context, p: u32, head: &Commit) -> Result<Partition, Error> {
    let Some(StateRef { full, deltas }) = &head.state else {
        return Ok(Partition::new(cx.settings.semantics.clone(), p, head.generation)?);
    };
    let paths: Vec<String> = [full].into_iter().chain(deltas).cloned().collect();
    let payloads = stream::iter(paths).map(|path| state_payload(cx, p, path)).buffered(limits::RESTORE_READS);
    let mut payloads: Vec<Vec<u8>> = payloads.try_collect().await?;
    let changes = payloads.split_off(1);
    let payload = payloads.pop().unwrap_or_default();
    let mut partition = Partition::decode_stored(&payload, &changes)
        .map_err(|source| Error::State { file: deltas.last().unwrap_or(full).clone(), source })?;
    let mut rows = Vec::new();
    let recent = stream::iter(head.recent.clone());
    let mut files = recent.map(|file| whole(cx, p, file)).buffered(limits::RESTORE_READS);
    while let Some(read) = files.next().await {
        let (path, bytes) = read?;
        rows.extend(tables::read_raw(bytes).map_err(|e| e.at(&path))?);
    }
    drop(files);
    partition.rebuild_dedup(rows.iter().map(tables::OwnedRawRow::dedup));
    Ok(partition)
}

/// A committed file, which must be as it was written.
async fn whole(cx: &Context, p: u32, file: FileRef) -> Result<(String, Bytes), Error> {
    let lost = |path: &str, state| Error::FileLost { partition: p, path: path.to_owned(), state };
    match read(cx, p, &file.path).await {
        Ok(bytes) if crc32c::crc32c(&bytes) == file.crc => Ok((file.path, bytes)),
        Ok(_) => Err(lost(&file.path, "torn")),
        Err(Error::Lake(LakeError::NotFound { .. })) => Err(lost(&file.path, "missing")),
        Err(e) => Err(e),
    }
}

/// Reads the last consumed record again, where the log still has it, and compares.
async fn check_log(cx: &Context, p: u32, head: &Commit, mut bounds: Bounds) -> Result<LogCheck, Error> {
    let ticks = cx.ticks();
    let id = ticks.id();
    let mut digest = None;
    if let Some(last) = &head.last
        && id == head.topic_id
    {
        // A log that is slow may give nothing in time: the record is there for as long as the bounds say so.
        while digest.is_none() && (bounds.low..bounds.high).contains(&last.offset) {
            let read = || async {
                match ticks.read(p, last.offset, 1, limits::REREAD_WAIT).await {
                    Err(LogError::OffsetOutOfRange { .. } | LogError::Recreated { .. }) => Ok(None),
                    batch => batch.map(Some),
                }
            };
            if let Some(batch) = cx.persist(p, "log", read).await? {
                digest = batch.get(0).filter(|r| r.offset == last.offset).map(|r| last_record(&r).digest);
            }
            if digest.is_none() {
                bounds = cx.persist(p, "log", || ticks.bounds(p)).await?;
            }
        }
    }
    Ok(recovery::check_log(head, &id, bounds.low, bounds.high, digest.as_deref()))
}
