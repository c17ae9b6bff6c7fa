//! Everything one pass decides on, read from the API server and from the workers: never from a cache, so that nothing is
//! decided on what was.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::context::Context;
use super::desired::Role;
use crate::apply::{Applier, ApplyError, KINDS, Kind, MONITORING_KINDS, kind_of};
use crate::labels::{MANAGED_BY, PIPELINE, PIPELINE_MANAGER, RUN};
use crate::pods;
use crate::workers::{Heard, ask_all};

/// Most warnings that are looked through for a reason.
const EVENTS: u32 = 500;

/// What there is of one pipeline.
#[derive(Debug, Default)]
pub struct Observed {
    /// Every child, as it is; also objects with its labels that are not its own.
    pub live: Vec<DynamicObject>,
    /// Its Deployments.
    pub deployments: Vec<Deployment>,
    /// Its own Jobs: init and cleanup.
    pub jobs: Vec<Job>,
    /// Pods of roles, of init and cleanup.
    pub pods: Vec<Pod>,
    /// Pods of its training runs.
    pub training: Vec<Pod>,
    /// Warnings about pods; read only where one is not ready.
    pub events: Vec<Event>,
    /// What workers told.
    pub heard: Vec<Heard>,
}

/// The applier of a pipeline's children.
pub fn applier(ctx: &Context, namespace: &str) -> Applier {
    Applier::new(ctx.client.clone(), namespace, PIPELINE_MANAGER)
}

/// Reads everything.
pub async fn observe(ctx: &Context, namespace: &str, name: &str, uid: &str) -> Result<Observed, ApplyError> {
    let selector = format!("app.kubernetes.io/managed-by={MANAGED_BY},{PIPELINE}={name}");
    let mut kinds: Vec<Kind> = KINDS.to_vec();
    if ctx.environment.prometheus_operator {
        kinds.extend(MONITORING_KINDS);
    }
    let applier = applier(ctx, namespace);
    let (live, all) =
        futures::try_join!(applier.read(&kinds, &selector), list_pods(ctx, namespace, &selector))?;
    let (training, pods): (Vec<Pod>, Vec<Pod>) =
        all.into_iter().partition(|pod| pod.labels().contains_key(RUN));
    let roles: Vec<Pod> = pods.iter().filter(|pod| is_of_role(pod)).cloned().collect();
    let (events, heard) = futures::join!(
        warnings(ctx, namespace, roles.iter().any(|pod| !pods::is_ready(pod))),
        ask_all(&ctx.ask, &roles, namespace, name)
    );
    let (deployments, jobs) = (typed("Deployment", &live, uid), typed("Job", &live, uid));
    Ok(Observed { live, deployments, jobs, pods, training, events, heard })
}

fn is_of_role(pod: &Pod) -> bool {
    Role::ALL.iter().any(|role| role.name() == pods::role(pod))
}

async fn list_pods(ctx: &Context, namespace: &str, selector: &str) -> Result<Vec<Pod>, ApplyError> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let listed = api.list(&ListParams::default().labels(selector)).await;
    listed.map(|list| list.items).map_err(|error| ApplyError::of("list", "Pod", selector, error))
}

/// Only ever an explanation: where they cannot be had, the pass goes on without.
async fn warnings(ctx: &Context, namespace: &str, wanted: bool) -> Vec<Event> {
    if !wanted {
        return Vec::new();
    }
    let api: Api<Event> = Api::namespaced(ctx.client.clone(), namespace);
    let params = ListParams::default().fields("involvedObject.kind=Pod,type=Warning").limit(EVENTS);
    match api.list(&params).await {
        Ok(list) => list.items,
        Err(error) => {
            tracing::warn!(namespace, "Events cannot be read: {error}");
            Vec::new()
        }
    }
}

/// The objects of one kind that the pipeline owns. One that cannot be read is left out: it is not decided on.
fn typed<K: Resource + DeserializeOwned>(kind: &str, live: &[DynamicObject], uid: &str) -> Vec<K> {
    let of_kind = live.iter().filter(|object| kind_of(object) == kind);
    let owned = of_kind.filter(|object| object.owner_references().iter().any(|owner| owner.uid == uid));
    owned
        .filter_map(|object| {
            let parsed = object.clone().try_parse();
            parsed.inspect_err(|error| tracing::warn!(kind, name = object.name_any(), "{error}")).ok()
        })
        .collect()
}
