//! The training controller: one TrainingRun -> one Job an attempt, until an outcome is recorded.
//!
//! | file | what it does |
//! |---|---|
//! | [`look`] | reads what a step looks at; [`seen`] makes values of it |
//! | [`state`] | decides: (run, observed, now) -> (status, effects); [`ledger`], [`verdict`], [`dataset`], [`progress`] are its parts |
//! | [`act`] | writes the status, then does the effects |
//! | [`schedule`], [`triggers`], [`history`], [`launch`] | which runs of a pipeline are to start and to go; [`launcher`] does it |
//! | [`build`] | the Job and what it mounts |
//!
//! Architecture Invariant: an attempt is written down before its Job is created, and nothing that ended begins again.

pub mod act;
pub mod build;
pub mod dataset;
pub mod history;
pub mod launch;
pub mod launcher;
pub mod ledger;
pub mod look;
pub mod observed;
pub mod progress;
pub(crate) mod samples;
pub mod schedule;
pub mod seen;
pub mod state;
mod state_histories;
mod state_table;
mod state_tests;
pub mod triggers;
mod verdict;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::{StockPipeline, TrainingRun};
use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Action, Config, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};

use crate::backoff::{Backoff, around};
use crate::cache::Cache;
use crate::environment::Environment;
use crate::events::Events;
use crate::labels;
use crate::metrics::OperatorMetrics;
use crate::pipeline;
use crate::watching::{kept, scoped};
use crate::workers::Ask;
use act::News;

/// The kind, in metrics.
const KIND: &str = "TrainingRun";
/// Objects that are reconciled at once.
const AT_ONCE: u16 = 8;
/// Steps of one reconcile: submit, see the Job, and one in reserve.
const STEPS: usize = 3;
/// Longest reconcile: a call of the client may hang.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks at a run at which nothing happens; up to three times as long.
const RESYNC: Duration = Duration::from_secs(300);
/// The least pause between two looks.
const LEAST: Duration = Duration::from_secs(1);

/// What a reconcile works with. Time and chance come from here, so that a test can hold them.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The operator's own settings.
    pub environment: Arc<Environment>,
    /// The time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// A number in 0..1.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    /// Where Events go.
    pub events: Events,
    /// What there is of every pipeline.
    pub cache: Arc<Cache>,
    /// How workers are asked.
    pub ask: Ask,
    /// What is counted.
    pub metrics: OperatorMetrics,
    /// How long what failed waits, by namespace and name.
    pub backoff: Backoff<(String, String)>,
}

impl Context {
    /// One that shares everything but the failures with the pipeline controller's.
    pub fn beside(pipelines: &pipeline::context::Context) -> Self {
        Context {
            client: pipelines.client.clone(),
            environment: Arc::new(pipelines.environment.clone()),
            clock: pipelines.clock.clone(),
            jitter: pipelines.jitter.clone(),
            events: pipelines.events.clone(),
            cache: pipelines.cache.clone(),
            ask: pipelines.ask.clone(),
            metrics: pipelines.metrics.clone(),
            backoff: Backoff::default(),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("training::Context").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// Why a reconcile has to be done again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something could not be read.
    #[error("failed to read {what}: {source}")]
    Read {
        /// What.
        what: &'static str,
        /// Why.
        source: kube::Error,
    },
    /// Something could not be written.
    #[error("failed to {what}: {source}")]
    Write {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: kube::Error,
    },
    /// The API server did not answer.
    #[error("no answer from the API server in {} s", PATIENCE.as_secs())]
    TooSlow,
}

impl Error {
    /// One word for metrics.
    pub const fn category(&self) -> &'static str {
        match self {
            Error::Read { .. } => "read",
            Error::Write { .. } => "write",
            Error::TooSlow => "timeout",
        }
    }
}

/// One run, as far as it goes now.
pub async fn reconcile(run: Arc<DeserializeGuard<TrainingRun>>, ctx: Arc<Context>) -> Result<Action, Error> {
    let Ok(cached) = &run.0 else {
        // It was stored under another CRD. Only a change of it, or of the CRD, helps.
        tracing::warn!(
            run = run.name_any(),
            "a TrainingRun cannot be read: install the CRDs of this release"
        );
        return Ok(Action::await_change());
    };
    let work = go_on(cached, &ctx);
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| Error::TooSlow)?
}

async fn go_on(cached: &TrainingRun, ctx: &Context) -> Result<Action, Error> {
    // The cache may be behind what this process has written itself: attempts are counted in the object as it is.
    let Some(run) = look::run(&ctx.client, cached).await? else {
        forget(ctx, cached.name(), cached.metadata.namespace.as_deref());
        return Ok(Action::await_change());
    };
    let (pipeline, mut observed) = look::around(ctx, &run).await?;
    let mut run = act::adopt(&ctx.client, run, pipeline.as_ref()).await?;
    let mut wake = None;
    for _ in 0..STEPS {
        let step = state::step(&run, &observed, (ctx.clock)(), (ctx.jitter)());
        run = act::publish(&ctx.client, run, step.status).await?;
        let done = act::carry_out(ctx, &run, pipeline.as_ref(), step.effects).await?;
        wake = done.wake;
        match done.news {
            None => break,
            Some(News::Job(job)) => observed.job = job,
            Some(News::Refused(refusal)) => observed.refusal = Some(refusal),
        }
    }
    count(ctx, &run);
    Ok(Action::requeue(pause(wake, (ctx.clock)(), (ctx.jitter)())))
}

