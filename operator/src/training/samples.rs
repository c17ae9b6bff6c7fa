//! Objects that the tests of this controller begin with.

#![cfg(test)]

use crds::reason::Reason;
use crds::training_run::status::{Attempt, Dataset, Metric};
use crds::training_run::{RunResult, TrainingRunStatus};
use crds::validate::{Kind, with_defaults};
use crds::{Decimal, StockPipeline, TrainingRun, run_from_pipeline};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::observed::{Cause, Failure, JobState, Observed, PipelineState, Stage};
use super::state::step;
use crate::conditions::{Said, updated};
use crate::environment::Environment;

/// Seconds after an instant in 2026.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_770_000_000 + second).unwrap()
}

/// A pipeline with every default.
pub fn pipeline() -> StockPipeline {
    let object = json!({
        "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline",
        "metadata": {"name": "market", "namespace": "shop", "uid": "pipeline-uid"},
        "spec": {
            "source": {"kafka": {"bootstrapServers": "kafka:9092"}},
            "lake": {"hdfs": {"uri": "hdfs://namenode:8020"}},
            "featureStore": {"cassandra": {"contactPoints": ["cassandra:9042"]}},
        },
    });
    serde_json::from_value(with_defaults(Kind::StockPipeline, object)).unwrap()
}

/// A run of it, as it is stored.
pub fn run() -> TrainingRun {
    let mut run = run_from_pipeline(&pipeline());
    run.metadata.name = Some("market-1".to_owned());
    run.metadata.uid = Some("run-uid".to_owned());
    run.metadata.generation = Some(1);
    run
}

/// What a trainer of it says at its end.
pub fn result(attempt: i32) -> RunResult {
    RunResult {
        run_uid: "run-uid".to_owned(),
        attempt,
        version: Some(12),
        alias: None,
        metrics: vec![Metric { name: "skill".to_owned(), value: Decimal::parse("0.0123").unwrap() }],
        dataset: Some(Dataset { rows: 4_321, ..Dataset::default() }),
        ..RunResult::default()
    }
}

/// The run after a first attempt that went well.
pub fn completed() -> TrainingRun {
    let mut run = run();
    for (second, job) in [
        (0, JobState::Absent),
        (60, JobState::Ours { uid: "job-uid".to_owned(), stage: Stage::Complete(Some(Box::new(result(1)))) }),
    ] {
        let observed = Observed { pipeline: PipelineState::Ready, job, ..Observed::default() };
        run.status = Some(step(&run, &observed, at(second), 0.0).status);
    }
    run
}

/// The operator's own settings.
pub fn environment() -> Environment {
    Environment {
        image: "example.com/stockpipe:0.1.0".to_owned(),
        version: "0.1.0".to_owned(),
        namespace: "operator".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        prometheus_operator: false,
    }
}

/// Uid of a Job.
pub const UID: &str = "job-uid";

/// The run's Job.
pub fn ours(stage: Stage) -> JobState {
    JobState::Ours { uid: UID.to_owned(), stage }
}

/// A Job that failed.
pub fn failure(cause: Cause, exit_code: i32) -> Stage {
    Stage::Failed(Failure { cause, exit_code: Some(exit_code), message: "it broke".to_owned() })
}

/// A run in the middle of something: attempt `number` in `state`, submitted at second 0.
pub fn amid(number: i32, state: &str, seen: bool) -> TrainingRun {
    let mut run = run();
    let mut conditions =
        updated(&[], vec![Said::new("Complete", false, Reason::Submitting, "")], Some(1), at(0));
    // No reason of this release: a step that says nothing leaves it.
    conditions[0].reason = "X".to_owned();
    run.status = Some(TrainingRunStatus {
        attempts: vec![Attempt {
            number,
            state: Some(state.to_owned()),
            job_name: Some(format!("market-1-{number}")),
            job_uid: seen.then(|| UID.to_owned()),
            until: (state == "Backoff").then(|| Time(at(100))),
            started_at: Some(Time(at(0))),
            ..Attempt::default()
        }],
        active_since: (!matches!(state, "Suspending" | "Suspended")).then(|| Time(at(0))),
        conditions,
        ..TrainingRunStatus::default()
    });
    run
}

/// The same run, suspended.
pub fn suspended(mut run: TrainingRun) -> TrainingRun {
    run.spec.suspend = true;
    run
}
