//! Watches pipelines and their children, runs the passes, waits after failures, counts.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::StockPipeline;
use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::context::{Context, Key};
use super::{Error, reconcile};
use crate::labels::MANAGED_BY;

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
    let of_ours = watcher::Config::default().labels(&format!("app.kubernetes.io/managed-by={MANAGED_BY}"));
    let scope = namespace.as_deref();
    // No filter on the pipelines' changes: one that adds a finalizer or a deletion must not be missed.
    let controller = Controller::new(api::<Guarded>(&client, scope), watcher::Config::default())
        .with_config(controller::Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .owns(api::<Deployment>(&client, scope), of_ours.clone())
        .owns(api::<Job>(&client, scope), of_ours.clone())
        .owns(api::<ConfigMap>(&client, scope), of_ours.clone())
        .owns(api::<Service>(&client, scope), of_ours.clone())
        .owns(api::<ServiceAccount>(&client, scope), of_ours.clone())
        .owns(api::<NetworkPolicy>(&client, scope), of_ours.clone())
        .owns(api::<PodDisruptionBudget>(&client, scope), of_ours)
        .graceful_shutdown_on(end);
    let told = ctx.clone();
    controller
        .run(counted, after_failure, ctx)
        .for_each(|result| {
            log(&told, result);
            futures::future::ready(())
        })
        .await;
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + DeserializeOwned,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
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

type Passed<K> =
    Result<(kube::runtime::reflector::ObjectRef<K>, Action), controller::Error<Error, watcher::Error>>;

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
