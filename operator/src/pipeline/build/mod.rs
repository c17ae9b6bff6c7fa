//! From a valid pipeline to every object that it needs: pure, one kind of object per file.
//!
//! | file | what it makes |
//! |---|---|
//! | [`service_account`], [`service`], [`network_policy`], [`config_map`], [`pdb`], [`job`], [`deployment`] | Kubernetes' own kinds |
//! | [`pod_monitor`], [`prometheus_rule`] | the Prometheus operator's kinds, where they are there and asked for |
//! | [`grafana`] | a dashboard for Grafana's sidecar, where it is asked for |
//! | [`manifest`] | the file that workers read, and the hashes of it |
//! | [`pod`], [`volumes`], [`resources`] | what all pods share |
//! | [`overrides`] | what a spec changes in a pod, merged last |
//! | [`servers`], [`flows`] | which connections there are, and which of them policies admit |
//!
//! Architecture Invariant: nothing here knows a client, a clock or an observed object. Equal input makes equal objects,
//! and no object holds anything that the server would fill in by itself, so that applying them again changes nothing.

pub mod config_map;
pub mod deployment;
pub mod flows;
pub mod grafana;
pub mod identity;
pub mod job;
pub mod manifest;
pub mod network_policy;
pub mod overrides;
pub mod pdb;
pub mod pod;
pub mod pod_monitor;
pub mod prometheus_rule;
pub mod resources;
pub mod servers;
pub mod service;
pub mod service_account;
mod strict;
pub mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PodTemplateSpec, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Resource;
use kube::core::{DynamicObject, TypeMeta};
use serde::Serialize;
use serde_json::{Map, Value};

use super::desired::{Desired, Invalid, Role};
use crate::environment::Environment;
use crate::labels;

pub use manifest::{config_hash, init_hash};

/// Port of `/livez /readyz /metrics /status` of every worker, and of the dashboard's page.
pub const ADMIN_PORT: i32 = 9500;
/// Its name in pods and Services.
pub const ADMIN_PORT_NAME: &str = "admin";
/// Annotation of pod templates: hash of the configuration that is mounted.
pub const CONFIG_ANNOTATION: &str = "stockpipe.dev/config";
/// Annotation of pod templates: hash over the identities of the Secrets and ConfigMaps that are mounted.
pub const SECRETS_ANNOTATION: &str = "stockpipe.dev/secrets";
/// Annotation of pod templates: `operation.restartNonce`.
pub const RESTART_ANNOTATION: &str = "stockpipe.dev/restart";

/// Everything that a pipeline owns, in the order in which it is applied: what a pod mounts is there before the pod.
///
/// Jobs are made where they are absent and never changed, because the server admits no change of their template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Children {
    /// The workers' account.
    pub service_accounts: Vec<ServiceAccount>,
    /// The dashboard's page, and ingest's pods by name.
    pub services: Vec<Service>,
    /// Who may talk to whom.
    pub network_policies: Vec<NetworkPolicy>,
    /// Manifests.
    pub config_maps: Vec<ConfigMap>,
    /// Budgets of roles with several pods.
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    /// Objects of the Prometheus operator.
    pub monitors: Vec<DynamicObject>,
    /// Setting up, or taking down.
    pub jobs: Vec<Job>,
    /// The roles.
    pub deployments: Vec<Deployment>,
    /// Patches of pod templates by component, in the order in which [`Children::into_objects`] merges them. They are not
    /// in the typed objects: a type would silently drop a field that it does not know.
    pub pod_overrides: BTreeMap<String, Vec<Map<String, Value>>>,
}

/// Builds everything, or says what in the spec nothing can be built from.
pub fn build(desired: &Desired, env: &Environment) -> Result<Children, Invalid> {
    let pipeline = &desired.pipeline;
    let shared = Children {
        service_accounts: service_account::service_account(desired).into_iter().collect(),
        network_policies: network_policy::network_policies(desired, env)?,
        config_maps: vec![config_map::config(desired)],
        pod_overrides: pod_overrides(desired),
        ..Children::default()
    };
    if desired.cleanup {
        return Ok(Children { jobs: vec![job::cleanup(desired, env)], ..shared });
    }
    let roles = deployment::roles(pipeline);
    let services = if pipeline.spec.dashboard.enabled {
        vec![service::dashboard(desired), service::ingest(desired)]
    } else {
        Vec::new()
    };
    let mut children = shared;
    children.config_maps.push(config_map::init(desired));
    children.config_maps.extend(grafana::dashboard(desired));
    Ok(Children {
        services,
        disruption_budgets: roles.iter().filter_map(|role| pdb::disruption_budget(desired, *role)).collect(),
        monitors: monitors(desired, env),
        jobs: vec![job::init(desired, env)],
        deployments: roles.iter().map(|role| deployment::deployment(desired, env, *role)).collect(),
        ..children
    })
}

/// Name of the Job that sets up: another for everything else that it sets up.
pub fn init_job_name(desired: &Desired) -> String {
    format!("{}-init-{}", desired.pipeline.name(), init_hash(desired))
}

