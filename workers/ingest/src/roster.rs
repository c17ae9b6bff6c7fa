//! Which partitions this worker works on: what its ownership says, what halts, and the end.
//!
//! Each partition works in a task of its own and ends there; this decides what that means. Claims are made side by side,
//! because a task makes its own. A hint to own is followed by a claim, whose fence decides; a hint to give back ends in a
//! commit, or at its deadline without one; what is lost is parked.
//!
//! Invariants: at most one task a partition; a partition that is not hinted to be ours has no task that may claim it; the
//! hand-over of a set is answered when the last of its tasks has ended.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use commitlog::Commit;
use futures::future::BoxFuture;
use market::ErrorKind;
use runtime::Shutdown;
use tick_log::{LogError, Ownership, OwnershipEvent};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::Instant,
};

use crate::{
    Error, OnHalt, Phase, Summary,
    compaction::Compaction,
    conditions::ConditionKind,
    context::Context,
    facts::{self, Findings},
    limits,
    shell::Shell,
    work::{Ended, Halt, Start, work},
};

/// A partition with a task.
struct Working {
    shutdown: Shutdown,
    lost: watch::Sender<bool>,
    /// When it is broken off, because others get it then.
    by: Option<Instant>,
    /// Taken again as soon as the task has ended.
    again: bool,
}

struct Parked {
    shell: Box<Shell>,
    since: Instant,
}

pub(crate) struct Roster {
    cx: Context,
    ownership: Arc<dyn Ownership>,
    tasks: JoinSet<Result<Ended, Error>>,
    ids: HashMap<Id, u32>,
    working: BTreeMap<u32, Working>,
    parked: BTreeMap<u32, Parked>,
    /// What the hints say is ours.
    owned: BTreeSet<u32>,
    /// What is being given back.
    handing_over: BTreeSet<u32>,
    compaction: Compaction,
    topic_id: String,
    /// Why nothing can be worked on.
    refused: Option<Error>,
    first: Option<Error>,
    /// The newest commit of what this worker had to the end; absent where it is not known.
    heads: BTreeMap<u32, Option<Commit>>,
    /// How often a partition has halted lately, and when it last did.
    halts: BTreeMap<u32, (u32, Instant)>,
    /// Commits of partitions that were given back.
    commits: u64,
}

type Look = BoxFuture<'static, Result<Findings, LogError>>;

impl Roster {
    pub fn new(cx: Context) -> Self {
        Self {
            ownership: cx.components.ownership.clone(),
            topic_id: cx.ticks().id(),
            cx,
            tasks: JoinSet::new(),
            ids: HashMap::new(),
            working: BTreeMap::new(),
            parked: BTreeMap::new(),
            owned: BTreeSet::new(),
            handing_over: BTreeSet::new(),
            compaction: Compaction::new(),
            refused: None,
            first: None,
            heads: BTreeMap::new(),
            halts: BTreeMap::new(),
            commits: 0,
        }
    }

