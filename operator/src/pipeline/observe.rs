//! Everything one pass decides on: what the cache has of the pipeline, and what its workers tell.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::context::{Context, Key};
use super::desired::Role;
use crate::apply::{Applier, kind_of};
use crate::cache::POD;
use crate::labels::{PIPELINE_MANAGER, RUN};
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
    /// Warnings about pods; read only where a volume may keep one from starting.
    pub events: Vec<Event>,
    /// What workers told.
    pub heard: Vec<Heard>,
}

/// The applier of a pipeline's children.
pub fn applier(ctx: &Context, namespace: &str) -> Applier {
    Applier::new(ctx.client.clone(), namespace, PIPELINE_MANAGER, ctx.cache.clone())
}

/// Looks, and asks the workers.
pub async fn observe(ctx: &Context, key: &Key, uid: &str) -> Observed {
    let mut observed = Observed::default();
    observed.look(ctx, key, uid);
    let (training, pods): (Vec<Pod>, Vec<Pod>) =
        ctx.cache.of_kind(key, &POD).into_iter().partition(|pod: &Pod| pod.labels().contains_key(RUN));
    let roles: Vec<Pod> = pods.iter().filter(|pod| is_of_role(pod)).cloned().collect();
    let (events, heard) = futures::join!(
        warnings(ctx, &key.0, pods.iter().any(pods::may_wait_for_a_volume)),
        ask_all(&ctx.ask, &roles, &key.0, &key.1)
    );
    Observed { pods, training, events, heard, ..observed }
}

impl Observed {
    /// Looks at the children again, after they were written: nothing waits for an answer here.
    pub fn look(&mut self, ctx: &Context, key: &Key, uid: &str) {
        self.live = ctx.cache.children(key);
        self.deployments = typed("Deployment", &self.live, uid);
        self.jobs = typed("Job", &self.live, uid);
    }
}

fn is_of_role(pod: &Pod) -> bool {
    Role::ALL.iter().any(|role| role.name() == pods::role(pod))
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
