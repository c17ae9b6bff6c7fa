//! How a partition stands, as status and figures have it.

use std::{sync::Arc, time::Duration};

use market::Symbol;
use windowing::Counters;

use crate::{PartitionStatus, Phase, conditions::ConditionKind, context::Context, limits, machine::Machine};

/// What was told of a partition, and what is known of its log.
pub(crate) struct Report {
    log_end: u64,
    log_end_at: Option<Duration>,
    /// Wall clock in milliseconds when the log's end was last reached.
    caught_up_ms: i64,
    told_at: Option<Duration>,
    counted: Counters,
    /// Counts at the newest commit, and that commit's number.
    committed: (u64, Counters),
    commits_counted: u64,
    /// Commits of this process before this claim.
    commits_before: u64,
    /// The newest status says that everything in the log is applied.
    said_done: bool,
    /// Something has happened since the newest status.
    unsaid: bool,
}

impl Report {
    pub fn new(machine: &Machine, commits_before: u64) -> Self {
        Self {
            log_end: machine.position(),
            log_end_at: None,
            caught_up_ms: i64::MIN,
            told_at: None,
            // Counters of a restored state were counted by the process that made them.
            counted: machine.partition().counters().clone(),
            committed: (u64::MAX, Counters::default()),
            commits_counted: 0,
            commits_before,
            said_done: false,
            unsaid: false,
        }
    }

    /// Commits of this process.
    pub fn commits(&self, machine: &Machine) -> u64 {
        self.commits_before + machine.commits().0
    }

    /// When something has to be told at the latest.
    pub fn due(&self) -> Option<Duration> {
        self.told_at.filter(|_| self.unsaid).map(|at| at + limits::STATUS_EVERY)
    }

    /// True when the log should be asked where it ends.
    pub fn asks_end(&self, now: Duration) -> bool {
        self.log_end_at.is_none_or(|at| now >= at + limits::LAG_EVERY)
    }

    pub fn log_end(&self) -> u64 {
        self.log_end
    }

    pub fn log_ends(&mut self, at: u64, now: Duration) {
        (self.log_end, self.log_end_at) = (at, Some(now));
    }

    /// A read that began at `ms` found nothing behind `end`.
    pub fn caught_up(&mut self, end: u64, ms: i64, now: Duration) {
        self.caught_up_ms = ms;
        self.log_ends(end, now);
    }

    /// Symbols that the partition had not seen before.
    pub fn newcomers<'a>(&self, cx: &Context, p: u32, symbols: impl Iterator<Item = &'a Symbol>) {
        let semantics = &cx.settings.semantics;
        if !semantics.keyed {
            return;
        }
        for symbol in symbols {
            if let Some(misplaced) = cx.placing.seen(symbol, p, semantics.partitions) {
                cx.figures.misplaced();
                let message = format!("KeyingViolations: {misplaced}");
                if cx.components.status.raise(ConditionKind::KeyingViolations, None, message.clone()) {
                    tracing::warn!(partition = p, "{message}");
                }
            }
        }
    }

    /// Status and figures, at most ten times a second; that the log's end is reached is said at once.
    pub fn tell(&mut self, cx: &Arc<Context>, p: u32, machine: &Machine, at_once: bool) {
        let now = cx.now();
        let done = self.log_end_at.is_some() && machine.applied_to() >= self.log_end;
        let at_once = at_once || (done && !self.said_done);
        if !at_once && self.told_at.is_some_and(|at| now < at + limits::STATUS_EVERY) {
            self.unsaid = true;
            return;
        }
        self.told_at = Some(now);
        (self.said_done, self.unsaid) = (done, false);
        let partition = machine.partition();
        let (commits, committed_at) = machine.commits();
        let (offset, head) = (machine.applied_to(), machine.head());
        if self.committed.0 != head.seq {
            // Opaque in a commit record; absent counts are zero.
            let counters = serde_json::from_value(head.counters.clone()).unwrap_or_default();
            self.committed = (head.seq, counters);
        }
        self.log_end = self.log_end.max(offset);
        let lag_records = self.log_end - offset;
        // The next record is at least as new as the newest, and came after the end was last seen.
        let next_ms =
            machine.next_record_ms().unwrap_or_else(|| partition.record_ms().max(self.caught_up_ms));
        let age_ms = (cx.components.clock)().saturating_sub(next_ms).max(0);
        let waiting = machine.phase() == Phase::Paused;
        let status = PartitionStatus {
            partition: p,
            phase: machine.phase(),
            reason: waiting.then(|| WAITING.to_owned()),
            offset,
            log_end: self.log_end,
            lag_records,
            lag_seconds: if lag_records == 0 { 0.0 } else { age_ms as f64 / 1e3 },
            committed: head.end,
            sequence: Some(head.seq),
            commits: self.commits_before + commits,
            commit_age_seconds: committed_at.map(|at| now.saturating_sub(at).as_secs_f64()),
            watermark: partition.watermark(),
            committed_watermark: head.watermark,
            max_ts: partition.max_ts(),
            state_bytes: partition.state_bytes(),
            open_bytes: machine.open_bytes(),
            pending_rows: machine.pending_rows(),
            counters: partition.counters().clone(),
            committed_counters: self.committed.1.clone(),
        };
        if status.counters.key_mismatches > self.counted.key_mismatches {
            let message = format!(
                "KeyingViolations: {} ticks of partition {p} have a key that is not their symbol: set `source.keyed: \
                 false` to have the topic keyed anew",
                status.counters.key_mismatches
            );
            cx.components.status.raise(ConditionKind::KeyingViolations, Some(p), message);
        }
        cx.figures.update(&self.counted, &status, commits - self.commits_counted);
        self.counted.clone_from(&status.counters);
        self.commits_counted = commits;
        cx.components.status.update(p, |s| {
            // What a store said tells more than that one is waited for.
            let reason = s.reason.take().filter(|said| said != WAITING).or(status.reason);
            *s = PartitionStatus { reason, ..status };
        });
    }
}

/// Why a partition does not read, where no store has said more.
const WAITING: &str = "waiting for a store";
