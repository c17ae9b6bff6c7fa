//! Taking a partition over: finish what the predecessor committed, fence it, read state back, recognise the log.

use std::sync::Arc;

use bytes::Bytes;
use commitlog::{Commit, Gap, Kind, StateFile, StateKind, StateRef, recovery, recovery::LogCheck};
use lake::{LakeError, tables};
use tick_log::Bounds;
use windowing::{Control, Partition};

use crate::{
    Error, OnGap,
    context::Context,
    lakeside::Claim,
    limits,
    machine::{last_record, state_entry},
};

/// A partition that is ours.
pub(crate) struct Claimed {
    pub claim: Arc<Claim>,
    /// The newest commit: our fence, or a control commit behind it.
    pub head: Commit,
    pub partition: Partition,
}

/// Takes `p` over. `nonce` must be new.
pub(crate) async fn claim(cx: &Context, p: u32, nonce: &str) -> Result<Claimed, Error> {
    let bounds = cx.persist(p, "log", || cx.ticks.bounds(p)).await?;
    let (claim, head) = fence(cx, p, nonce, bounds).await?;
    claim.sweep_dead(cx, &head).await?;
    let partition = restore(cx, p, &head).await?;
    let mut claimed = Claimed { claim: Arc::new(claim), head, partition };
    match check_log(cx, p, &claimed.head, bounds).await? {
        LogCheck::Continue => {}
        LogCheck::Diverged { reason } => return Err(Error::LogDiverged { partition: p, reason }),
        LogCheck::Gap { to } => claimed.gap(cx, to).await?,
    }
    if claimed.partition.semantics().hash() != cx.settings.semantics.hash() {
        claimed.reconfigure(cx, bounds.high).await?;
    }
    Ok(claimed)
}

