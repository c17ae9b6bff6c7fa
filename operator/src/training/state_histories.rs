//! Random histories: people suspend and resume, Jobs end in every way or are taken away, the operator dies at any point
//! of a reconcile. Whatever happens: one Job an attempt, no life after the end, retries within the policy, and no run
//! beyond its deadline.

#![cfg(test)]

use std::collections::BTreeMap;

use crds::TrainingRun;
use crds::training_run::TrainingRunStatus;
use proptest::prelude::*;

use super::observed::*;
use super::samples::{at, result, run};
use super::state::{Effect, step};
use crate::conditions::{find, holds};

#[derive(Debug, Clone)]
enum Event {
    Wait(i64),
    Suspend(bool),
    JobEnds(u8),
    JobTakenAway,
    JobHeld(bool),
    PodsGo,
    PipelineGone(bool),
    Quota(bool),
    /// A reconcile that dies after so many writes.
    Reconcile(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (1..400_i64).prop_map(Event::Wait),
        1 => any::<bool>().prop_map(Event::Suspend),
        3 => (0..6_u8).prop_map(Event::JobEnds),
        1 => Just(Event::JobTakenAway),
        1 => any::<bool>().prop_map(Event::JobHeld),
        2 => Just(Event::PodsGo),
        1 => any::<bool>().prop_map(Event::PipelineGone),
        1 => any::<bool>().prop_map(Event::Quota),
        8 => (0..6_usize).prop_map(Event::Reconcile),
    ]
}

/// A cluster in miniature: one run, its Jobs by name, their pods.
struct World {
    run: TrainingRun,
    now: i64,
    jobs: BTreeMap<String, (String, Stage)>,
    created: BTreeMap<String, u32>,
    pods: usize,
    pipeline: bool,
    quota: bool,
    gone: bool,
}

impl World {
    fn new() -> Self {
        World {
            run: run(),
            now: 0,
            jobs: BTreeMap::new(),
            created: BTreeMap::new(),
            pods: 0,
            pipeline: true,
            quota: false,
            gone: false,
        }
    }

    fn status(&self) -> TrainingRunStatus {
        self.run.status.clone().unwrap_or_default()
    }

    fn job_name(&self) -> Option<String> {
        self.status().attempts.last().and_then(|attempt| attempt.job_name.clone())
    }

    fn observe(&self) -> Observed {
        let job = self.job_name().and_then(|name| self.jobs.get(&name).cloned());
        Observed {
            pipeline: if self.pipeline { PipelineState::Ready } else { PipelineState::Missing },
            job: job.map_or(JobState::Absent, |(uid, stage)| JobState::Ours { uid, stage }),
            pods: self.pods,
            ..Observed::default()
        }
    }

    /// The loop of the reconcile, with `writes` writes before it dies.
    fn reconcile(&mut self, mut writes: usize) {
        let mut spend = || {
            let alive = writes > 0;
            writes = writes.saturating_sub(1);
            alive
        };
        let mut observed = self.observe();
        for _ in 0..super::STEPS {
            let done = step(&self.run, &observed, at(self.now), 0.3);
            if done.status != self.status() {
                if !spend() {
                    return;
                }
                self.run.status = Some(done.status);
            }
            let mut news = false;
            for effect in done.effects {
                match effect {
                    Effect::Tell(_) | Effect::WakeAt(_) => {}
                    _ if !spend() => return,
                    Effect::DeleteSelf => self.gone = true,
                    Effect::DeleteJob { name, uid } => {
                        if self.jobs.get(&name).is_some_and(|job| job.0 == uid) {
                            self.jobs.remove(&name);
                        }
                    }
                    Effect::CreateJob { attempt } => {
                        news = true;
                        let name = format!("{}-{attempt}", self.run.name());
                        assert_eq!(Some(&name), self.job_name().as_ref(), "written before it is created");
                        if self.quota && !self.jobs.contains_key(&name) {
                            observed.refusal = Some(Refusal::Quota("full".to_owned()));
                            continue;
                        }
                        let count = self.created.entry(name.clone()).or_default();
                        let job = self.jobs.entry(name).or_insert_with(|| {
                            *count += 1;
                            self.pods = 1;
                            (format!("uid-{attempt}"), Stage::Active)
                        });
                        observed.job = JobState::Ours { uid: job.0.clone(), stage: job.1.clone() };
                    }
                }
            }
            if !news {
                return;
            }
        }
    }

