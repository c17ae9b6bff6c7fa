//! Watches pipelines and their children, runs the passes, waits after failures, counts.

use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::StockPipeline;
use futures::StreamExt as _;
use futures::channel::mpsc;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{PredicateConfig, WatchStreamExt as _, watcher};
use kube::{Client, Resource as _, ResourceExt as _};

use super::context::{Context, Key};
use super::{Error, reconcile};
use crate::cache;
use crate::watching::{kept, scoped};

/// Passes at once.
const CONCURRENCY: u16 = 8;
/// Changes within this time make one pass.
const DEBOUNCE: Duration = Duration::from_millis(250);
/// The kind, in metrics.
const KIND: &str = "StockPipeline";

type Guarded = DeserializeGuard<StockPipeline>;

/// Runs until `end` is done and the passes that had begun are over. `namespace` absent: all of them.
pub async fn run(
    client: Client,
    namespace: Option<String>,
    ctx: Arc<Context>,
    end: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (tell, news) = mpsc::unbounded();
    let kinds = cache::kinds(ctx.environment.prometheus_operator);
    for kind in &kinds {
        ctx.cache.await_source((namespace.clone(), kind.kind));
    }
    let following = kinds
        .into_iter()
        .map(|kind| cache::follow(ctx.cache.clone(), client.clone(), namespace.clone(), kind, tell.clone()));
    let following = futures::future::join_all(following);
    let (pipelines, changes) = kept(scoped::<Guarded>(&client, namespace.as_deref()));
    let changes = changes.predicate_filter(asks, PredicateConfig::default());
    let controller = Controller::for_stream(changes, pipelines)
        .with_config(controller::Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .reconcile_on(news.map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)))
        .graceful_shutdown_on(end);
    let told = ctx.clone();
    let passes = controller.run(counted, after_failure, ctx).for_each(|result| {
        log(&told, result);
        futures::future::ready(())
    });
    let passes = pin!(passes);
    // The watches never end by themselves.
    futures::future::select(passes, following).await;
}

/// What of a pipeline asks for a pass: all but the status, which is written here. Finalizers and deletion count.
fn asks(pipeline: &Guarded) -> Option<u64> {
    let metadata = pipeline.meta();
    let mut hasher = DefaultHasher::new();
    (&metadata.uid, metadata.generation, &metadata.labels, &metadata.annotations).hash(&mut hasher);
    (&metadata.finalizers, metadata.deletion_timestamp.is_some()).hash(&mut hasher);
    Some(hasher.finish())
}

async fn counted(object: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    let began = Instant::now();
    let result = reconcile(object, ctx.clone()).await;
    ctx.metrics.reconciled(KIND, began.elapsed(), result.as_ref().err().map(Error::category));
    if result.is_ok() {
        ctx.backoff.clear(&key);
    }
    ctx.metrics.in_backoff(KIND, ctx.backoff.waiting());
    result
}

fn after_failure(object: Arc<Guarded>, _: &Error, ctx: Arc<Context>) -> Action {
    let key = (object.namespace().unwrap_or_default(), object.name_any());
    let wait = ctx.backoff.failed(key, (ctx.jitter)());
    ctx.metrics.in_backoff(KIND, ctx.backoff.waiting());
    Action::requeue(wait)
}

type Passed<K> = Result<(ObjectRef<K>, Action), controller::Error<Error, watcher::Error>>;

fn log(ctx: &Context, result: Passed<Guarded>) {
    match result {
        Ok((object, _)) => tracing::debug!("passed over {object}"),
        Err(controller::Error::ReconcilerFailed(error, object)) => tracing::warn!("{object}: {error}"),
        Err(controller::Error::ObjectNotFound(object)) => {
            let key: Key = (object.namespace.clone().unwrap_or_default(), object.name.clone());
            ctx.forget(&key);
        }
        // A watch that ends is begun again, with backoff: nothing is lost.
        Err(controller::Error::QueueError(error)) => tracing::warn!("watching pipelines: {error}"),
        Err(error) => tracing::error!("the pipeline controller: {error}"),
    }
}
