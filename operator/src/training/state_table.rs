//! The table of the state machine, row by row.

#![cfg(test)]

use crds::training_run::RestartType;
use crds::training_run::status::{Attempt, Phase};
use crds::{Duration, TrainingRun};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::observed::*;
use super::samples::{amid, at, completed, failure, ours, result, run, suspended};
use super::state::{Effect, step};
use crate::conditions::find;

/// What a row asserts: phase, reason of the condition that tells, last attempt, effects without times and Events.
fn told(run: &TrainingRun, observed: &Observed, second: i64) -> (Option<Phase>, String, String, Vec<String>) {
    let step = step(run, observed, at(second), 0.0);
    let conditions = &step.status.conditions;
    for said in conditions.iter().filter(|said| said.reason != "X") {
        assert!(crds::reason::row(&said.type_, &said.reason).is_some(), "{} {}", said.type_, said.reason);
    }
    let reason =
        ["Failed", "Complete"].iter().filter_map(|type_| find(conditions, type_)).map(|c| c.reason.clone());
    let attempt = step.status.attempts.last();
    let attempt =
        attempt.map(|a| format!("{} {}", a.number, a.state.as_deref().unwrap_or("?"))).unwrap_or_default();
    let effects = step
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::CreateJob { attempt } => Some(format!("create {attempt}")),
            Effect::DeleteJob { name, uid } => Some(format!("delete {name} {uid}")),
            Effect::DeleteSelf => Some("delete self".to_owned()),
            Effect::Tell(_) | Effect::WakeAt(_) => None,
        })
        .collect();
    (step.status.phase, reason.into_iter().next().unwrap_or_default(), attempt, effects)
}

/// Name, run, what is observed, second; phase, reason, attempt, effects.
type Row<'a> = (&'a str, TrainingRun, Observed, i64, Option<Phase>, &'a str, &'a str, Vec<&'a str>);

