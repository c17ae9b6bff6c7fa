//! Drives one partition's machine: feeds it what happened, has its effects carried out. It decides nothing: what to do
//! next is the machine's answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use commitlog::Commit;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use market::{ErrorKind, Timestamp};
use tick_log::LogError;
use tokio::sync::watch;

use crate::{
    Error,
    budget::Room,
    context::Context,
    effects::carry_out,
    lakeside::Claim,
    limits,
    machine::{Effect, Input, Machine},
    reading::{Read, Took, read},
    report::Report,
};

/// How driving a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Everything is written.
    Drained,
    /// What was read is committed, but the log is not where it was: the partition is to be claimed again.
    Again,
    /// Stopped in the middle.
    Cancelled,
    /// Lost in the middle: nothing is on its way any more, and the machine is as it was.
    Lost,
}

pub(crate) struct Shell {
    pub cx: Arc<Context>,
    pub claim: Arc<Claim>,
    pub machine: Machine,
    pub report: Report,
    effects: FuturesUnordered<BoxFuture<'static, Option<Input>>>,
    room: (Room, usize),
    /// The UTC day that the machine was last told of.
    day: Option<i64>,
}

impl Shell {
    /// `commits` were made by this process before.
    pub fn new(cx: Arc<Context>, claim: Arc<Claim>, machine: Machine, commits: u64) -> Self {
        let report = Report::new(&machine, commits);
        Self {
            cx,
            claim,
            machine,
            report,
            effects: FuturesUnordered::new(),
            room: Default::default(),
            day: None,
        }
    }

    /// The newest commit.
    pub fn head(&self) -> &Commit {
        self.machine.head()
    }

    /// Goes on after the partition was lost and has come back.
    pub fn resume(&mut self, cx: Arc<Context>) -> Result<(), Error> {
        self.cx = cx;
        self.take(Input::Resumed).map(drop)
    }

    /// Runs until the machine is done or somebody else says so.
    pub async fn drive(&mut self, lost: &mut watch::Receiver<bool>) -> Result<Drive, Error> {
        let cx = self.cx.clone();
        let p = self.claim.partition;
        let mut reading: Option<Read> = None;
        let (mut draining, mut again) = (false, false);
        let mut asked = cx.components.status.commit_requests();
        let mut room = cx.budget.changes(p);
        let mut backoff = Duration::ZERO;
        self.share()?;
        self.report.newcomers(&cx, p, self.machine.partition().symbols());
        self.tell(true);
        loop {
            if self.machine.wants_records() && reading.is_none() && !draining {
                let ask_end = self.report.asks_end(cx.now());
                reading = Some(read(cx.clone(), p, self.machine.position(), ask_end, backoff));
            }
            let due = [self.machine.next_timer(), self.report.due()].into_iter().flatten().min();
            let timer = due.map_or(limits::LAG_EVERY, |at| at.saturating_sub(cx.now()));
            let read = async {
                match &mut reading {
                    Some(read) => read.await,
                    None => std::future::pending().await,
                }
            };
            let input = tokio::select! {
                // An end comes before whatever else is ready.
                biased;
                () = cx.shutdown.cancelled() => return Ok(Drive::Cancelled),
                // An owner that is gone has nothing to say to its partitions any more.
                _ = lost.wait_for(|lost| *lost) => {
                    self.effects.clear();
                    return Ok(Drive::Lost);
                }
                () = cx.shutdown.draining(), if !draining => {
                    draining = true;
                    Some(Input::Drain)
                }
                Some(input) = self.effects.next() => input,
                Ok(()) = asked.changed() => Some(Input::CommitNow),
                Ok(()) = room.changed() => None,
                took = read => {
                    reading = None;
                    match took {
                        Ok(took) => {
                            if !std::mem::take(&mut backoff).is_zero() {
                                cx.works(p, "log");
                            }
                            self.took(took)?
                        }
                        // Retention has overtaken us, or the topic was made again. What was read is committed; taking over
                        // again decides what it was.
                        Err(e) if has_moved(&e) => {
                            (draining, again) = (true, true);
                            Some(Input::Drain)
                        }
                        Err(e) if matches!(e.kind(), ErrorKind::Retry | ErrorKind::Unavailable) => {
                            backoff = (backoff * 2).clamp(limits::READ_WAIT, limits::READ_BACKOFF_MAX);
                            cx.failing(p, "log", &e.into(), backoff);
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
            if let Some(input) = input {
                match self.take(input)? {
                    Some(Effect::Done) => {
                        self.tidy().await;
                        self.tell(true);
                        return Ok(if again && !cx.shutdown.is_draining() {
                            Drive::Again
                        } else {
                            Drive::Drained
                        });
                    }
                    Some(Effect::Halt(error)) => {
                        self.tell(true);
                        return Err(error);
                    }
                    _ => {}
                }
            }
            self.share()?;
            self.tell(false);
        }
    }

    /// One step, and what follows from it; the machine's end, if this was it.
    fn take(&mut self, input: Input) -> Result<Option<Effect>, Error> {
        for effect in self.step(input)? {
            match effect {
                end @ (Effect::Done | Effect::Halt(_)) => return Ok(Some(end)),
                effect => self.effects.push(carry_out(self.cx.clone(), self.claim.clone(), effect)),
            }
        }
        Ok(None)
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

    /// Notes how far the log goes, and hands the records on.
    fn took(&mut self, took: Took) -> Result<Option<Input>, Error> {
        let (cx, now) = (self.cx.clone(), self.cx.now());
        let next = took.batch.next_offset;
        if let Some(end) = took.log_end {
            self.report.log_ends(end, now);
        }
        if !took.batch.is_empty() {
            cx.figures.read(self.claim.partition, took.batch.bytes(), (cx.components.clock)());
            return Ok(Some(Input::Batch(took.batch)));
        }
        if next < self.report.log_end() {
            // Transaction markers, or a log that is slow: not the end.
            return Ok((next > self.machine.position()).then_some(Input::Passed(next)));
        }
        self.report.caught_up(next, took.asked_ms, now);
        let day =
            Timestamp::from_millis(took.asked_ms.saturating_sub(limits::DAY_GRACE.as_millis() as i64)).day();
        if self.day.is_none_or(|told| told < day) && self.take(Input::Batch(took.batch.clone()))?.is_none() {
            self.day = Some(day);
            return Ok(Some(Input::Day(day)));
        }
        Ok(Some(Input::Batch(took.batch)))
    }

    /// Says what is held, and takes up what the worker's budget leaves.
    fn share(&mut self) -> Result<(), Error> {
        let room = self.cx.budget.tell(self.claim.partition, self.machine.usage());
        let told = (room, self.cx.budget.shares(self.cx.settings.read_bytes).0);
        if told != self.room {
            // What it was asked to commit is frozen by then.
            self.room = if room == Room::Commit { (Room::Free, told.1) } else { told };
            self.take(Input::Room(told.0, told.1))?;
        }
        Ok(())
    }

    fn tell(&mut self, at_once: bool) {
        let p = self.claim.partition;
        let newcomers = self.machine.take_newcomers();
        self.report.newcomers(&self.cx, p, newcomers.iter());
        self.report.tell(&self.cx, p, &self.machine, at_once);
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
}

/// Errors of a read after which the partition has to be looked at anew.
fn has_moved(error: &LogError) -> bool {
    use LogError::{Closed, OffsetOutOfRange, Recreated, UnknownTopic};
    matches!(error, OffsetOutOfRange { .. } | Recreated { .. } | Closed { .. } | UnknownTopic { .. })
}
