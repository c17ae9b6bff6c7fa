//! Reads what a step looks at: the run as it is now, its pipeline, its Job, its pods, and what workers tell.
//!
//! Workers that do not answer are no error: a run needs nobody's answer to go on.

use crds::{StockPipeline, TrainingRun};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;
use std::net::SocketAddr;

use super::ledger::job_name;
use super::observed::{JobState, Observed, PipelineState, Serving, Stage, Stored};
use super::{Context, Error, progress, seen};
use crate::environment::Environment;
use crate::labels;
use crate::pipeline::build::ADMIN_PORT;
use crate::pipeline::desired::Role;
use crate::pipeline::image;
use crate::pipeline::scaling::ingest_partitions;
use crate::workers::{Heard, ask_all};

/// Partitions whose newest tick is older than the newest of all by more than this do not hold back `now`.
const QUIET_PARTITION: SignedDuration = SignedDuration::from_hours(24);

/// The run as the API server has it; `None` where it is gone, or another of the same name has taken its place.
pub async fn run(client: &Client, cached: &TrainingRun) -> Result<Option<TrainingRun>, Error> {
    let api: Api<TrainingRun> = Api::namespaced(client.clone(), &cached.namespace().unwrap_or_default());
    let found = api.get_opt(cached.name()).await.map_err(|source| Error::Read { what: "the run", source })?;
    Ok(found.filter(|run| run.metadata.uid == cached.metadata.uid))
}

/// Everything around the run, and the pipeline where it can be built from.
pub async fn around(ctx: &Context, run: &TrainingRun) -> Result<(Option<StockPipeline>, Observed), Error> {
    let namespace = run.namespace().unwrap_or_default();
    let read = |what| move |source| Error::Read { what, source };
    let pipelines: Api<DeserializeGuard<StockPipeline>> = Api::namespaced(ctx.client.clone(), &namespace);
    let found = pipelines.get_opt(&run.spec.pipeline_ref.name).await.map_err(read("the pipeline"))?;
    let (pipeline, state) = pipeline_state(found, &ctx.environment);

    let number = run.status.iter().flat_map(|status| &status.attempts).map(|attempt| attempt.number).max();
    let (mut job, mut pods) = (None, Vec::new());
    if let Some(number) = number {
        let jobs: Api<Job> = Api::namespaced(ctx.client.clone(), &namespace);
        job = jobs.get_opt(&job_name(run.name(), number)).await.map_err(read("the Job"))?;
        let of_run = ListParams::default().labels(&format!("{}={}", labels::RUN, run.name()));
        let list: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
        pods = list.list(&of_run).await.map_err(read("the run's pods"))?.items;
    }
    let job = seen::job_state(job.as_ref(), &pods, run.metadata.uid.as_deref().unwrap_or_default());
    let progress = match (&job, number) {
        (JobState::Ours { stage: Stage::Active, .. }, Some(number)) => told(ctx, run, number, &pods).await,
        _ => None,
    };
    let starts = number.is_none() && state == PipelineState::Ready && !run.spec.suspend;
    let stored = match &pipeline {
        Some(pipeline) if starts => stored(ctx, pipeline, run).await?,
        _ => None,
    };
    let observed = Observed {
        serving: pipeline.as_ref().and_then(serving),
        pipeline: state,
        stored,
        job,
        pods: seen::unfinished(&pods),
        progress,
        refusal: None,
    };
    Ok((pipeline, observed))
}

/// The pipeline with every default, and whether runs of it may start.
fn pipeline_state(
    found: Option<DeserializeGuard<StockPipeline>>,
    env: &Environment,
) -> (Option<StockPipeline>, PipelineState) {
    match found {
        None => (None, PipelineState::Missing),
        Some(DeserializeGuard(Err(unreadable))) => (None, PipelineState::Invalid(unreadable.error)),
        Some(DeserializeGuard(Ok(pipeline))) => {
            let state = if pipeline.metadata.deletion_timestamp.is_some() {
                PipelineState::Deleting
            } else if pipeline.spec.operation.stopped {
                PipelineState::Stopped
            } else if let Err(unsupported) = image::check(&pipeline, env) {
                PipelineState::Invalid(unsupported.to_string())
            } else {
                PipelineState::Ready
            };
            (Some(pipeline), state)
        }
    }
}

fn serving(pipeline: &StockPipeline) -> Option<Serving> {
    let model = pipeline.status.as_ref()?.model.as_ref()?;
    // Nothing read yet is not the same as no champion.
    model.observed_at.as_ref()?;
    Some(Serving { champion: model.champion, previous: model.previous, challenger: model.challenger })
}

async fn told(
    ctx: &Context,
    run: &TrainingRun,
    attempt: i32,
    pods: &[Pod],
) -> Option<super::observed::Progress> {
    let pod = seen::telling(pods, &job_name(run.name(), attempt))?;
    let ip = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
    let status = (ctx.ask)(SocketAddr::new(ip, u16::try_from(ADMIN_PORT).ok()?)).await.ok()?;
    progress::read(&status, run.metadata.uid.as_deref()?, attempt)
}