/// What is counted of a run.
fn count(ctx: &Context, run: &TrainingRun) {
    let Some(status) = &run.status else { return };
    let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name());
    let phase = status.phase.map(|phase| format!("{phase:?}"));
    ctx.metrics.run_phase(&name, phase.as_deref());
    ctx.metrics.stated(KIND, &name, &status.conditions);
}

/// Until the next look: when it is asked for, and every few minutes at least, because an event may be missed.
fn pause(wake: Option<Timestamp>, now: Timestamp, jitter: f64) -> Duration {
    let resync = around(RESYNC, 2.0, jitter);
    let asked = wake.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO));
    asked.unwrap_or(resync).clamp(LEAST, resync)
}

/// Runs a reconcile, counts it, and forgets earlier failures where it went well.
async fn counted_as<E>(
    kind: &str,
    ctx: &Context,
    key: (String, String),
    work: impl Future<Output = Result<Action, E>>,
    category: impl Fn(&E) -> &'static str,
) -> Result<Action, E> {
    let began = Instant::now();
    let result = work.await;
    ctx.metrics.reconciled(kind, began.elapsed(), result.as_ref().err().map(category));
    if result.is_ok() {
        ctx.backoff.clear(&key);
    }
    result
}

/// The run is gone: nothing is counted of it, and nothing remembered.
fn forget(ctx: &Context, name: &str, namespace: Option<&str>) {
    let namespace = namespace.unwrap_or_default();
    let known = format!("{namespace}/{name}");
    ctx.metrics.run_phase(&known, None);
    ctx.metrics.stated(KIND, &known, &[]);
    ctx.backoff.clear(&(namespace.to_owned(), name.to_owned()));
}

fn key(run: &DeserializeGuard<TrainingRun>) -> (String, String) {
    (run.namespace().unwrap_or_default(), run.name_any())
}

fn after_failure(run: Arc<DeserializeGuard<TrainingRun>>, error: &Error, ctx: Arc<Context>) -> Action {
    let wait = ctx.backoff.failed(key(&run), (ctx.jitter)());
    ctx.metrics.in_backoff(KIND, ctx.backoff.waiting());
    tracing::warn!(run = run.name_any(), wait = wait.as_secs(), "{error}");
    Action::requeue(wait)
}

/// Both controllers, over a namespace or over all, until `end` is done.
pub async fn run<F>(ctx: Arc<Context>, namespace: Option<String>, end: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + Sync + 'static,
{
    let runs = controller(ctx.clone(), namespace.clone(), end());
    let launches = launcher::controller(ctx, namespace, end());
    futures::future::join(runs, launches).await;
}

/// Reconciles every run of a namespace, or of all, until `stop`. Jobs and pipelines wake the runs that they belong to.
pub async fn controller(
    ctx: Arc<Context>,
    namespace: Option<String>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (client, namespace) = (ctx.client.clone(), namespace.as_deref());
    let (known, runs) = kept(scoped::<DeserializeGuard<TrainingRun>>(&client, namespace));
    let jobs: Api<Job> = scoped(&client, namespace);
    let pipelines: Api<DeserializeGuard<StockPipeline>> = scoped(&client, namespace);
    let ours =
        watcher::Config::default().labels(&format!("app.kubernetes.io/managed-by={}", labels::MANAGED_BY));
    let over_runs = Controller::for_stream(runs, known.clone());
    let told = ctx.clone();
    over_runs
        .with_config(Config::default().concurrency(AT_ONCE).debounce(Duration::from_millis(200)))
        .owns(jobs, ours)
        .watches(pipelines, watcher::Config::default(), move |pipeline| {
            let (name, namespace) = (pipeline.name_any(), pipeline.namespace());
            let runs = known.state().into_iter().filter(move |run| {
                let refers = |run: &TrainingRun| run.spec.pipeline_ref.name == name;
                run.namespace() == namespace && run.0.as_ref().is_ok_and(refers)
            });
            runs.map(|run| ObjectRef::from_obj(&*run)).collect::<Vec<_>>()
        })
        .graceful_shutdown_on(stop)
        .run(
            |run, ctx: Arc<Context>| async move {
                let key = key(&run);
                counted_as(KIND, &ctx, key, reconcile(run, ctx.clone()), Error::category).await
            },
            after_failure,
            ctx,
        )
        .for_each(|outcome| {
            match outcome {
                // Failures of a reconcile are told where they wait; a watch that ends is begun again.
                Ok(_) | Err(controller::Error::ReconcilerFailed(..)) => {}
                Err(controller::Error::ObjectNotFound(gone)) => {
                    forget(&told, &gone.name, gone.namespace.as_deref());
                }
                Err(error) => tracing::warn!("watching training runs: {error}"),
            }
            futures::future::ready(())
        })
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_is_when_it_is_asked_for_but_never_far() {
        let now = samples::at(0);
        for (wake, jitter, seconds) in [
            (None, 0.0, 300),
            (None, 1.0, 900),
            (Some(samples::at(10)), 0.5, 10),
            (Some(samples::at(-10)), 0.5, 1),
            (Some(samples::at(100_000)), 0.0, 300),
            (Some(Timestamp::MAX), 0.0, 300),
        ] {
            assert_eq!(pause(wake, now, jitter), Duration::from_secs(seconds), "{wake:?}");
        }
    }
}
