//! The state machine of a run: one pure step from what the status says and what is observed to what it says next.
//!
//! Intent is written before it is acted on: an attempt stands in the status before its Job is created, under a name
//! that depends on nothing but run and number, so that whoever comes back after a crash creates the same Job or finds
//! it. What ended stays ended, whatever becomes of its Job.
//!
//! Architecture Invariant: no call, no clock, no randomness; progress is shown and decides nothing.

use crds::TrainingRun;
use crds::reason::Reason;
use crds::training_run::status::Phase;
use crds::training_run::{RestartType, TrainingRunStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::ledger::{Ledger, State, later};
use super::observed::{Cause, Failure, JobState, Observed, PipelineState, Refusal, Stage};
use super::{dataset, progress, verdict};
use crate::conditions::{self, Said};
use crate::events::Notice;

/// Seconds between two looks at a run that waits for something nobody tells of.
const LOOK_AGAIN: i64 = 60;
/// Seconds between two looks at a run that runs.
const WATCH: i64 = 10;
/// Seconds before a Job that a quota refused is tried again.
const QUOTA: i64 = 30;

/// What follows from a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// As it is to be written, before any effect.
    pub status: TrainingRunStatus,
    /// In order. Each is harmless when done twice.
    pub effects: Vec<Effect>,
}

/// Something outside the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Create the Job of that attempt, with what it mounts.
    CreateJob {
        /// The attempt's number.
        attempt: i32,
    },
    /// Delete a Job, in the background, only while it has that uid.
    DeleteJob {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
    /// Delete the run.
    DeleteSelf,
    /// Publish an Event.
    Tell(Notice),
    /// Look again then, if nothing happens before.
    WakeAt(Timestamp),
}

/// One step. `jitter` lies in 0..1 and shortens a pause by up to a fifth.
pub fn step(run: &TrainingRun, observed: &Observed, now: Timestamp, jitter: f64) -> Step {
    let mut ledger = Ledger::new(run, now);
    if run.metadata.deletion_timestamp.is_none() {
        match ledger.state() {
            State::Ended => ended(&mut ledger, observed),
            state => unfinished(&mut ledger, observed, state, jitter),
        }
    }
    ledger.into_step()
}

fn unfinished(ledger: &mut Ledger, observed: &Observed, state: State, jitter: f64) {
    if let Some(message) = inadmissible(ledger.run) {
        return ledger.fail(Reason::InvalidSpec, &message, None);
    }
    if matches!(state, State::UnderWay | State::Suspending)
        && let JobState::Ours { uid, stage } = &observed.job
    {
        ledger.attempt(|attempt| attempt.job_uid = Some(uid.clone()));
        match (stage, state) {
            (Stage::Complete(Some(result)), _)
                if Some(&result.run_uid) == ledger.run.metadata.uid.as_ref() =>
            {
                return verdict::complete(ledger, result);
            }
            (Stage::Complete(_), State::UnderWay) => return lost_result(ledger, jitter),
            (Stage::Failed(failure), State::UnderWay) => return failed(ledger, failure, jitter),
            _ => {}
        }
    }
    if let Some(deadline) = ledger.deadline() {
        if ledger.now >= deadline {
            let limit = ledger.run.spec.template.active_deadline;
            let message = format!(
                "activeDeadline of {limit} has passed since the first submission; create a run with a longer one"
            );
            take_away(ledger, observed);
            return ledger.fail(Reason::DeadlineExceeded, &message, None);
        }
        ledger.wake(deadline);
    }
    if state == State::Suspended {
        // A creation whose answer was lost may have come true after all.
        take_away(ledger, observed);
    }
    match state {
        State::Suspending => suspending(ledger, observed),
        _ if ledger.run.spec.suspend => suspend(ledger, observed, state),
        State::New | State::Suspended => submit(ledger, observed),
        State::Backoff(until) if ledger.now < until => ledger.wake(until),
        State::Backoff(_) => submit(ledger, observed),
        State::UnderWay | State::Ended => under_way(ledger, observed, jitter),
    }
}