/// Name of the Job that takes down.
pub fn cleanup_job_name(pipeline: &str) -> String {
    format!("{pipeline}-cleanup")
}

impl Children {
    /// Everything in the order of application, with apiVersion and kind, without nulls, overrides merged.
    pub fn into_objects(self) -> Vec<DynamicObject> {
        let Children {
            service_accounts,
            services,
            network_policies,
            config_maps,
            disruption_budgets,
            monitors,
            jobs,
            deployments,
            pod_overrides,
        } = self;
        let workloads = all(&jobs).chain(all(&deployments)).map(|mut workload| {
            patch_pods(&mut workload, &pod_overrides);
            workload
        });
        all(&service_accounts)
            .chain(all(&services))
            .chain(all(&network_policies))
            .chain(all(&config_maps))
            .chain(all(&disruption_budgets))
            .chain(monitors)
            .chain(workloads)
            .collect()
    }

    /// Names of the ConfigMaps with manifests that these workloads mount. One of them need not be among the children: what
    /// running workers keep until a newer configuration is set up must not be collected.
    pub fn mounted_config_maps(&self) -> BTreeSet<String> {
        let templates = self
            .deployments
            .iter()
            .filter_map(|d| d.spec.as_ref().map(|spec| &spec.template))
            .chain(self.jobs.iter().filter_map(|j| j.spec.as_ref().map(|spec| &spec.template)));
        templates.filter_map(manifest_of).collect()
    }
}

fn manifest_of(template: &PodTemplateSpec) -> Option<String> {
    let volumes = template.spec.as_ref()?.volumes.as_ref()?;
    let volume = volumes.iter().find(|volume| volume.name == volumes::MANIFEST_VOLUME)?;
    Some(volume.config_map.as_ref()?.name.clone())
}

fn monitors(desired: &Desired, env: &Environment) -> Vec<DynamicObject> {
    let asked = &desired.pipeline.spec.monitoring;
    let mut monitors = Vec::new();
    if env.prometheus_operator && asked.pod_monitor {
        monitors.push(pod_monitor::pod_monitor(&desired.pipeline));
    }
    if env.prometheus_operator && asked.prometheus_rule {
        monitors.push(prometheus_rule::prometheus_rule(&desired.pipeline));
    }
    monitors
}

/// The pipeline's patch for every pod, then the role's own.
fn pod_overrides(desired: &Desired) -> BTreeMap<String, Vec<Map<String, Value>>> {
    let spec = &desired.pipeline.spec;
    let own = |role: Role| match role {
        Role::Ingest => &spec.ingest.pod_overrides,
        Role::Predictor => &spec.predictor.pod_overrides,
        Role::Dashboard => &spec.dashboard.pod_overrides,
        Role::Producer => &spec.producer.pod_overrides,
        Role::Rekey => &None,
    };
    let for_all = || spec.pod_overrides.iter().cloned();
    let jobs = [identity::INIT, identity::CLEANUP].map(|job| (job.to_owned(), for_all().collect()));
    let roles = Role::ALL.map(|role| (role.name().to_owned(), for_all().chain(own(role).clone()).collect()));
    jobs.into_iter().chain(roles).filter(|(_, patches): &(String, Vec<_>)| !patches.is_empty()).collect()
}

/// Merges the patches of a workload's component into its template. The labels that it is found by stay.
fn patch_pods(workload: &mut DynamicObject, patches: &BTreeMap<String, Vec<Map<String, Value>>>) {
    let label = |key: &str| workload.metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
    let component = label("app.kubernetes.io/component").unwrap_or_default();
    let pipeline = label(labels::PIPELINE).unwrap_or_default();
    let (Some(patches), Some(template)) =
        (patches.get(&component), workload.data.pointer_mut("/spec/template"))
    else {
        return;
    };
    for patch in patches {
        overrides::merge(template, patch);
    }
    let ours = labels::of_child(&pipeline, &component).into_iter().map(|(k, v)| (k, Value::String(v)));
    overrides::merge(template, &Map::from_iter([("metadata".to_owned(), json_labels(ours.collect()))]));
}

fn json_labels(labels: Map<String, Value>) -> Value {
    Value::Object(Map::from_iter([("labels".to_owned(), Value::Object(labels))]))
}

fn all<K>(objects: &[K]) -> impl Iterator<Item = DynamicObject>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    objects.iter().map(dynamic)
}

fn dynamic<K>(object: &K) -> DynamicObject
where
    K: Resource<DynamicType = ()> + Serialize,
{
    // Plain values with text keys: serialising cannot fail.
    let mut data = serde_json::to_value(object).unwrap_or_default();
    without_nulls(&mut data);
    if let Some(fields) = data.as_object_mut() {
        for typed in ["apiVersion", "kind", "metadata"] {
            fields.shift_remove(typed);
        }
    }
    DynamicObject {
        types: Some(TypeMeta {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
        }),
        metadata: object.meta().clone(),
        data,
    }
}

/// A null in an applied object is a field that we own and leave empty; an absent one is nobody's.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