    /// Works until the end that `cx.shutdown` asks for, or until an error that ends the worker.
    pub async fn run(mut self) -> Result<Summary, Error> {
        let ownership = self.ownership.clone();
        let end = self.cx.shutdown.clone();
        let mut look = self.look(Duration::ZERO);
        let settled = Instant::now() + limits::SETTLE;
        let (mut ending, mut told) = (false, true);
        let mut leaving: Option<Instant> = None;
        // Nothing is claimed before the topic was seen to be what it must be.
        loop {
            tokio::select! {
                biased;
                found = &mut look => {
                    look = self.look(limits::FACTS_AGAIN);
                    match found {
                        Ok(findings) => {
                            self.found(findings);
                            break;
                        }
                        Err(e) if !is_passing(&e) => return Err(e.into()),
                        Err(e) => self.log_fails(&e),
                    }
                }
                () = end.draining() => break,
            }
        }
        loop {
            if ending && self.tasks.is_empty() && leaving.is_none() {
                ownership.leave();
                leaving = Some(Instant::now() + limits::LEAVE_PATIENCE);
            }
            let gone = !told || end.is_cancelled() || leaving.is_some_and(|by| Instant::now() >= by);
            if self.tasks.is_empty() && gone {
                return self.ended();
            }
            let deadline = self.deadline(leaving);
            let unsettled = self.owned.is_empty() && Instant::now() < settled;
            tokio::select! {
                biased;
                () = end.draining(), if !ending => {
                    // While still a member: whoever leaves first shares its partitions with others until it has drained.
                    ending = true;
                    self.compaction.end();
                    self.parked.clear();
                    self.working.values().for_each(|w| w.shutdown.drain());
                }
                event = ownership.next(), if told => match event {
                    Some(event) => self.told(event, ending),
                    None => told = false,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.task_ended(ended, ending),
                found = &mut look => {
                    match found {
                        Ok(findings) => self.found(findings),
                        Err(e) => self.log_fails(&e),
                    }
                    let soon = self.refused.is_some();
                    look = self.look(if soon { limits::FACTS_AGAIN } else { limits::FACTS_EVERY });
                }
                () = at(deadline) => self.overdue(),
                () = at(Some(settled)), if unsettled => {
                    self.cx.components.status.settle();
                }
            }
        }
    }

    fn look(&self, after: Duration) -> Look {
        let cx = self.cx.clone();
        Box::pin(async move {
            tokio::time::sleep(after).await;
            facts::look(&cx).await
        })
    }

    fn log_fails(&self, error: &LogError) {
        self.cx.components.status.raise(ConditionKind::LogUnavailable, None, error.to_string());
        if let Some(unsaid) = self.cx.quiet.says(u32::MAX, "log: facts") {
            tracing::warn!(unsaid, "the topic cannot be looked at: {error}");
        }
    }

    /// What was found of the topic: work begins, goes on or ends.
    fn found(&mut self, findings: Findings) {
        let status = self.cx.components.status.clone();
        status.clear(ConditionKind::LogUnavailable, None);
        let state: usize = status.partitions().iter().map(|p| p.state_bytes).sum();
        let most = self.cx.budget.state();
        match state > most {
            true => drop(status.raise(ConditionKind::StateOverBudget, None, over_budget(state, most))),
            false => status.clear(ConditionKind::StateOverBudget, None),
        }
        if !self.cx.shutdown.is_draining() {
            self.compaction.look(&self.cx, &self.owned);
        }
        let made_again = findings.topic_id != self.topic_id;
        self.topic_id = findings.topic_id;
        let was_refused = self.refused.is_some();
        if let Some(before) = self.refused.take() {
            status.clear(ConditionKind::of_halt(&before), None);
        }
        if let Some(error) = findings.refused {
            status.raise(ConditionKind::of_halt(&error), None, error.to_string());
            if !was_refused {
                tracing::error!("nothing is read: {error}");
            }
            self.refused = Some(error.clone());
            if self.cx.settings.on_halt == OnHalt::DrainAll {
                self.first.get_or_insert(error);
                self.cx.shutdown.drain();
            }
            // What was read so far is good: it is committed.
            self.working.values().for_each(|w| w.shutdown.drain());
            return;
        }
        if made_again {
            // What was read since the last look may be of either topic.
            for working in self.working.values_mut() {
                working.again = true;
                working.shutdown.cancel();
            }
        }
        if was_refused {
            let idle = self.owned.iter().copied().filter(|p| !self.working.contains_key(p));
            for p in idle.collect::<Vec<_>>() {
                self.start(p, Start::Fresh);
            }
        }
    }

    fn told(&mut self, event: OwnershipEvent, ending: bool) {
        match event {
            OwnershipEvent::Own(partitions) => {
                self.cx.components.status.settle();
                for p in partitions {
                    self.owned.insert(p);
                    if ending {
                        continue;
                    }
                    match (self.working.get_mut(&p), self.parked.remove(&p)) {
                        (Some(working), _) => working.again = true,
                        (None, Some(parked)) => self.start(p, Start::Parked(parked.shell)),
                        (None, None) => self.start(p, Start::Fresh),
                    }
                }
            }
            OwnershipEvent::Drain { partitions, by } => {
                let by = Instant::from_std(by.checked_sub(limits::HAND_OVER_MARGIN).unwrap_or(by));
                self.handing_over.clear();
                for p in partitions {
                    self.disown(p);
                    match self.working.get_mut(&p) {
                        Some(working) => {
                            (working.by, working.again) = (Some(by), false);
                            working.shutdown.drain();
                            self.handing_over.insert(p);
                        }
                        None => self.let_go(p),
                    }
                }
                self.handed_over();
            }
            OwnershipEvent::Lost(partitions) => {
                for p in partitions {
                    self.disown(p);
                    match self.working.get_mut(&p) {
                        Some(working) => {
                            working.again = false;
                            working.lost.send_replace(true);
                        }
                        None => self.let_go(p),
                    }
                }
            }
            OwnershipEvent::Failed(error) => {
                tracing::error!("the ownership of partitions has ended: {error}");
                self.owned.clear();
                // Others may have everything already.
                self.working.values().for_each(|w| w.shutdown.cancel());
                self.first.get_or_insert(error.into());
                self.cx.shutdown.drain();
            }
        }
    }

    fn disown(&mut self, p: u32) {
        self.owned.remove(&p);
        self.parked.remove(&p);
    }

    fn start(&mut self, p: u32, start: Start) {
        if let Some(error) = &self.refused {
            return self.stand_still(p, &error.clone());
        }
        let shutdown = self.cx.shutdown.child();
        let (lost, is_lost) = watch::channel(false);
        let cx = Arc::new(self.cx.with_shutdown(shutdown.clone()));
        self.cx.budget.enter(p);
        let task = self.tasks.spawn(work(cx, p, start, is_lost));
        self.ids.insert(task.id(), p);
        self.working.insert(p, Working { shutdown, lost, by: None, again: false });
    }

    fn task_ended(&mut self, ended: Result<(Id, Result<Ended, Error>), JoinError>, ending: bool) {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Ok(result)),
            Err(stopped) => (stopped.id(), Err(stopped.to_string())),
        };
        let Some(p) = self.ids.remove(&id) else { return };
        let Some(working) = self.working.remove(&p) else { return };
        let status = self.cx.components.status.clone();
        let result = result.unwrap_or_else(|message| {
            Err(Error::Panicked { partition: p, offset: status.offset(p), message })
        });
        let owned = self.owned.contains(&p);
        let goes_on = owned && !ending;
        let mut again = Start::Fresh;
        let mut restart = working.again && goes_on;
        match result {
            Ok(Ended::Drained(head)) => drop(self.heads.insert(p, Some(*head))),
            Ok(Ended::Stopped) => drop(self.heads.insert(p, None)),
            Ok(Ended::Parked(shell)) if restart => again = Start::Parked(shell),
            Ok(Ended::Parked(shell)) => {
                tracing::info!(partition = p, "lost: its state is kept in case it comes back");
                status.update(p, |s| s.phase = Phase::Parked);
                self.parked.insert(p, Parked { shell, since: Instant::now() });
            }
            // What others have already, or will have now, is theirs to read again.
            Err(error)
                if self.cx.settings.on_halt == OnHalt::Keep
                    && !goes_on
                    && (!ending || matches!(error, Error::Fenced { .. })) =>
            {
                tracing::warn!(partition = p, "given back uncommitted: {error}");
            }
            Err(error) => {
                self.halted(p, &error, ending);
                if goes_on && self.cx.settings.on_halt == OnHalt::Keep {
                    let again_after = self.patience(p);
                    again = Start::After(after(&error, status.sequence(p), again_after));
                    restart = true;
                }
            }
        }
        self.cx.budget.leave(p);
        if restart {
            self.start(p, again);
        } else if self.refused.is_some() && goes_on {
            let error = self.refused.clone();
            error.iter().for_each(|error| self.stand_still(p, error));
        } else if !owned && !ending && !self.parked.contains_key(&p) {
            self.let_go(p);
        }
        if self.handing_over.remove(&p) {
            self.handed_over();
        }
    }

    /// How long a partition that has halted is left alone: longer each time.
    fn patience(&mut self, p: u32) -> Duration {
        let now = Instant::now();
        let (times, last) = self.halts.entry(p).or_insert((0, now));
        if now.saturating_duration_since(*last) > 2 * limits::HALT_RETRY_MAX {
            *times = 0;
        }
        let patience = limits::HALT_RETRY.saturating_mul(1 << (*times).min(16)).min(limits::HALT_RETRY_MAX);
        (*times, *last) = (*times + 1, now);
        patience
    }

    /// Somebody else's from now on.
    fn let_go(&mut self, p: u32) {
        self.heads.remove(&p);
        self.cx.ticks().release(p);
        self.cx.placing.forget(p);
        self.commits += self.cx.components.status.forget(p);
        self.cx.figures.left(p);
    }

    fn handed_over(&mut self) {
        if self.handing_over.is_empty() {
            self.ownership.drained();
        }
    }

    /// An error that waiting does not heal: of the worker, or of this partition alone.
    fn halted(&mut self, p: u32, error: &Error, ending: bool) {
        self.cx.figures.ended(p, error);
        let new = self.stand_still_as(p, error);
        if self.cx.settings.on_halt == OnHalt::Keep && !ending {
            if new {
                tracing::error!(partition = p, "halted; the others go on: {error}");
            }
            return;
        }
        // The first error is the worker's own, and the caller's to tell.
        match &self.first {
            None => tracing::info!(partition = p, "halted; the others drain: {error}"),
            Some(_) => tracing::error!(partition = p, "halted as well: {error}"),
        }
        self.first.get_or_insert(error.clone());
        self.cx.shutdown.drain();
    }

    fn stand_still(&self, p: u32, error: &Error) {
        self.stand_still_as(p, error);
    }

    /// True where it did not stand still for this reason before.
    fn stand_still_as(&self, p: u32, error: &Error) -> bool {
        let status = &self.cx.components.status;
        status.update(p, |s| {
            s.phase = Phase::Halted;
            s.reason = Some(error.to_string());
        });
        status.raise(ConditionKind::of_halt(error), Some(p), error.to_string())
    }

    /// When something is overdue.
    fn deadline(&self, leaving: Option<Instant>) -> Option<Instant> {
        let hand_over = self.working.values().filter_map(|w| w.by);
        let parked = self.parked.values().map(|p| p.since + limits::PARK_FOR);
        hand_over.chain(parked).chain(leaving).min()
    }

    fn overdue(&mut self) {
        let now = Instant::now();
        for (p, working) in &mut self.working {
            if working.by.is_some_and(|by| now >= by) {
                tracing::warn!(partition = p, "not written in time: others have it now and read it again");
                working.by = None;
                working.shutdown.cancel();
            }
        }
        let old = self.parked.iter().filter(|(_, parked)| now >= parked.since + limits::PARK_FOR);
        for p in old.map(|(p, _)| *p).collect::<Vec<_>>() {
            self.parked.remove(&p);
            self.let_go(p);
        }
    }

    fn ended(self) -> Result<Summary, Error> {
        let status = &self.cx.components.status;
        match self.first {
            Some(error) => Err(error),
            None => Ok(Summary {
                counters: status.counters(),
                commits: self.commits + status.partitions().iter().map(|p| p.commits).sum::<u64>(),
                committed_until: match self.heads.values().all(Option::is_some) {
                    true => self.heads.values().flatten().filter_map(|h| h.watermark).min(),
                    false => None,
                },
            }),
        }
    }
}

/// What a halted partition waits for. A fenced one is left alone until no other worker can rely on it any more, though
/// it is still said to be ours; a record that panics does so again.
fn after(error: &Error, seen: Option<u64>, patience: Duration) -> Halt {
    let again = match error {
        Error::Fenced { .. } => Some(limits::FENCED_WAIT.max(patience)),
        Error::Panicked { .. } => None,
        _ => Some(patience),
    };
    let seen = match error {
        // The commit of whoever fenced is new to us.
        Error::Fenced { seq, .. } => Some(seq.saturating_sub(1)),
        _ => seen,
    };
    Halt { seen, again }
}

fn is_passing(error: &LogError) -> bool {
    matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unavailable)
}

fn over_budget(bytes: usize, most: usize) -> String {
    format!(
        "StateOverBudget: state and duplicate sets of this worker take {} MiB of {} MiB: raise ingest.replicas or the \
         memory limit, or lower features.dedup.maxEntries or features.maxSymbols",
        bytes >> 20,
        most >> 20
    )
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
