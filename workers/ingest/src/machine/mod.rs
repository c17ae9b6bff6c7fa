//! One partition as a state machine: `step(now, input)` changes state and asks for effects.
//!
//! `now` decides when something is written, never what. Failure, fencing and the passing of time are inputs; nothing
//! here locks, awaits or reads a clock, so a simulator can run the real machine through years of event time.
//!
//! The life of a record: applied (windowing gives rows), collected in open files, cut into a commit (`cycle`), its
//! finals handed to the feature store and then to the features log in closing order (`outbox`).
//!
//! Invariants: one commit is in flight at most; one batch of rows is in flight at most; a commit is placed only when
//! every final before its end is acknowledged or spilled into a file of the same commit.

mod cycle;
mod open;
mod outbox;
mod protocol;
mod provisional;
mod sending;

use std::time::Duration;

use commitlog::{Commit, FileRef, LastRecord};
use indicators::IndicatorSet;
use market::{Record, RecordBatch, RowName, Symbol, Timestamp};
use sha2::{Digest, Sha256};
use windowing::Partition;

pub(crate) use self::cycle::state_entry;
pub use self::protocol::{Effect, Input, Plan};
use self::{cycle::Cycle, open::Open, outbox::Outbox, provisional::Provisional, sending::Flight};
use crate::{
    Error, Phase,
    budget::{Room, Usage},
    limits,
};

/// The state machine of one partition.
pub struct Machine {
    plan: Plan,
    partition: Partition,
    /// The newest commit; ours.
    head: Commit,
    open: Open,
    room: Room,
    opened: Option<Duration>,
    /// A commit was asked for.
    asked: bool,
    position: u64,
    last: Option<LastRecord>,
    /// Arrival day of the open files.
    day: Option<i64>,
    held: Option<(RecordBatch, usize)>,
    cycle: Option<Cycle>,
    outbox: Outbox,
    flight: Option<Flight>,
    loading: bool,
    finals_since: Duration,
    provisional: Provisional,
    confirmed: Duration,
    confirming: bool,
    commits: u64,
    committed_at: Option<Duration>,
    /// When upkeep was last asked for.
    swept: Duration,
    /// When a drain stops waiting for a sink that does not answer.
    drain_by: Option<Duration>,
    forget: Vec<FileRef>,
    phase: Phase,
    final_rows_written: bool,
}

impl Machine {
    /// A partition that was claimed and restored: `head` is the fence (or the commit behind it), `partition` its state.
    pub fn new(plan: Plan, head: Commit, partition: Partition, now: Duration) -> Result<Self, Error> {
        let semantics = partition.semantics().clone();
        let bars: Vec<RowName> = semantics.bars.iter().map(|b| RowName::from(b.to_string())).collect();
        let set = IndicatorSet::parse(&semantics.indicators).map_err(windowing::InvalidSemantics::from)?;
        Ok(Self {
            open: Open::new(bars, set.columns().to_vec()),
            room: Room::Free,
            opened: None,
            asked: false,
            position: head.end,
            last: head.last.clone(),
            day: None,
            held: None,
            cycle: None,
            outbox: Outbox::restore(&head.pending),
            flight: None,
            loading: false,
            finals_since: now,
            provisional: Provisional::default(),
            confirmed: now,
            confirming: false,
            commits: 0,
            committed_at: None,
            swept: now,
            drain_by: None,
            forget: Vec::new(),
            phase: Phase::Running,
            final_rows_written: false,
            plan,
            partition,
            head,
        })
    }

    /// The next offset to read.
    pub fn position(&self) -> u64 {
        self.held.as_ref().map_or(self.position, |(batch, _)| batch.next_offset)
    }

    /// The first offset not applied: where a halt is.
    pub fn applied_to(&self) -> u64 {
        self.position
    }

    /// The state.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Symbols that came since the last call.
    pub fn take_newcomers(&mut self) -> Vec<Symbol> {
        self.partition.take_newcomers()
    }

