//! The second controller here: over pipelines, for the runs that nobody types. Schedules, triggers and history are
//! planned in [`launch`](super::launch); this reads what the plan needs, carries it out and notes when the next is due.
//!
//! Of the pipeline's status it writes `lastScheduled` and `nextTraining`, and nothing else. Should a note be lost, the
//! same plan is made once more, and finds its runs there.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crds::{StockPipeline, TrainingRun};
use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::launch::{self, Launch, LaunchError};
use super::look::stored_rows;
use super::{AT_ONCE, Context, PATIENCE, counted_as};
use crate::backoff::around;
use crate::cache::{POD, TRAINING_RUN};
use crate::labels::TRAINING_MANAGER;
use crate::watching::{kept, scoped};
use crate::workers::{Heard, ask_all};

/// Pause between two looks where a trigger counts rows.
const COUNT: Duration = Duration::from_secs(60);
/// Pause between two looks where only a clock decides.
const CALM: Duration = Duration::from_secs(300);
/// The kind, in metrics.
const KIND: &str = "Training";

/// Why a look has to be taken again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipeline could not be read.
    #[error("failed to read the pipeline: {0}")]
    Read(kube::Error),
    /// The plan was not carried out, or not wholly.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The note was not written.
    #[error("failed to write when the next training is due: {0}")]
    Note(kube::Error),
    /// The API server did not answer.
    #[error("no answer from the API server in {} s", PATIENCE.as_secs())]
    TooSlow,
}

impl Error {
    /// One word for metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Error::Read(_) => "read",
            Error::Launch(_) => "launch",
            Error::Note(_) => "write",
            Error::TooSlow => "timeout",
        }
    }
}

/// One look at one pipeline.
pub async fn reconcile(
    pipeline: Arc<DeserializeGuard<StockPipeline>>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    let Ok(cached) = &pipeline.0 else { return Ok(Action::await_change()) };
    tokio::time::timeout(PATIENCE, look(cached, &ctx)).await.map_err(|_| Error::TooSlow)?
}

async fn look(cached: &StockPipeline, ctx: &Context) -> Result<Action, Error> {
    ctx.cache.whole().await;
    if rests(cached) {
        return Ok(Action::requeue(around(CALM, 1.0, (ctx.jitter)())));
    }
    let seen = see(cached, ctx).await;
    let mut launch = seen.plan(cached);
    // Mostly there is nothing to do, which costs no request. What is to be done is decided on the pipeline as it is now.
    if !(launch.is_nothing() && is_noted(cached, &launch)) {
        let namespace = cached.namespace().unwrap_or_default();
        let api: Api<StockPipeline> = Api::namespaced(ctx.client.clone(), &namespace);
        let found = api.get_opt(cached.name()).await.map_err(Error::Read)?;
        let same = |now: &StockPipeline| now.metadata.uid == cached.metadata.uid && !rests(now);
        let Some(pipeline) = found.filter(same) else { return Ok(Action::await_change()) };
        launch = seen.plan(&pipeline);
        launch::carry_out(&ctx.client, &pipeline, &launch).await?;
        note(&api, &pipeline, &launch).await?;
    }
    Ok(Action::requeue(pause(cached, launch.next, seen.now, (ctx.jitter)())))
}

/// True where nothing is started and nothing goes.
fn rests(pipeline: &StockPipeline) -> bool {
    pipeline.spec.operation.reconciliation_paused || pipeline.metadata.deletion_timestamp.is_some()
}

/// What a plan is made of, besides the pipeline.
struct Seen {
    runs: Vec<TrainingRun>,
    heard: Vec<Heard>,
    now: Timestamp,
}

impl Seen {
    fn plan(&self, pipeline: &StockPipeline) -> Launch {
        launch::plan(pipeline, &self.runs, rows(pipeline, &self.heard), drifted(&self.heard), self.now)
    }
}

async fn see(pipeline: &StockPipeline, ctx: &Context) -> Seen {
    let key = (pipeline.namespace().unwrap_or_default(), pipeline.name().to_owned());
    let runs = match &pipeline.spec.training {
        Some(_) => ctx.cache.of_kind(&key, &TRAINING_RUN),
        None => Vec::new(),
    };
    let heard = if counts(pipeline) {
        let pods: Vec<Pod> = ctx.cache.of_kind(&key, &POD);
        ask_all(&ctx.ask, &pods, &key.0, &key.1).await
    } else {
        Vec::new()
    };
    Seen { runs, heard, now: (ctx.clock)() }
}

fn counts(pipeline: &StockPipeline) -> bool {
    let triggers = pipeline.spec.training.as_ref().and_then(|training| training.triggers.as_ref());
    triggers.is_some_and(|triggers| triggers.new_rows.is_some() || triggers.drift)
        && !pipeline.spec.operation.stopped
}

/// Final bars of the size that runs learn from, where every partition is told of.
fn rows(pipeline: &StockPipeline, heard: &[Heard]) -> Option<i64> {
    let bar = pipeline.spec.training.as_ref()?.template.spec.data.bar.to_string();
    let ingest: Vec<Heard> = heard.iter().filter(|worker| worker.role == "ingest").cloned().collect();
    stored_rows(&ingest, &bar, pipeline.spec.source.kafka.topic.partitions).map(|stored| stored.rows)
}

/// The version whose features drifted, where a predictor says so.
fn drifted(heard: &[Heard]) -> Option<i64> {
    let told =
        heard.iter().filter(|worker| worker.role == "predictor").filter_map(|worker| worker.status.as_ref());
    told.filter_map(|status| status.get("driftedVersion").and_then(Value::as_i64)).max()
}