async fn stored(ctx: &Context, pipeline: &StockPipeline, run: &TrainingRun) -> Result<Option<Stored>, Error> {
    let namespace = run.namespace().unwrap_or_default();
    let selector = labels::selector(pipeline.name(), Role::Ingest.name());
    let text: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let list: Api<Pod> = Api::namespaced(ctx.client.clone(), &namespace);
    let pods = list
        .list(&ListParams::default().labels(&text.join(",")))
        .await
        .map_err(|source| Error::Read { what: "ingest's pods", source })?
        .items;
    let heard = ask_all(&ctx.ask, &pods, &namespace, pipeline.name()).await;
    let bar = run.spec.template.data.bar.to_string();
    Ok(stored_rows(&heard, &bar, pipeline.spec.source.kafka.topic.partitions))
}

/// Rows and `now`, where every partition is told of by somebody; a part of the answer is none.
pub fn stored_rows(heard: &[Heard], bar: &str, partitions: i32) -> Option<Stored> {
    let mut told: std::collections::BTreeMap<u64, &Value> = std::collections::BTreeMap::new();
    for status in heard.iter().filter_map(|heard| heard.status.as_ref()) {
        for partition in ingest_partitions(status) {
            told.insert(partition.get("partition")?.as_u64()?, partition);
        }
    }
    if i64::try_from(told.len()).ok()? < i64::from(partitions) {
        return None;
    }
    let rows = told
        .values()
        .filter_map(|p| p.pointer(&format!("/committed_counters/rows/{bar}")).and_then(Value::as_u64))
        .fold(0_u64, u64::saturating_add);
    let time = |p: &Value, name: &str| -> Option<Timestamp> { p.get(name)?.as_str()?.parse().ok() };
    let newest = told.values().filter_map(|p| time(p, "max_ts")).max();
    let until = newest.and_then(|newest| {
        let lively =
            |p: &&&Value| time(p, "max_ts").is_some_and(|at| newest.duration_since(at) <= QUIET_PARTITION);
        let marks: Option<Vec<Timestamp>> =
            told.values().filter(lively).map(|p| time(p, "committed_watermark")).collect();
        marks?.into_iter().min()
    });
    Some(Stored { rows: i64::try_from(rows).unwrap_or(i64::MAX), until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;
    use serde_json::json;

    fn partition(number: i32, rows: i64, newest: &str, mark: &str) -> Value {
        json!({"partition": number, "max_ts": newest, "committed_watermark": mark,
            "committed_counters": {"rows": {"1m": rows, "5s": 99}}})
    }

    fn heard(partitions: Vec<Value>) -> Heard {
        let status = Some(json!({"ingest": {"partitions": partitions}}));
        Heard { pod: "p".to_owned(), role: "ingest".to_owned(), status }
    }

    #[test]
    fn now_is_the_least_watermark_of_the_partitions_that_live() {
        let day = |d: u32, h: u32| format!("2026-03-{d:02}T{h:02}:00:00Z");
        let a = || partition(0, 100, &day(5, 12), &day(5, 11));
        let quiet = || partition(1, 20, &day(2, 0), &day(1, 0));
        let late = || partition(2, 3, &day(5, 0), &day(4, 23));
        let until = |s: &str| Some(s.parse().unwrap());
        assert_eq!(
            stored_rows(&[heard(vec![a(), quiet()])], "1m", 2),
            Some(Stored { rows: 120, until: until("2026-03-05T11:00:00Z") })
        );
        assert_eq!(
            stored_rows(&[heard(vec![a()]), heard(vec![quiet(), late()])], "1m", 3),
            Some(Stored { rows: 123, until: until("2026-03-04T23:00:00Z") })
        );
        // A part of the answer is none, and the same partition twice is one.
        assert_eq!(stored_rows(&[heard(vec![a()]), heard(vec![a()])], "1m", 2), None);
        assert_eq!(stored_rows(&[], "1m", 1), None);
        let empty = json!({"partition": 0, "max_ts": null, "committed_watermark": null});
        assert_eq!(stored_rows(&[heard(vec![empty])], "1m", 1), Some(Stored { rows: 0, until: None }));
    }

    #[test]
    fn pipelines_that_do_not_let_runs_start() {
        let (mut pipeline, env) = (samples::pipeline(), samples::environment());
        let state = |p: &StockPipeline| pipeline_state(Some(DeserializeGuard(Ok(p.clone()))), &env).1;
        assert_eq!(state(&pipeline), PipelineState::Ready);
        pipeline.spec.image.reference = Some("stockpipe:9.9.9".to_owned());
        assert!(
            matches!(state(&pipeline), PipelineState::Invalid(why) if why.contains("spec.image.reference"))
        );
        pipeline.spec.operation.stopped = true;
        assert_eq!(state(&pipeline), PipelineState::Stopped);
        pipeline.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
        assert_eq!(state(&pipeline), PipelineState::Deleting);
        assert_eq!(pipeline_state(None, &env), (None, PipelineState::Missing));
        assert_eq!(serving(&pipeline), None);
    }
}