/// What a run asks for that nobody can do, and what to write instead.
fn inadmissible(run: &TrainingRun) -> Option<String> {
    let workers = run.spec.template.workers;
    if workers != 1 {
        return Some(format!(
            "spec.workers is {workers}, but this version trains a run in one pod: create a run with workers 1"
        ));
    }
    let limit = crds::limits::RUN_NAME as usize;
    let length = run.name().len();
    (length > limit).then(|| {
        format!("metadata.name has {length} characters, and its Jobs need the rest of 63: create a run with a name of at most {limit}")
    })
}

/// A new attempt, where the pipeline and the data allow one.
fn submit(ledger: &mut Ledger, observed: &Observed) {
    if waits_for_pipeline(ledger, observed) {
        return;
    }
    let first = ledger.number() == 0;
    if first && let Some(stored) = observed.stored {
        let need = ledger.run.spec.template.data.min_rows;
        if stored.rows < need {
            let message = dataset::too_few(stored.rows, need);
            ledger.say(Said::new("DataReady", false, Reason::WaitingForData, message.clone()));
            ledger.not_yet(Phase::Pending, Reason::WaitingForData, message);
            return ledger.wake_in(LOOK_AGAIN);
        }
    }
    if first {
        ledger.status.spec_hash = Some(dataset::spec_hash(&ledger.run.spec));
        ledger.status.dataset = dataset::resolve(&ledger.run.spec.template.data, observed.stored.as_ref());
        if observed.stored.is_some() {
            let need = ledger.run.spec.template.data.min_rows;
            let message = format!("at least the {need} rows of data.minRows are stored");
            ledger.say(Said::new("DataReady", true, Reason::EnoughRows, message));
        }
    }
    ledger.start_clock();
    ledger.no_longer_suspended();
    let attempt = ledger.begin();
    ledger.status.progress_percent = None;
    ledger.status.estimated_remaining_seconds = None;
    ledger.not_yet(Phase::Pending, Reason::Submitting, format!("attempt {attempt} is being submitted"));
    ledger.then(Effect::CreateJob { attempt });
}

/// True where no Job can be made now, and the status says why.
fn waits_for_pipeline(ledger: &mut Ledger, observed: &Observed) -> bool {
    let name = &ledger.run.spec.pipeline_ref.name;
    let (reason, message) = match &observed.pipeline {
        PipelineState::Ready => return false,
        PipelineState::Missing => (
            Reason::PipelineMissing,
            format!("there is no StockPipeline {name} in this namespace: create it, or delete this run"),
        ),
        PipelineState::Deleting => {
            (Reason::PipelineDeleted, format!("StockPipeline {name} is being deleted"))
        }
        PipelineState::Stopped => (
            Reason::PipelineStopped,
            format!("StockPipeline {name} is stopped: set operation.stopped to false"),
        ),
        PipelineState::Invalid(why) => (Reason::PipelineInvalid, format!("StockPipeline {name}: {why}")),
    };
    ledger.not_yet(Phase::Pending, reason, message);
    ledger.wake_in(LOOK_AGAIN);
    true
}

/// An attempt that is to have a Job, or has one that has not ended.
fn under_way(ledger: &mut Ledger, observed: &Observed, jitter: f64) {
    let number = ledger.number();
    match &observed.job {
        JobState::Foreign => {
            let name = super::ledger::job_name(ledger.run.name(), number);
            let message = format!(
                "Job {name} is there and is not this run's: delete it, or delete this run and give it another name"
            );
            ledger.not_yet(Phase::Pending, Reason::NameConflict, message);
            ledger.wake_in(LOOK_AGAIN);
        }
        JobState::Ours { stage, .. } => watch(ledger, observed, stage),
        JobState::Absent if ledger.status.attempts.last().is_some_and(|last| last.job_uid.is_some()) => {
            let failure = Failure {
                cause: Cause::Passing,
                exit_code: None,
                message: format!("the Job of attempt {number} is gone, and nobody saw how it ended"),
            };
            charge(ledger, Reason::JobLost, &failure, jitter);
        }
        JobState::Absent => create(ledger, observed, number),
    }
}

