//! What a step writes: the run's status, entry by entry, and the effects that follow.
//!
//! Times are whole seconds, as Kubernetes keeps them: a status that is computed twice from the same world is equal to
//! what is read back, and is not written again.

use crds::TrainingRun;
use crds::reason::Reason;
use crds::training_run::TrainingRunStatus;
use crds::training_run::status::{Attempt, Phase};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::state::{Effect, Step};
use crate::conditions::{self, Said, whole_seconds};
use crate::events::Notice;

/// Where a run is, as its status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never submitted.
    New,
    /// Attempt n is to have a Job, or has one.
    UnderWay,
    /// Attempt n failed; the next waits until then.
    Backoff(Timestamp),
    /// Its Job is being taken away.
    Suspending,
    /// Nothing of it runs.
    Suspended,
    /// It ended, well or not.
    Ended,
}

/// A status while it is being written.
pub(super) struct Ledger<'a> {
    /// The run as it was read.
    pub run: &'a TrainingRun,
    /// The instant of the step.
    pub now: Timestamp,
    /// As it will be.
    pub status: TrainingRunStatus,
    effects: Vec<Effect>,
}

impl<'a> Ledger<'a> {
    pub fn new(run: &'a TrainingRun, now: Timestamp) -> Self {
        let status = run.status.clone().unwrap_or_default();
        Ledger { run, now: whole_seconds(now), status, effects: Vec::new() }
    }

    pub fn into_step(self) -> Step {
        Step { status: self.status, effects: self.effects }
    }

    /// What the status says. An attempt in a state that this version does not know counts as running: never is it
    /// submitted once more for want of understanding.
    pub fn state(&self) -> State {
        let holds = |type_| conditions::holds(&self.status.conditions, type_);
        if holds("Complete") || holds("Failed") {
            return State::Ended;
        }
        let Some(last) = self.status.attempts.last() else { return State::New };
        match last.state.as_deref() {
            Some("Backoff") => State::Backoff(last.until.as_ref().map_or(self.now, |until| until.0)),
            Some("Suspending") => State::Suspending,
            Some("Suspended") => State::Suspended,
            _ => State::UnderWay,
        }
    }

    /// Number of the last attempt; 0 before the first.
    pub fn number(&self) -> i32 {
        self.status.attempts.last().map_or(0, |attempt| attempt.number)
    }

    /// Changes the last attempt.
    pub fn attempt(&mut self, change: impl FnOnce(&mut Attempt)) {
        if let Some(last) = self.status.attempts.last_mut() {
            change(last);
        }
    }

    /// A new attempt, of the next number.
    pub fn begin(&mut self) -> i32 {
        let number = self.number().saturating_add(1);
        self.status.attempts.push(Attempt {
            number,
            state: Some("Submitting".to_owned()),
            job_name: Some(job_name(self.run.name(), number)),
            started_at: Some(Time(self.now)),
            ..Attempt::default()
        });
        let over = self.status.attempts.len().saturating_sub(crds::limits::ATTEMPTS as usize);
        self.status.attempts.drain(..over);
        number
    }

    /// The last attempt ends.
    pub fn end(&mut self, state: &str, reason: Reason, exit_code: Option<i32>) {
        let now = self.now;
        self.attempt(|attempt| {
            attempt.state = Some(state.to_owned());
            attempt.reason = Some(reason.into());
            attempt.exit_code = exit_code;
            attempt.until = None;
            attempt.finished_at.get_or_insert(Time(now));
        });
    }

    /// Sets one condition; the others stay.
    pub fn say(&mut self, said: Said) {
        let type_ = said.type_;
        let generation = self.run.metadata.generation;
        let new = conditions::updated(&self.status.conditions, vec![said], generation, self.now);
        for condition in new {
            match self.status.conditions.iter_mut().find(|old| old.type_ == type_) {
                Some(old) => *old = condition,
                None => self.status.conditions.push(condition),
            }
        }
    }

    /// Not complete yet: the phase, and why.
    pub fn not_yet(&mut self, phase: Phase, reason: Reason, message: impl Into<String>) {
        self.status.phase = Some(phase);
        self.say(Said::new("Complete", false, reason, message));
    }

    /// Says the condition only where it was ever said: a run that was never suspended needs no word about it.
    pub fn no_longer_suspended(&mut self) {
        if conditions::find(&self.status.conditions, "Suspended").is_some() {
            self.say(Said::new("Suspended", false, Reason::Resumed, "spec.suspend is false"));
        }
    }

    /// The end without an outcome.
    pub fn fail(&mut self, reason: Reason, message: &str, exit_code: Option<i32>) {
        match self.state() {
            State::Suspended => {}
            State::Backoff(_) => self.attempt(|attempt| {
                attempt.state = Some("Failed".to_owned());
                attempt.until = None;
            }),
            _ => self.end("Failed", reason, exit_code),
        }
        self.stop_clock();
        self.status.phase = Some(Phase::Failed);
        self.status.estimated_remaining_seconds = None;
        self.say(Said::new("Complete", false, reason, "the run failed"));
        self.say(Said::new("Failed", true, reason, message));
        self.tell(Notice::warning(Reason::TrainingFailed, "Train", format!("{reason}: {message}")));
    }

    /// The time that the deadline counts runs from now on.
    pub fn start_clock(&mut self) {
        self.status.active_since.get_or_insert(Time(self.now));
    }

    /// It stands still from now on.
    pub fn stop_clock(&mut self) {
        if let Some(since) = self.status.active_since.take() {
            let passed = self.now.as_second().saturating_sub(since.0.as_second()).max(0);
            let before = self.status.active_seconds.unwrap_or(0);
            self.status.active_seconds = Some(before.saturating_add(passed));
        }
    }

    /// When the deadline passes; `None` while the clock stands still.
    pub fn deadline(&self) -> Option<Timestamp> {
        let since = self.status.active_since.as_ref()?.0;
        let left = self.run.spec.template.active_deadline.seconds() - self.status.active_seconds.unwrap_or(0);
        Some(later(since, left.max(0)))
    }

    /// An effect, done once the status is written.
    pub fn then(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// An Event.
    pub fn tell(&mut self, notice: Notice) {
        self.then(Effect::Tell(notice));
    }

    /// The next step is due then at the latest.
    pub fn wake(&mut self, at: Timestamp) {
        self.then(Effect::WakeAt(at));
    }

    /// The next step is due after so many seconds at the latest.
    pub fn wake_in(&mut self, seconds: i64) {
        self.wake(later(self.now, seconds));
    }
}

/// The Job of an attempt.
pub fn job_name(run: &str, number: i32) -> String {
    format!("{run}-{number}")
}

/// So many seconds later; the end of time where there is no such instant.
pub(super) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