/// True where the status says of the next training what the plan says.
fn is_noted(pipeline: &StockPipeline, launch: &Launch) -> bool {
    let status = pipeline.status.as_ref();
    let noted = |time: Option<&Time>| time.map(|time| time.0);
    noted(status.and_then(|status| status.last_scheduled.as_ref())) == launch.last_scheduled
        && noted(status.and_then(|status| status.next_training.as_ref())) == launch.next
}

async fn note(api: &Api<StockPipeline>, pipeline: &StockPipeline, launch: &Launch) -> Result<(), Error> {
    if is_noted(pipeline, launch) {
        return Ok(());
    }
    let mut said = serde_json::Map::new();
    let times = [("lastScheduled", launch.last_scheduled), ("nextTraining", launch.next)];
    for (field, time) in times.map(|(field, time)| (field, time.map(Time))) {
        if let Some(time) = time {
            said.insert(field.to_owned(), json!(time));
        }
    }
    let patch = json!({
        "apiVersion": crds::API_VERSION,
        "kind": "StockPipeline",
        "metadata": {"name": pipeline.name(), "uid": pipeline.metadata.uid},
        "status": said,
    });
    let params = PatchParams::apply(TRAINING_MANAGER).force();
    api.patch_status(pipeline.name(), &params, &Patch::Apply(patch)).await.map(drop).map_err(Error::Note)
}

/// Until the next look: the next instant of the schedule, or the next count.
fn pause(pipeline: &StockPipeline, next: Option<Timestamp>, now: Timestamp, jitter: f64) -> Duration {
    let regular = around(if counts(pipeline) { COUNT } else { CALM }, 0.5, jitter);
    let scheduled = next.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO));
    // A clock that wakes a little early would look once more at once.
    scheduled.map_or(regular, |scheduled| regular.min(scheduled + Duration::from_millis(100)))
}

fn after_failure(pipeline: Arc<DeserializeGuard<StockPipeline>>, error: &Error, ctx: Arc<Context>) -> Action {
    let key = (pipeline.namespace().unwrap_or_default(), format!("launch of {}", pipeline.name_any()));
    let wait = ctx.backoff.failed(key, (ctx.jitter)());
    tracing::warn!(pipeline = pipeline.name_any(), wait = wait.as_secs(), "{error}");
    Action::requeue(wait)
}

/// Looks after the pipelines of a namespace, or of all, until `end`. Runs that change wake their pipeline.
pub async fn controller(
    ctx: Arc<Context>,
    namespace: Option<String>,
    end: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (known, pipelines) =
        kept(scoped::<DeserializeGuard<StockPipeline>>(&ctx.client, namespace.as_deref()));
    let runs: Api<DeserializeGuard<TrainingRun>> = scoped(&ctx.client, namespace.as_deref());
    Controller::for_stream(pipelines, known)
        .with_config(Config::default().concurrency(AT_ONCE).debounce(Duration::from_millis(200)))
        .watches(runs, watcher::Config::default(), |run| {
            let pipeline = run.0.as_ref().ok().map(|run| run.spec.pipeline_ref.name.clone());
            let namespace = run.namespace().unwrap_or_default();
            pipeline.map(|name| ObjectRef::new(&name).within(&namespace))
        })
        .graceful_shutdown_on(end)
        .run(
            |pipeline, ctx: Arc<Context>| async move {
                let key =
                    (pipeline.namespace().unwrap_or_default(), format!("launch of {}", pipeline.name_any()));
                let work = reconcile(pipeline, ctx.clone());
                counted_as(KIND, &ctx, key, work, Error::category).await
            },
            after_failure,
            ctx,
        )
        .for_each(|_| futures::future::ready(()))
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;
    use crds::pipeline::{Training, Triggers};

    #[test]
    fn it_looks_when_a_run_is_due_and_while_it_counts() {
        let mut pipeline = samples::pipeline();
        let now = samples::at(0);
        assert_eq!(pause(&pipeline, None, now, 0.0), CALM);
        assert_eq!(pause(&pipeline, Some(samples::at(5)), now, 0.0), Duration::from_millis(5_100));
        assert_eq!(pause(&pipeline, Some(samples::at(-5)), now, 0.0), Duration::from_millis(100));
        let triggers = Some(Triggers { new_rows: Some(10), drift: false });
        pipeline.spec.training = Some(Training { triggers, ..Training::default() });
        assert_eq!(pause(&pipeline, Some(samples::at(90_000)), now, 0.0), COUNT);
    }

    #[test]
    fn what_workers_tell_of_rows_and_drift() {
        let mut pipeline = samples::pipeline();
        pipeline.spec.training = Some(Training::default());
        pipeline.spec.source.kafka.topic.partitions = 1;
        let worker = |role: &str, status: Value| Heard {
            pod: "p".to_owned(),
            role: role.to_owned(),
            status: Some(status),
        };
        let partition = json!({"partition": 0, "committed_counters": {"rows": {"1m": 7}}});
        let heard = [
            worker("ingest", json!({"ingest": {"partitions": [partition]}})),
            worker("predictor", json!({"driftedVersion": 4})),
        ];
        assert_eq!((rows(&pipeline, &heard), drifted(&heard)), (Some(7), Some(4)));
        assert_eq!((rows(&pipeline, &heard[1..]), drifted(&heard[..1])), (None, None));
    }
}