    fn happen(&mut self, event: &Event) {
        let name = self.job_name().unwrap_or_default();
        let seen = self.status().attempts.last().is_some_and(|attempt| attempt.job_uid.is_some());
        let number = self.status().attempts.last().map_or(0, |attempt| attempt.number);
        match *event {
            Event::Wait(seconds) => self.now += seconds,
            Event::Suspend(suspend) => self.run.spec.suspend = suspend,
            Event::PipelineGone(gone) => self.pipeline = !gone,
            Event::Quota(full) => self.quota = full,
            Event::PodsGo => {
                if !self.jobs.values().any(|job| matches!(job.1, Stage::Active)) {
                    self.pods = 0;
                }
            }
            // A person who takes away a Job nobody has seen yet cannot be told from nobody having made it.
            Event::JobTakenAway if seen => drop(self.jobs.remove(&name)),
            Event::JobTakenAway => {}
            Event::JobHeld(held) => {
                if let Some(job) =
                    self.jobs.get_mut(&name).filter(|job| matches!(job.1, Stage::Active | Stage::Suspended))
                {
                    job.1 = if held { Stage::Suspended } else { Stage::Active };
                }
            }
            Event::JobEnds(how) => {
                if let Some(job) = self.jobs.get_mut(&name).filter(|job| job.1 == Stage::Active) {
                    let failed =
                        |cause| Stage::Failed(Failure { cause, exit_code: Some(1), message: String::new() });
                    job.1 = match how {
                        0 => Stage::Complete(Some(Box::new(result(number)))),
                        1 => Stage::Complete(None),
                        2 => failed(Cause::Invalid),
                        3 => failed(Cause::OutOfMemory),
                        _ => failed(Cause::Passing),
                    };
                    self.pods = 0;
                }
            }
            Event::Reconcile(writes) => self.reconcile(writes),
        }
    }

    fn has_ended(&self) -> bool {
        let conditions = self.status().conditions;
        holds(&conditions, "Complete") || holds(&conditions, "Failed")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(events in prop::collection::vec(event(), 1..80)) {
        let mut world = World::new();
        let mut end: Option<TrainingRunStatus> = None;
        for event in &events {
            world.happen(event);
            for (name, count) in &world.created {
                prop_assert_eq!(*count, 1, "{} was created {} times", name, count);
            }
            let unfinished =
                world.jobs.values().filter(|job| matches!(job.1, Stage::Active | Stage::Suspended)).count();
            prop_assert!(unfinished <= 1, "{} Jobs at once", unfinished);
            let status = world.status();
            let policy = &world.run.spec.template.restart_policy;
            prop_assert!(status.retries.unwrap_or(0) <= policy.max_retries);
            for said in &status.conditions {
                prop_assert!(crds::reason::row(&said.type_, &said.reason).is_some(), "{} {}", said.type_, said.reason);
            }
            let numbers: Vec<i32> = status.attempts.iter().map(|attempt| attempt.number).collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
            if let Some(end) = &end {
                prop_assert_eq!(&status, end, "what ended stays as it is");
            } else if world.has_ended() {
                prop_assert!(!(holds(&status.conditions, "Complete") && holds(&status.conditions, "Failed")));
                end = Some(status);
            }
        }
        // Left alone it comes to an end, and nothing of it runs.
        world.run.spec.suspend = false;
        world.pipeline = true;
        world.quota = false;
        for _ in 0..60 {
            world.now += 60;
            world.happen(&Event::PodsGo);
            world.happen(&Event::JobHeld(false));
            world.reconcile(usize::MAX);
        }
        prop_assert!(world.has_ended(), "{:?}", world.status());
        let running = world.jobs.values().any(|job| job.1 == Stage::Active);
        prop_assert!(!running);
        let status = world.status();
        let deadline = world.run.spec.template.active_deadline.seconds();
        if find(&status.conditions, "Failed").is_some_and(|failed| failed.reason == "DeadlineExceeded") {
            prop_assert!(status.active_seconds.unwrap_or(0) >= deadline);
        }
    }
}