/// Finishes the newest commit and puts a fence behind it; again from the start when its number is taken meanwhile.
async fn fence(cx: &Context, p: u32, nonce: &str, bounds: Bounds) -> Result<(Claim, Commit), Error> {
    let lake = &cx.components.lake;
    let mut seen = None;
    for _ in 0..limits::CLAIM_ATTEMPTS {
        let dir = cx.layout.log(p);
        let listed = cx.persist(p, "lake", || lake.list(&dir)).await?;
        let reader = Claim::new(p, 0, nonce.to_owned());
        let newest = match recovery::newest(&cx.layout, p, listed.iter().map(|e| e.path.as_str())) {
            Some(seq) => reader.look(cx, seq).await?,
            None => None,
        };
        if let Some(newest) = &newest {
            reader.finish(cx, &newest.files).await?;
        }
        let fence = recovery::fence(newest.as_ref(), || genesis(cx, p, bounds.low), nonce);
        seen = Some(fence.seq);
        let claim = Claim::new(p, fence.epoch, nonce.to_owned());
        if claim.place(cx, &fence).await? {
            return Ok((claim, fence));
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
        topic_id: cx.ticks.id(),
        last: None,
        counters: serde_json::to_value(windowing::Counters::default()).unwrap_or_default(),
        pending: Vec::new(),
        recent: Vec::new(),
        state: None,
        fences: Vec::new(),
        gap: None,
    }
}

async fn read(cx: &Context, p: u32, path: &str) -> Result<Bytes, Error> {
    cx.persist(p, "lake", || cx.components.lake.read(path)).await
}

async fn state_payload(cx: &Context, p: u32, path: &str) -> Result<Vec<u8>, Error> {
    Ok(StateFile::decode(path, &read(cx, p, path).await?)?.payload)
}

/// Reads state and the duplicate set back, as of `head`.
async fn restore(cx: &Context, p: u32, head: &Commit) -> Result<Partition, Error> {
    let Some(StateRef { full, deltas }) = &head.state else {
        return Ok(Partition::new(cx.settings.semantics.clone(), p, head.generation)?);
    };
    let payload = state_payload(cx, p, full).await?;
    let mut changes = Vec::with_capacity(deltas.len());
    for path in deltas {
        changes.push(state_payload(cx, p, path).await?);
    }
    let mut partition = Partition::decode_stored(&payload, &changes)
        .map_err(|source| Error::State { file: deltas.last().unwrap_or(full).clone(), source })?;
    let mut rows = Vec::new();
    for file in &head.recent {
        let bytes = match read(cx, p, &file.path).await {
            Ok(bytes) => bytes,
            Err(Error::Lake(LakeError::NotFound { .. })) => {
                return Err(Error::FileLost { partition: p, path: file.path.clone(), state: "missing" });
            }
            Err(e) => return Err(e),
        };
        if crc32c::crc32c(&bytes) != file.crc {
            return Err(Error::FileLost { partition: p, path: file.path.clone(), state: "torn" });
        }
        rows.extend(tables::read_raw(bytes).map_err(|e| e.at(&file.path))?);
    }
    partition.rebuild_dedup(rows.iter().map(tables::OwnedRawRow::dedup));
    Ok(partition)
}

/// Reads the last consumed record again, where the log still has it, and compares.
async fn check_log(cx: &Context, p: u32, head: &Commit, bounds: Bounds) -> Result<LogCheck, Error> {
    let id = cx.ticks.id();
    let mut digest = None;
    if let Some(last) = &head.last
        && id == head.topic_id
        && (bounds.low..bounds.high).contains(&last.offset)
    {
        let wait = std::time::Duration::ZERO;
        let batch = cx.persist(p, "log", || cx.ticks.read(p, last.offset, 1, wait)).await?;
        digest = batch.get(0).map(|record| last_record(&record).digest);
    }
    Ok(recovery::check_log(head, &id, bounds.low, bounds.high, digest.as_deref()))
}

impl Claimed {
    /// Goes on behind lost records, with a durable note of the loss; or halts.
    async fn gap(&mut self, cx: &Context, to: u64) -> Result<(), Error> {
        let (p, from) = (self.head.partition, self.head.end);
        if cx.settings.on_gap == OnGap::Halt {
            return Err(Error::Gap { partition: p, from, to });
        }
        tracing::warn!(partition = p, from, to, "the log has dropped records: recording the gap");
        cx.figures.gap(p, to - from);
        self.partition.control(Control::Gap { to })?;
        self.control_commit(cx, Kind::Gap, to).await
    }

    /// Changes the semantics from here on. T is set ahead of anything that a predecessor may have written under the old
    /// ones without committing it.
    async fn reconfigure(&mut self, cx: &Context, high: u64) -> Result<(), Error> {
        let uncommitted = i64::try_from(high.saturating_sub(self.head.end)).unwrap_or(i64::MAX);
        let ahead = (cx.components.clock)().saturating_add(limits::T_AHEAD_MS).saturating_mul(1_000);
        let t_floor = self.partition.write_ts().saturating_add(uncommitted).max(ahead);
        let semantics = cx.settings.semantics.clone();
        tracing::info!(partition = self.head.partition, "the semantics have changed: config commit");
        self.partition.control(Control::Config { semantics, t_floor })?;
        self.control_commit(cx, Kind::Config, self.head.end).await
    }

    /// A commit that stores no records: the state after a control, in full.
    async fn control_commit(&mut self, cx: &Context, kind: Kind, end: u64) -> Result<(), Error> {
        let p = &self.partition;
        let (partition, seq) = (self.head.partition, self.head.seq + 1);
        // An anchor: who computes rows again must meet every control, however long ago it was.
        let path = cx.layout.state(partition, seq, self.head.date.as_deref());
        let state = StateFile { kind: StateKind::Full, partition, seq, payload: p.encode_full() };
        let (mut file, bytes) = state_entry(path.clone(), Bytes::from(state.encode()));
        file.tmp = self.claim.write(cx, ".state", bytes).await?;
        let record = Commit {
            seq,
            kind,
            semantics_hash: p.semantics().hash(),
            start: self.head.end,
            end,
            files: vec![file],
            write_ts: p.write_ts(),
            max_ts: p.max_ts(),
            watermark: p.watermark(),
            counters: serde_json::to_value(p.counters()).unwrap_or_default(),
            state: Some(StateRef { full: path, deltas: Vec::new() }),
            gap: (kind == Kind::Gap).then_some(Gap { from: self.head.end, to: end }),
            ..self.head.clone()
        };
        if !self.claim.place(cx, &record).await? {
            return Err(Error::Fenced { partition, seq });
        }
        self.claim.finish(cx, &record.files).await?;
        self.head = record;
        Ok(())
    }
}