/// The Job was never seen: it is created, unless the API server has just refused it.
fn create(ledger: &mut Ledger, observed: &Observed, attempt: i32) {
    match &observed.refusal {
        Some(Refusal::Invalid(why)) => {
            let message = format!(
                "the API server refuses the Job: {why}; correct spec.podOverrides, here or in the pipeline, in a new run"
            );
            ledger.fail(Reason::InvalidJob, &message, None);
        }
        Some(Refusal::Quota(why)) => {
            let message = format!("a quota of the namespace has no room for the Job: {why}");
            ledger.attempt(|attempt| attempt.reason = Some(Reason::QuotaExceeded.into()));
            ledger.not_yet(Phase::Queued, Reason::QuotaExceeded, message);
            ledger.wake_in(QUOTA);
        }
        None if waits_for_pipeline(ledger, observed) => {}
        None => ledger.then(Effect::CreateJob { attempt }),
    }
}

/// The Job is there and has not ended.
fn watch(ledger: &mut Ledger, observed: &Observed, stage: &Stage) {
    let (state, phase, reason, message) = match stage {
        Stage::Suspended => ("Queued", Phase::Queued, Reason::Queued, "a queue holds the Job".to_owned()),
        Stage::Unscheduled(why) => ("Queued", Phase::Queued, Reason::Unschedulable, why.clone()),
        _ => {
            let phase = progress::show(&mut ledger.status, observed.progress.as_ref());
            ("Running", phase, Reason::Running, format!("attempt {} runs", ledger.number()))
        }
    };
    // A queue's time is not the run's, as with a Job that is suspended.
    if *stage == Stage::Suspended {
        ledger.stop_clock()
    } else {
        ledger.start_clock()
    }
    ledger.attempt(|attempt| {
        attempt.state = Some(state.to_owned());
        attempt.reason = None;
    });
    ledger.not_yet(phase, reason, message);
    ledger.wake_in(WATCH);
}

/// The attempt ended badly.
fn failed(ledger: &mut Ledger, failure: &Failure, jitter: f64) {
    match failure.cause {
        Cause::Passing => charge(ledger, Reason::AttemptFailed, failure, jitter),
        Cause::Invalid => ledger.fail(Reason::InvalidInput, &failure.message, failure.exit_code),
        Cause::OutOfMemory => ledger.fail(Reason::OutOfMemory, &failure.message, failure.exit_code),
        Cause::TooLong => ledger.fail(Reason::DeadlineExceeded, &failure.message, failure.exit_code),
    }
}

/// The Job ended well and left nothing to read. Publishing is idempotent, so the next attempt finds what this one
/// published; it is not charged the first time.
fn lost_result(ledger: &mut Ledger, jitter: f64) {
    let failure = Failure {
        cause: Cause::Passing,
        exit_code: Some(0),
        message: "the Job is complete, but its termination message has no result of this run".to_owned(),
    };
    let before =
        ledger.status.attempts.iter().any(|a| a.reason.as_deref() == Some(Reason::ResultLost.name()));
    if before {
        return charge(ledger, Reason::ResultLost, &failure, jitter);
    }
    back_off(ledger, Reason::ResultLost, &failure, 0, jitter);
}

/// Another attempt where the policy has one left, else the end.
fn charge(ledger: &mut Ledger, reason: Reason, failure: &Failure, jitter: f64) {
    let policy = &ledger.run.spec.template.restart_policy;
    let used = ledger.status.retries.unwrap_or(0);
    if policy.type_ == RestartType::Never || used >= policy.max_retries {
        let tried = if used == 0 { String::new() } else { format!(" (after {used} retries)") };
        return ledger.fail(reason, &format!("{}{tried}", failure.message), failure.exit_code);
    }
    ledger.status.retries = Some(used + 1);
    back_off(ledger, reason, failure, used, jitter);
}

