//! What the table of the state machine does not show: clocks, pauses, what is remembered, what is not written again.

#![cfg(test)]

use crds::TrainingRun;
use crds::training_run::status::Phase;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::observed::*;
use super::samples::{amid, at, completed, failure, ours, run};
use super::state::step;
use crate::conditions::holds;

#[test]
fn what_ended_is_not_written_again() {
    let run = completed();
    let status = run.status.clone().unwrap();
    for observed in [
        Observed::default(),
        Observed { job: ours(failure(Cause::Passing, 1)), ..Observed::default() },
        Observed { job: JobState::Foreign, pipeline: PipelineState::Ready, pods: 3, ..Observed::default() },
    ] {
        assert_eq!(step(&run, &observed, at(50_000), 0.5).status, status);
    }
}

#[test]
fn a_step_from_the_same_world_changes_nothing() {
    let ready = || Observed { pipeline: PipelineState::Ready, ..Observed::default() };
    let progress = Some(Progress { phase: Phase::Training, percent: 42, remaining: Some(17) });
    for observed in [
        Observed { job: ours(Stage::Active), progress, ..ready() },
        Observed { job: ours(Stage::Suspended), ..ready() },
        Observed { job: ours(failure(Cause::Passing, 1)), ..ready() },
        Observed { job: JobState::Foreign, ..ready() },
        Observed::default(),
    ] {
        let mut run = amid(1, "Submitting", false);
        run.status = Some(step(&run, &observed, at(5), 0.0).status);
        let again = step(&run, &observed, at(10), 0.0).status;
        assert_eq!(Some(again), run.status, "{observed:?}");
    }
}

#[test]
fn the_deadline_counts_what_is_not_suspended() {
    let ready = || Observed { pipeline: PipelineState::Ready, ..Observed::default() };
    let active = || Observed { job: ours(Stage::Active), ..ready() };
    let mut run = run();
    let go = |run: &mut TrainingRun, observed: &Observed, second: i64| {
        run.status = Some(step(run, observed, at(second), 0.0).status);
        holds(&run.status.as_ref().unwrap().conditions, "Failed")
    };
    go(&mut run, &ready(), 0);
    go(&mut run, &active(), 10);
    run.spec.suspend = true;
    go(&mut run, &active(), 1_000);
    go(&mut run, &ready(), 1_010);
    // A day later 1,000 of 1,800 seconds are used.
    assert!(!go(&mut run, &ready(), 86_400));
    run.spec.suspend = false;
    go(&mut run, &ready(), 86_400);
    assert!(!go(&mut run, &active(), 86_400 + 799));
    // A queue's time is not counted either.
    assert!(!go(&mut run, &Observed { job: ours(Stage::Suspended), ..ready() }, 86_400 + 799));
    assert!(!go(&mut run, &active(), 200_000));
    assert!(!go(&mut run, &active(), 200_000));
    assert!(go(&mut run, &active(), 200_001));
}

#[test]
fn pauses_double_and_are_bounded() {
    let mut run = amid(1, "Running", true);
    run.spec.template.restart_policy.max_retries = 8;
    let failed = Observed {
        job: ours(failure(Cause::Passing, 1)),
        pipeline: PipelineState::Ready,
        ..Observed::default()
    };
    let pauses: Vec<i64> = [0, 1, 2, 5, 7]
        .map(|retries| {
            run.status.as_mut().unwrap().retries = Some(retries);
            let status = step(&run, &failed, at(5), 0.0).status;
            let until = status.attempts[0].until.as_ref().unwrap().0;
            until.as_second() - at(5).as_second()
        })
        .to_vec();
    assert_eq!(pauses, [10, 20, 40, 300, 300]);
    run.status.as_mut().unwrap().retries = Some(0);
    let hurried = step(&run, &failed, at(5), 1.0).status.attempts[0].until.clone().unwrap();
    assert_eq!(hurried.0, at(13));
}

#[test]
fn the_first_submission_pins_the_data() {
    let stored = Stored { rows: 5_000, until: Some(at(0)) };
    let observed = Observed { stored: Some(stored), pipeline: PipelineState::Ready, ..Observed::default() };
    let status = step(&run(), &observed, at(7), 0.0).status;
    let dataset = status.dataset.unwrap();
    assert_eq!((dataset.rows, dataset.to), (5_000, Some(Time(at(0)))));
    assert_eq!(dataset.from, Some(Time(at(-14 * 86_400))));
    assert!(status.spec_hash.is_some() && holds(&status.conditions, "DataReady"));
    assert_eq!(status.active_since, Some(Time(at(7))));
}

#[test]
fn a_status_remembers_the_last_attempts_only() {
    let mut run = amid(1, "Suspended", true);
    let ready = Observed { pipeline: PipelineState::Ready, ..Observed::default() };
    for _ in 0..50 {
        let status = step(&run, &ready, at(5), 0.0).status;
        run.status = Some(status);
        run.status.as_mut().unwrap().attempts.last_mut().unwrap().state = Some("Suspended".to_owned());
    }
    let attempts = &run.status.as_ref().unwrap().attempts;
    assert_eq!((attempts.len(), attempts.last().unwrap().number), (20, 51));
    assert_eq!(run.status.as_ref().unwrap().retries, None, "a resume is not charged");
}
