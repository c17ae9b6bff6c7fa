//! Commits that store no records: what happens to a partition besides them.

use bytes::Bytes;
use commitlog::{Commit, Gap, Kind, StateFile, StateKind, StateRef};
use windowing::Control;

use crate::{Error, OnGap, claim::Claimed, context::Context, limits, machine::state_entry};

impl Claimed {
    /// Goes on behind lost records, with a durable note of the loss; or halts.
    pub async fn gap(&mut self, cx: &Context, to: u64) -> Result<(), Error> {
        let (p, from) = (self.head.partition, self.head.end);
        if cx.settings.on_gap == OnGap::Halt {
            return Err(Error::Gap { partition: p, from, to });
        }
        tracing::warn!(partition = p, from, to, "the log has dropped records: recording the gap");
        cx.figures.gap(p, to - from);
        let t_floor = self.t_floor(cx);
        self.partition.control(Control::Gap { to, t_floor })?;
        self.control_commit(cx, Kind::Gap, to).await
    }

    /// T ahead of anything that a predecessor may have written without committing it.
    fn t_floor(&self, cx: &Context) -> i64 {
        let uncommitted = i64::try_from(self.bounds.high.saturating_sub(self.head.end)).unwrap_or(i64::MAX);
        let ahead = (cx.components.clock)().saturating_add(limits::T_AHEAD_MS).saturating_mul(1_000);
        self.partition.write_ts().saturating_add(uncommitted).max(ahead)
    }

    /// Other semantics, or other records to pass over, from here on.
    pub async fn reconfigure(&mut self, cx: &Context) -> Result<(), Error> {
        let t_floor = self.t_floor(cx);
        let semantics = cx.settings.semantics.clone();
        tracing::info!(
            partition = self.head.partition,
            "the semantics or the skipped records have changed: config commit"
        );
        self.partition.control(Control::Config { semantics, t_floor })?;
        self.control_commit(cx, Kind::Config, self.head.end).await
    }

    /// Another topic, or what is left of a truncated one, from `start` on.
    pub async fn accept(&mut self, cx: &Context, start: u64) -> Result<(), Error> {
        let t_floor = self.t_floor(cx);
        let generation = self.head.generation.saturating_add(1);
        self.partition.control(Control::Generation { generation, next_offset: start, t_floor })?;
        self.head = Commit {
            generation,
            topic_id: cx.ticks().id(),
            end: start,
            last: None,
            recent: Vec::new(),
            ..self.head.clone()
        };
        // Marks were set on records of the topic before.
        self.skips.clear();
        self.control_commit(cx, Kind::Generation, start).await
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
            skips: self.skips.iter().copied().collect(),
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