#[test]
fn every_row_of_the_table() {
    let ready = || Observed { pipeline: PipelineState::Ready, ..Observed::default() };
    let with = |job: JobState| Observed { job, ..ready() };
    let pipeline = |pipeline: PipelineState| Observed { pipeline, ..Observed::default() };
    let stored = |rows: i64| Observed { stored: Some(Stored { rows, until: None }), ..ready() };
    let refused = |refusal: Refusal| Observed { refusal: Some(refusal), ..ready() };
    let text = |s: &str| s.to_owned();
    let submitting = || amid(1, "Submitting", false);
    let running = || amid(1, "Running", true);
    let mut workers = run();
    workers.spec.template.workers = 2;
    let mut long = run();
    long.metadata.name = Some("x".repeat(53));
    let mut never = running();
    never.spec.template.restart_policy.type_ = RestartType::Never;
    let mut used_up = running();
    used_up.status.as_mut().unwrap().retries = Some(2);
    let mut once_lost = amid(2, "Running", true);
    let first = Attempt { number: 1, reason: Some(text("ResultLost")), ..Attempt::default() };
    once_lost.status.as_mut().unwrap().attempts.insert(0, first);
    once_lost.status.as_mut().unwrap().retries = Some(2);
    let mut deleted = run();
    deleted.metadata.deletion_timestamp = Some(Time(at(0)));
    let mut ttl = completed();
    ttl.spec.template.ttl_after_finished = Some(Duration::from_seconds(100));
    let other = Box::new(crds::training_run::RunResult { run_uid: text("another"), ..result(1) });
    let no_pods_left = ready();
    let pods_left = Observed { pods: 1, ..ready() };
    let quota = amid(1, "Submitting", false);

    use Phase::*;
    #[rustfmt::skip]
    let rows: Vec<Row> = vec![
        ("new, suspend", suspended(run()), ready(), 0, Some(Suspended), "Suspended", "", vec![]),
        ("new, pipeline missing", run(), pipeline(PipelineState::Missing), 0, Some(Pending), "PipelineMissing", "", vec![]),
        ("new, pipeline invalid", run(), pipeline(PipelineState::Invalid(text("x"))), 0, Some(Pending), "PipelineInvalid", "", vec![]),
        ("new, pipeline stopped", run(), pipeline(PipelineState::Stopped), 0, Some(Pending), "PipelineStopped", "", vec![]),
        ("new, pipeline going", run(), pipeline(PipelineState::Deleting), 0, Some(Pending), "PipelineDeleted", "", vec![]),
        ("new, too few rows", run(), stored(1_999), 0, Some(Pending), "WaitingForData", "", vec![]),
        ("new, enough rows", run(), stored(2_000), 0, Some(Pending), "Submitting", "1 Submitting", vec!["create 1"]),
        ("new, rows unknown", run(), ready(), 0, Some(Pending), "Submitting", "1 Submitting", vec!["create 1"]),
        ("new, several workers", workers, ready(), 0, Some(Failed), "InvalidSpec", "", vec![]),
        ("new, a long name", long, ready(), 0, Some(Failed), "InvalidSpec", "", vec![]),
        ("new, being deleted", deleted, ready(), 0, None, "", "", vec![]),
        ("submitting, no job", submitting(), ready(), 5, None, "X", "1 Submitting", vec!["create 1"]),
        ("submitting, no job, no pipeline", submitting(), pipeline(PipelineState::Missing), 5, Some(Pending), "PipelineMissing", "1 Submitting", vec![]),
        ("submitting, 403", quota, refused(Refusal::Quota(text("q"))), 5, Some(Queued), "QuotaExceeded", "1 Submitting", vec![]),
        ("submitting, 422", submitting(), refused(Refusal::Invalid(text("bad"))), 5, Some(Failed), "InvalidJob", "1 Failed", vec![]),
        ("submitting, foreign job", submitting(), with(JobState::Foreign), 5, Some(Pending), "NameConflict", "1 Submitting", vec![]),
        ("running, foreign job", running(), with(JobState::Foreign), 5, Some(Pending), "NameConflict", "1 Running", vec![]),
        ("submitting, job held by a queue", submitting(), with(ours(Stage::Suspended)), 5, Some(Queued), "Queued", "1 Queued", vec![]),
        ("running, pods unscheduled", running(), with(ours(Stage::Unscheduled(text("no node")))), 5, Some(Queued), "Unschedulable", "1 Queued", vec![]),
        ("queued, job active", amid(1, "Queued", true), with(ours(Stage::Active)), 5, Some(Loading), "Running", "1 Running", vec![]),
        ("submitting, job active", submitting(), with(ours(Stage::Active)), 5, Some(Loading), "Running", "1 Running", vec![]),
        ("an unknown state, no job", amid(1, "Dreaming", true), ready(), 5, Some(Pending), "JobLost", "1 Backoff", vec![]),
        ("running, complete", running(), with(ours(Stage::Complete(Some(Box::new(result(1)))))), 5, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("submitting, complete already", submitting(), with(ours(Stage::Complete(Some(Box::new(result(1)))))), 5, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("complete after the deadline", running(), with(ours(Stage::Complete(Some(Box::new(result(1)))))), 99_999, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("complete, nothing to read", running(), with(ours(Stage::Complete(None))), 5, Some(Pending), "ResultLost", "1 Backoff", vec![]),
        ("complete, result of another run", running(), with(ours(Stage::Complete(Some(other)))), 5, Some(Pending), "ResultLost", "1 Backoff", vec![]),
        ("complete, lost a second time", once_lost, with(ours(Stage::Complete(None))), 5, Some(Failed), "ResultLost", "2 Failed", vec![]),
        ("running, failed, retries left", running(), with(ours(failure(Cause::Passing, 1))), 5, Some(Pending), "AttemptFailed", "1 Backoff", vec![]),
        ("running, failed, none left", used_up, with(ours(failure(Cause::Passing, 1))), 5, Some(Failed), "AttemptFailed", "1 Failed", vec![]),
        ("running, failed, policy Never", never, with(ours(failure(Cause::Passing, 1))), 5, Some(Failed), "AttemptFailed", "1 Failed", vec![]),
        ("running, refused its input", running(), with(ours(failure(Cause::Invalid, 2))), 5, Some(Failed), "InvalidInput", "1 Failed", vec![]),
        ("running, out of memory", running(), with(ours(failure(Cause::OutOfMemory, 137))), 5, Some(Failed), "OutOfMemory", "1 Failed", vec![]),
        ("running, the Job's own deadline", running(), with(ours(failure(Cause::TooLong, 143))), 5, Some(Failed), "DeadlineExceeded", "1 Failed", vec![]),
        ("running, deadline", running(), with(ours(Stage::Active)), 1_800, Some(Failed), "DeadlineExceeded", "1 Failed", vec!["delete market-1-1 job-uid"]),
        ("backoff, deadline", amid(1, "Backoff", true), ready(), 1_800, Some(Failed), "DeadlineExceeded", "1 Failed", vec![]),
        ("submitting, deadline", submitting(), ready(), 1_800, Some(Failed), "DeadlineExceeded", "1 Failed", vec![]),
        ("running, job gone", running(), ready(), 5, Some(Pending), "JobLost", "1 Backoff", vec![]),
        ("backoff, not yet", amid(1, "Backoff", true), ready(), 99, None, "X", "1 Backoff", vec![]),
        ("backoff, over", amid(1, "Backoff", true), ready(), 100, Some(Pending), "Submitting", "2 Submitting", vec!["create 2"]),
        ("backoff, over, no pipeline", amid(1, "Backoff", true), pipeline(PipelineState::Stopped), 100, Some(Pending), "PipelineStopped", "1 Backoff", vec![]),
        ("running, suspend", suspended(running()), Observed { pods: 1, ..with(ours(Stage::Active)) }, 5, Some(Suspended), "Suspending", "1 Suspending", vec!["delete market-1-1 job-uid"]),
        ("suspending, pods left", suspended(amid(1, "Suspending", true)), pods_left, 5, Some(Suspended), "Suspending", "1 Suspending", vec![]),
        ("suspending, all gone", suspended(amid(1, "Suspending", true)), no_pods_left, 5, Some(Suspended), "Suspended", "1 Suspended", vec![]),
        ("suspending, resumed too early", amid(1, "Suspending", true), Observed { pods: 1, ..with(ours(Stage::Active)) }, 5, Some(Suspended), "Suspending", "1 Suspending", vec!["delete market-1-1 job-uid"]),
        ("suspending, complete meanwhile", suspended(amid(1, "Suspending", true)), with(ours(Stage::Complete(Some(Box::new(result(1)))))), 5, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("suspending, killed by the deletion", suspended(amid(1, "Suspending", true)), with(ours(failure(Cause::Passing, 143))), 5, Some(Suspended), "Suspended", "1 Suspended", vec![]),
        ("backoff, suspend", suspended(amid(1, "Backoff", true)), ready(), 5, Some(Suspended), "Suspended", "1 Suspended", vec![]),
        ("suspended, a job after all", suspended(amid(1, "Suspended", false)), with(ours(Stage::Active)), 5, Some(Suspended), "Suspended", "1 Suspended", vec!["delete market-1-1 job-uid"]),
        ("suspended, resumed", amid(1, "Suspended", true), ready(), 5, Some(Pending), "Submitting", "2 Submitting", vec!["create 2"]),
        ("complete, job gone", completed(), ready(), 9_999, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("complete, suspend", suspended(completed()), pipeline(PipelineState::Missing), 9_999, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("complete, a job still there", completed(), with(ours(Stage::Active)), 9_999, Some(Complete), "Recorded", "1 Complete", vec!["delete market-1-1 job-uid"]),
        ("complete, ttl not over", ttl.clone(), ready(), 159, Some(Complete), "Recorded", "1 Complete", vec![]),
        ("complete, ttl over", ttl, ready(), 160, Some(Complete), "Recorded", "1 Complete", vec!["delete self"]),
    ];
    for (name, run, observed, second, phase, reason, attempt, effects) in rows {
        let want =
            (phase, reason.to_owned(), attempt.to_owned(), effects.into_iter().map(str::to_owned).collect());
        assert_eq!(told(&run, &observed, second), want, "{name}");
    }
}