    /// The newest commit.
    pub fn head(&self) -> &Commit {
        &self.head
    }

    /// Commits of this machine, and when the newest was placed.
    pub fn commits(&self) -> (u64, Option<Duration>) {
        (self.commits, self.committed_at)
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        match self.phase {
            Phase::Running if !self.wants_records() => Phase::Paused,
            phase => phase,
        }
    }

    /// Bytes of open and frozen files and of finals in memory.
    pub fn open_bytes(&self) -> usize {
        let files = self.usage();
        files.open + files.frozen + self.outbox.bytes() + self.provisional.bytes()
    }

    /// Bytes of files.
    pub fn usage(&self) -> Usage {
        Usage { open: self.open.bytes(), frozen: self.cycle.as_ref().map_or(0, Cycle::bytes) }
    }

    /// Record time of the next record to be applied, where it has been read.
    pub fn next_record_ms(&self) -> Option<i64> {
        self.held.as_ref().and_then(|(batch, at)| batch.get(*at)).map(|r| r.record_ms)
    }

    /// True while it works: neither draining nor ended.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Finals that store or log have not acknowledged.
    pub fn pending_rows(&self) -> u64 {
        self.outbox.pending()
    }

    /// True when the shell should read on.
    pub fn wants_records(&self) -> bool {
        self.phase == Phase::Running && self.held.is_none() && !self.is_full()
    }

    /// True when a limit forbids to apply more.
    fn is_full(&self) -> bool {
        let files = self.room == Room::Full;
        let rows = self.outbox.pending() >= limits::PENDING_ROWS;
        let memory = self.cycle.is_some() && self.outbox.bytes() >= 2 * self.plan.pending_bytes;
        files || rows || memory
    }

    /// When `Timer` is due at the latest.
    pub fn next_timer(&self) -> Option<Duration> {
        if matches!(self.phase, Phase::Halted | Phase::Drained) {
            return None;
        }
        let due = [
            self.due().filter(|_| self.cycle.is_none()),
            self.cycle.as_ref().and_then(Cycle::deadline),
            self.flight.as_ref().and_then(|f| f.retry),
            self.cycle.is_none().then(|| self.swept + limits::SWEEP_AFTER),
            self.drain_by.filter(|_| self.cycle.is_none()),
            (!self.confirming).then(|| self.confirmed + limits::CONFIRM_EVERY),
            self.provisional
                .due()
                .filter(|_| self.is_running() && self.flight.is_none() && self.outbox.pending() == 0),
        ];
        due.into_iter().flatten().min()
    }

    /// When the open files are old enough.
    fn due(&self) -> Option<Duration> {
        let age = self.plan.roll.age;
        let early = if self.commits == 0 { self.plan.stagger.min(age) } else { Duration::ZERO };
        self.opened.map(|at| if self.asked { at } else { at + age - early })
    }

