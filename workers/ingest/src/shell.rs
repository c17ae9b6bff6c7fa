//! Carries out the effects of one partition's machine. It decides nothing: what to do next is the machine's answer.

use std::{
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use commitlog::Commit;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lake::tables;
use market::{ErrorKind, FeatureRow, NewRecord, RecordBatch};
use tick_log::LogError;
use windowing::Counters;

use crate::{
    Error, PartitionStatus, Phase,
    claim::{Claimed, claim},
    context::Context,
    lakeside::Claim,
    limits,
    machine::{Effect, Input, Machine, Plan},
};

/// Takes a partition, works on it until the drain, and says what its newest commit is. Claims it again where the log
/// has dropped records under it.
pub(crate) async fn work(cx: Arc<Context>, p: u32) -> Result<Commit, Error> {
    let mut commits = 0;
    loop {
        let began = cx.now();
        cx.components.status.update(p, |s| s.phase = Phase::Restoring);
        let nonce = nonce(&cx, p);
        let Claimed { claim, head, partition } = claim(&cx, p, &nonce).await?;
        cx.figures.restored(cx.now().saturating_sub(began));
        let machine = Machine::new(plan(&cx, p), head, partition, cx.now())?;
        let mut shell = Shell::new(cx.clone(), claim, machine, commits);
        let again = shell.drive().await?;
        commits += shell.machine.commits().0;
        let head = shell.machine.head().clone();
        if !again {
            return Ok(head);
        }
    }
}

/// Identifies one claim: two hashes under keys that the operating system drew.
fn nonce(cx: &Context, p: u32) -> String {
    let seed = (std::process::id(), p, cx.fresh(), (cx.components.clock)());
    format!("{:016x}{:016x}", RandomState::new().hash_one(seed), RandomState::new().hash_one(seed))
}

fn plan(cx: &Context, p: u32) -> Plan {
    let owned = cx.settings.partitions.len().max(1);
    let partitions = cx.settings.semantics.partitions.max(1);
    Plan {
        layout: cx.layout.clone(),
        roll: cx.settings.roll,
        share_bytes: (cx.settings.budget_bytes / owned).max(limits::SHARE_BYTES_MIN),
        pending_bytes: (limits::PENDING_BYTES / owned).max(limits::SHARE_BYTES_MIN),
        stagger: cx.settings.roll.age * p / partitions,
    }
}

struct Shell {
    cx: Arc<Context>,
    claim: Arc<Claim>,
    machine: Machine,
    effects: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    log_end: u64,
    log_end_at: Option<Duration>,
    status_at: Option<Duration>,
    counted: Counters,
    commits_counted: u64,
    /// Commits of this process before this claim.
    commits_before: u64,
    /// The newest status says that everything in the log is applied.
    said_done: bool,
    /// Something has happened since the newest status.
    unsaid: bool,
}

impl Shell {
    fn new(cx: Arc<Context>, claim: Arc<Claim>, machine: Machine, commits_before: u64) -> Self {
        // Counters of a restored state were counted by the process that made them.
        let counted = machine.partition().counters().clone();
        Self {
            log_end: machine.position(),
            cx,
            claim,
            machine,
            effects: FuturesUnordered::new(),
            log_end_at: None,
            status_at: None,
            counted,
            commits_counted: 0,
            commits_before,
            said_done: false,
            unsaid: false,
        }
    }

    /// Runs until the machine is done. True: claim the partition again.
    async fn drive(&mut self) -> Result<bool, Error> {
        let cx = self.cx.clone();
        let mut reading: Option<BoxFuture<'static, Result<RecordBatch, LogError>>> = None;
        let (mut draining, mut again) = (false, false);
        let mut asked = cx.components.status.commit_requests();
        self.report(true);
        loop {
            if self.machine.wants_records() && reading.is_none() && !draining {
                reading = Some(self.read());
            }
            let status_due = self.status_at.filter(|_| self.unsaid).map(|at| at + limits::STATUS_EVERY);
            let due = [self.machine.next_timer(), status_due].into_iter().flatten().min();
            let timer = due.map_or(limits::LAG_EVERY, |at| at.saturating_sub(cx.now()));
            let read = async {
                match &mut reading {
                    Some(read) => read.await,
                    None => std::future::pending().await,
                }
            };
            let input = tokio::select! {
                () = cx.shutdown.cancelled() => return Ok(false),
                () = cx.shutdown.draining(), if !draining => {
                    draining = true;
                    Some(Input::Drain)
                }
                Some(input) = self.effects.next() => input,
                Ok(()) = asked.changed() => Some(Input::CommitNow),
                batch = read => {
                    reading = None;
                    match batch {
                        Ok(batch) => Some(self.took(batch).await),
                        Err(LogError::OffsetOutOfRange { .. }) => {
                            // Retention has overtaken us. What was read is committed; taking over again decides
                            // between a halt and a recorded gap.
                            (draining, again) = (true, true);
                            Some(Input::Drain)
                        }
                        Err(e) if matches!(e.kind(), ErrorKind::Retry | ErrorKind::Unavailable) => {
                            cx.figures.retried("log", e.kind());
                            tracing::warn!(partition = self.claim.partition, "reading again: {e}");
                            tokio::time::sleep(limits::READ_WAIT).await;
                            None
                        }
                        Err(e) => Some(Input::Failed(e.into())),
                    }
                }
                () = tokio::time::sleep(timer) => Some(Input::Timer),
            };
            if draining {
                reading = None;
            }
            let Some(input) = input else { continue };
            for effect in self.step(input)? {
                match effect {
                    Effect::Done => {
                        self.tidy().await;
                        self.report(true);
                        return Ok(again && !cx.shutdown.is_draining());
                    }
                    Effect::Halt(error) => {
                        self.report(true);
                        return Err(error);
                    }
                    effect => self.effects.push(self.carry_out(effect)),
                }
            }
            self.report(false);
        }
    }

    /// One step. A panic in it halts this partition, and only this one, at the record that caused it.
    fn step(&mut self, input: Input) -> Result<Vec<Effect>, Error> {
        let now = self.cx.now();
        let machine = &mut self.machine;
        catch_unwind(AssertUnwindSafe(|| machine.step(now, input))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            Error::Panicked {
                partition: self.claim.partition,
                offset: self.machine.applied_to(),
                message: message.to_owned(),
            }
        })
    }

    fn read(&self) -> BoxFuture<'static, Result<RecordBatch, LogError>> {
        let (cx, p, from) = (self.cx.clone(), self.claim.partition, self.machine.position());
        Box::pin(async move { cx.ticks.read(p, from, cx.settings.read_bytes, limits::READ_WAIT).await })
    }

    /// Notes how far the log goes, and hands the records on.
    async fn took(&mut self, batch: RecordBatch) -> Input {
        let (cx, now) = (&self.cx, self.cx.now());
        if batch.is_empty() {
            self.log_end = batch.next_offset;
            self.log_end_at = Some(now);
        } else {
            cx.figures.read(self.claim.partition, batch.bytes(), (cx.components.clock)());
            if self.log_end_at.is_none_or(|at| now >= at + limits::LAG_EVERY)
                && let Ok(bounds) = cx.ticks.bounds(self.claim.partition).await
            {
                self.log_end = bounds.high;
                self.log_end_at = Some(now);
            }
        }
        Input::Batch(batch)
    }

    fn carry_out(&self, effect: Effect) -> BoxFuture<'static, Option<Input>> {
        let (cx, claim) = (self.cx.clone(), self.claim.clone());
        let p = claim.partition;
        let failed = |e: Error| Some(Input::Failed(e));
        Box::pin(async move {
            let began = cx.now();
            let took = || cx.now().saturating_sub(began);
            match effect {
                Effect::Write { file, bytes } => {
                    cx.figures.file(bytes.len());
                    let written = claim.write(&cx, ".part", bytes).await;
                    cx.figures.stage("write", took());
                    written.map_or_else(failed, |tmp| Some(Input::Written { file, tmp }))
                }
                Effect::Commit(record) => {
                    let placed = claim.place(&cx, &record).await;
                    cx.figures.stage("commit", took());
                    if let Ok(false) = placed {
                        cx.figures.conflict();
                    }
                    placed.map_or_else(failed, |ours| Some(Input::Placed(ours)))
                }
                Effect::Move(files) => {
                    let moved = claim.finish(&cx, &files).await;
                    cx.figures.stage("rename", took());
                    moved.map_or_else(failed, |()| Some(Input::Moved))
                }
                Effect::Upsert { rows, since } => {
                    let result = cx.components.store.upsert_rows(&rows).await;
                    cx.figures.wrote("store", took());
                    if result.is_ok() {
                        cx.figures.stored(&rows, cx.now().saturating_sub(since), (cx.components.clock)());
                    }
                    answered(&cx, p, "store", result.map_err(Error::from), Input::Upserted)
                }
                Effect::Publish(rows) => {
                    let records = rows.iter().map(record_of).collect();
                    let result = cx.features.append(p % cx.features.partitions().max(1), records).await;
                    cx.figures.wrote("features_log", took());
                    answered(&cx, p, "features_log", result.map(drop).map_err(Error::from), Input::Published)
                }
                Effect::Load(file) => {
                    let read = cx.persist(p, "lake", || cx.components.lake.read(&file.path)).await;
                    let rows =
                        read.and_then(|bytes| Ok(tables::read_bars(bytes).map_err(|e| e.at(&file.path))?));
                    rows.map_or_else(failed, |rows| Some(Input::Read(rows)))
                }
                Effect::Confirm(seq) => {
                    let path = cx.layout.commit(p, seq);
                    let seen = cx.persist(p, "lake", || cx.components.lake.stat(&path)).await;
                    seen.map_or_else(failed, |found| Some(Input::Confirmed { seq, taken: found.is_some() }))
                }
                Effect::Sweep(head) => {
                    if let Err(e) = claim.sweep(&cx, &head).await {
                        tracing::warn!(partition = p, "sweeping later: {e}");
                    }
                    None
                }
                Effect::Forget(files) => {
                    for file in files {
                        if let Err(e) = cx.components.lake.delete(&file.path).await {
                            // The next owner deletes spilled files that no commit names.
                            tracing::warn!(partition = p, "leaving a spilled file behind: {e}");
                        }
                    }
                    None
                }
                // Ends are the driver's.
                Effect::Done | Effect::Halt(_) => None,
            }
        })
    }

    /// Upkeep that is still on its way when everything is written. The next owner sweeps what this one leaves.
    async fn tidy(&mut self) {
        let head = self.machine.head().clone();
        let upkeep = async {
            while self.effects.next().await.is_some() {}
            self.claim.sweep(&self.cx, &head).await.map_err(|e| e.to_string())
        };
        let ended = tokio::time::timeout(limits::TIDY_PATIENCE, upkeep).await;
        if let Err(why) = ended.unwrap_or_else(|_| Err("a store does not answer".to_owned())) {
            tracing::warn!(partition = self.claim.partition, "left for the next owner to sweep: {why}");
        }
    }

    /// Status and figures, at most ten times a second; that the log's end is reached is said at once.
    fn report(&mut self, at_once: bool) {
        let now = self.cx.now();
        let done = self.log_end_at.is_some() && self.machine.applied_to() >= self.log_end;
        let at_once = at_once || (done && !self.said_done);
        if !at_once && self.status_at.is_some_and(|at| now < at + limits::STATUS_EVERY) {
            self.unsaid = true;
            return;
        }
        self.status_at = Some(now);
        (self.said_done, self.unsaid) = (done, false);
        let (machine, partition) = (&self.machine, self.machine.partition());
        let (commits, committed_at) = machine.commits();
        let (offset, head) = (machine.applied_to(), machine.head());
        self.log_end = self.log_end.max(offset);
        let lag_records = self.log_end - offset;
        let age_ms = (self.cx.components.clock)().saturating_sub(partition.record_ms()).max(0);
        let waiting = machine.phase() == Phase::Paused;
        let status = PartitionStatus {
            partition: self.claim.partition,
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
            // Opaque in a commit record; absent counts are zero.
            committed_counters: serde_json::from_value(head.counters.clone()).unwrap_or_default(),
        };
        self.cx.figures.update(&self.counted, &status, commits - self.commits_counted);
        self.counted.clone_from(&status.counters);
        self.commits_counted = commits;
        self.cx.components.status.update(status.partition, |s| {
            // What a store said tells more than that one is waited for.
            let reason = s.reason.take().filter(|said| said != WAITING).or(status.reason);
            *s = PartitionStatus { reason, ..status };
        });
    }
}

/// Why a partition does not read, where no store has said more.
const WAITING: &str = "waiting for a store";

/// A sink's answer as the machine takes it: done, not for the moment, or never.
fn answered(
    cx: &Context,
    p: u32,
    sink: &str,
    result: Result<(), Error>,
    input: fn(bool) -> Input,
) -> Option<Input> {
    match result {
        Ok(()) => {
            cx.components.status.update(p, |s| s.reason = None);
            Some(input(true))
        }
        Err(e) if matches!(e.kind(), ErrorKind::Retry | ErrorKind::Unavailable) => {
            cx.figures.retried(sink, e.kind());
            cx.components.status.update(p, |s| s.reason = Some(e.to_string()));
            tracing::warn!(partition = p, sink, "trying again: {e}");
            Some(input(false))
        }
        Err(e) => {
            cx.figures.failed(sink, e.kind());
            Some(Input::Failed(e))
        }
    }
}

/// A row as the features log carries it: JSON, keyed by symbol.
fn record_of(row: &FeatureRow) -> NewRecord {
    let key = Some(row.symbol.as_str().as_bytes().to_vec());
    // A row is plain values with text keys: serialising it cannot fail.
    NewRecord { key, value: serde_json::to_vec(row).unwrap_or_default() }
}