/// The pause before the next attempt: doubled with every retry.
fn back_off(ledger: &mut Ledger, reason: Reason, failure: &Failure, doublings: i32, jitter: f64) {
    let backoff = &ledger.run.spec.template.restart_policy.backoff;
    let doublings = u32::try_from(doublings.clamp(0, 30)).unwrap_or(0);
    let longest = backoff.max.seconds().max(backoff.initial.seconds());
    let pause = backoff.initial.seconds().saturating_mul(1 << doublings).min(longest);
    let pause = ((pause as f64) * (1.0 - 0.2 * jitter.clamp(0.0, 1.0))).ceil() as i64;
    let until = later(ledger.now, pause);
    let number = ledger.number();
    ledger.end("Backoff", reason, failure.exit_code);
    ledger.attempt(|attempt| attempt.until = Some(Time(until)));
    let message = format!("attempt {number} failed: {}; the next follows", failure.message);
    ledger.not_yet(Phase::Pending, reason, message.clone());
    ledger.tell(Notice::warning(reason, "Train", message));
    ledger.wake(until);
}

/// `suspend` is set, on a run that has not ended.
fn suspend(ledger: &mut Ledger, observed: &Observed, state: State) {
    ledger.stop_clock();
    if state == State::UnderWay {
        let number = ledger.number();
        ledger.attempt(|attempt| attempt.state = Some("Suspending".to_owned()));
        ledger.tell(Notice::normal(Reason::Suspending, "Suspend", format!("attempt {number} is taken away")));
        return suspending(ledger, observed);
    }
    if let State::Backoff(_) = state {
        ledger.attempt(|attempt| {
            attempt.state = Some("Suspended".to_owned());
            attempt.until = None;
        });
    }
    suspended(ledger);
}

/// The Job is on its way out; what is left of it is waited for.
fn suspending(ledger: &mut Ledger, observed: &Observed) {
    if observed.job.is_unfinished() || observed.pods > 0 {
        take_away(ledger, observed);
        ledger.not_yet(Phase::Suspended, Reason::Suspending, "the Job and its pods are being deleted");
        return ledger.wake_in(WATCH);
    }
    ledger.end("Suspended", Reason::Suspended, None);
    suspended(ledger);
    ledger.wake_in(0);
}

fn suspended(ledger: &mut Ledger) {
    ledger.status.estimated_remaining_seconds = None;
    ledger.say(Said::new("Suspended", true, Reason::Suspended, "spec.suspend is true"));
    ledger.not_yet(Phase::Suspended, Reason::Suspended, "spec.suspend is true: set it to false to go on");
}

/// Deletes the Job where it has not ended by itself.
fn take_away(ledger: &mut Ledger, observed: &Observed) {
    if let JobState::Ours { uid, .. } = &observed.job
        && observed.job.is_unfinished()
    {
        let name = super::ledger::job_name(ledger.run.name(), ledger.number());
        ledger.then(Effect::DeleteJob { name, uid: uid.clone() });
    }
}

/// What ended stays as it is: only the alias follows the predictors, and the time to live runs.
fn ended(ledger: &mut Ledger, observed: &Observed) {
    // A crash between the verdict and the deletion of the Job must not leave it running.
    take_away(ledger, observed);
    verdict::follow(ledger, observed.serving.as_ref());
    let finished = ["Complete", "Failed"]
        .iter()
        .filter_map(|type_| conditions::find(&ledger.status.conditions, type_))
        .find(|condition| condition.status == "True")
        .map(|condition| condition.last_transition_time.0);
    if let (Some(finished), Some(ttl)) = (finished, ledger.run.spec.template.ttl_after_finished) {
        let end = later(finished, ttl.seconds());
        if ledger.now >= end { ledger.then(Effect::DeleteSelf) } else { ledger.wake(end) }
    }
}