    /// One step: an input in, effects out.
    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if matches!(self.phase, Phase::Halted | Phase::Drained) {
            return out;
        }
        let timer = matches!(input, Input::Timer);
        let result = self.take(now, input, &mut out).and_then(|()| self.go_on(now, &mut out));
        // Else the shell would come back at once, for as long as it takes.
        debug_assert!(
            !timer || result.is_err() || self.next_timer().is_none_or(|due| due > now),
            "a timer that was served is due still: {:?} at {now:?}",
            self.phase
        );
        if let Err(error) = result {
            self.phase = Phase::Halted;
            out.clear();
            out.push(Effect::Halt(error));
        }
        out
    }

    fn take(&mut self, now: Duration, input: Input, out: &mut Vec<Effect>) -> Result<(), Error> {
        match input {
            Input::Batch(batch) if batch.is_empty() => {
                // Offsets without records (transaction markers) are passed over like any other.
                self.position = self.position.max(batch.next_offset);
                self.provisional.log_end(now);
            }
            Input::Batch(batch) => self.held = Some((batch, 0)),
            Input::Passed(next) => self.position = self.position.max(next),
            Input::Room(room, pending_bytes) => {
                (self.room, self.plan.pending_bytes) = (room, pending_bytes);
            }
            Input::Day(day) => self.day_began(day, now, out)?,
            Input::Resumed => self.resume(now, out),
            Input::Written { file, tmp } => {
                if let Some(cycle) = &mut self.cycle {
                    cycle.written(file, tmp, now);
                }
            }
            Input::Placed(true) => self.placed(now, out),
            Input::Placed(false) => return Err(self.fenced(self.head.seq + 1)),
            Input::Moved => self.moved(now, out),
            Input::Upserted(ok) => self.upserted(now, ok, out),
            Input::Published(ok) => self.published(now, ok),
            Input::Read(rows) => {
                self.loading = false;
                self.outbox.load(rows);
            }
            Input::Confirmed { seq, taken } => {
                self.confirming = false;
                let ours = self.head.seq + 1 != seq || self.cycle.as_ref().is_some_and(Cycle::is_placing);
                if taken && !ours {
                    return Err(self.fenced(seq));
                }
                self.confirmed = now;
            }
            Input::Timer => {}
            // With nothing read since the last commit there is nothing to wait for.
            Input::CommitNow => self.asked |= self.opened.is_some() || self.held.is_some(),
            Input::Drain => {
                if self.phase == Phase::Running {
                    self.phase = Phase::Draining;
                    self.held = None;
                    self.drain_by = Some(now + limits::DRAIN_PATIENCE);
                    // One more attempt at once: a sink that has come back meanwhile gets its rows now.
                    if let Some(flight) = self.flight.as_mut().filter(|f| f.retry.is_some()) {
                        (flight.retry, flight.failures) = (Some(now), 0);
                    }
                }
            }
            Input::Failed(error) => return Err(error),
        }
        Ok(())
    }

    fn fenced(&self, seq: u64) -> Error {
        Error::Fenced { partition: self.head.partition, seq }
    }

    /// Everything that can go on after an input, in the order of its urgency.
    fn go_on(&mut self, now: Duration, out: &mut Vec<Effect>) -> Result<(), Error> {
        self.apply(now, out)?;
        let old = self.due().is_some_and(|due| now >= due) || self.phase == Phase::Draining;
        let shed = self.room == Room::Commit;
        if (old || shed) && self.cycle.is_none() && self.open.records > 0 {
            self.cut(now, out)?;
        }
        self.settle(now, out)?;
        self.pump(now, out);
        if !self.confirming && now >= self.confirmed + limits::CONFIRM_EVERY {
            self.confirming = true;
            out.push(Effect::Confirm(self.head.seq + 1));
        }
        if self.cycle.is_none() && now >= self.swept + limits::SWEEP_AFTER {
            // Retention goes on where nothing arrives.
            self.sweep(now, out);
        }
        if self.phase == Phase::Draining && self.is_drained(now) {
            self.phase = Phase::Drained;
            out.push(Effect::Done);
        }
        Ok(())
    }

    fn sweep(&mut self, now: Duration, out: &mut Vec<Effect>) {
        self.swept = now;
        out.push(Effect::Sweep(Box::new(self.head.clone())));
    }

    fn is_drained(&self, now: Duration) -> bool {
        let waited = self.drain_by.is_some_and(|at| now >= at);
        let failing = waited || self.flight.as_ref().is_some_and(|f| f.failures > 0);
        self.cycle.is_none()
            && self.open.records == 0
            && self.outbox.is_safe()
            && (failing || (self.flight.is_none() && self.outbox.pending() == 0 && self.final_rows_written))
    }

    /// Applies held records until they are used up or a cut has to wait for the one before.
    fn apply(&mut self, now: Duration, out: &mut Vec<Effect>) -> Result<(), Error> {
        let Some((batch, mut at)) = self.held.take() else { return Ok(()) };
        let mut applied = false;
        // Record time and arrival day of the record before: neighbours mostly share theirs.
        let mut dated: Option<(i64, i64)> = None;
        while let Some(record) = batch.get(at) {
            let day = match dated {
                Some((record_ms, day)) if record_ms == record.record_ms => day,
                _ => arrival_day(self.partition.record_ms(), record.record_ms),
            };
            dated = Some((record.record_ms, day));
            let midnight = self.open.records > 0 && self.day.is_some_and(|open| open != day);
            let large = self.open.records >= self.plan.roll.rows
                || (self.open.records.is_multiple_of(limits::SIZE_CHECK_RECORDS) && self.is_large());
            if self.open.records > 0 && (midnight || large) {
                if applied && let Some(before) = batch.get(at - 1) {
                    self.last = Some(last_record(&before));
                }
                if self.cycle.is_some() {
                    self.held = Some((batch, at));
                    self.collect(now);
                    return Ok(());
                }
                self.collect(now);
                self.cut(now, out)?;
            }
            self.day = Some(day);
            self.opened.get_or_insert(now);
            if !self.plan.skips.is_empty() && self.plan.skips.remove(&record.offset) {
                self.partition.skip(record, &mut self.open);
            } else {
                self.partition.apply(record, &mut self.open);
            }
            self.open.records += 1;
            self.position = record.offset + 1;
            applied = true;
            at += 1;
        }
        if let Some(before) = at.checked_sub(1).and_then(|i| batch.get(i)) {
            self.last = Some(last_record(&before));
        }
        self.position = self.position.max(batch.next_offset);
        self.collect(now);
        self.provisional.changed(now);
        Ok(())
    }

    fn is_large(&self) -> bool {
        self.open.bytes() >= self.plan.roll.bytes || self.outbox.bytes() >= self.plan.pending_bytes
    }

    /// Where nothing arrives, one commit without records a day says that nothing will come for the days before.
    fn day_began(&mut self, day: i64, now: Duration, out: &mut Vec<Effect>) -> Result<(), Error> {
        let idle = self.phase == Phase::Running
            && self.open.records == 0
            && self.held.is_none()
            && self.cycle.is_none();
        if idle && self.head.date.as_deref().is_none_or(|date| *date < *cycle::date_of(day)) {
            self.day = Some(day);
            self.cut(now, out)?;
        }
        Ok(())
    }

    /// Asks again for everything that was on its way when the partition was lost. Nothing of it can hurt: files get new
    /// names, a record is placed once, renames and rows are repeated with equal values.
    fn resume(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if let Some(cycle) = &self.cycle {
            cycle.again(out);
        }
        if let Some(flight) = &mut self.flight {
            (flight.retry, flight.failures) = (Some(now), 0);
        }
        (self.loading, self.confirming) = (false, false);
        // Whoever resumes has just seen that the log's tail is ours.
        self.confirmed = now;
    }

    /// Moves the finals that records have closed to the outbox.
    fn collect(&mut self, now: Duration) {
        if self.open.finals.is_empty() {
            return;
        }
        if self.outbox.pending() == 0 {
            self.finals_since = now;
        }
        for row in self.open.finals.drain(..) {
            self.provisional.closed(&row);
            self.outbox.push(row);
        }
    }
}

/// UTC day of the running maximum of record time. Out-of-range times are clamped to 1970..2100 as T is.
fn arrival_day(before: i64, record_ms: i64) -> i64 {
    const LAST_MS: i64 = 4_102_444_799_999;
    Timestamp::from_millis(before.max(record_ms).clamp(0, LAST_MS)).day()
}

/// How a record is recognised when the log is opened again.
pub(crate) fn last_record(record: &Record<'_>) -> LastRecord {
    let mut hash = Sha256::new();
    hash.update(record.record_ms.to_le_bytes());
    hash.update((record.key.map_or(u64::MAX, |k| k.len() as u64)).to_le_bytes());
    hash.update(record.key.unwrap_or_default());
    hash.update(record.value);
    let digest = hex::encode(&hash.finalize()[..16]);
    LastRecord { offset: record.offset, digest }
}
