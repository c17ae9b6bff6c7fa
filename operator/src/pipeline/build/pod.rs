//! The pod that all roles and Jobs share: one container, restricted as far as Kubernetes can say it.
//!
//! A worker never talks to the Kubernetes API, so it gets no token. Its root is read-only, it has no capability and is
//! nobody in particular. Service links are off: the variables that they make have the names of our own old settings.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, LocalObjectReference,
    ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    SeccompProfile, SecurityContext, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crds::StockPipeline;
use crds::pipeline::PullPolicy;

use super::identity::{self, all_labels};
use super::resources::Resources;
use super::volumes::Mounted;
use super::{ADMIN_PORT, ADMIN_PORT_NAME};
use crate::environment::Environment;

/// Name of the one container of every pod, so that one patch can mean all of them.
pub const CONTAINER: &str = "stockpipe";
/// The variable in which a worker finds the uid of its pod.
pub const POD_UID: &str = "POD_UID";
/// The user and group that workers are. The image names the same.
pub const USER: i64 = 65532;

/// What differs between pods.
#[derive(Debug, Clone)]
pub struct Pod<'a> {
    /// Label: the role, or what the Job is for.
    pub component: &'a str,
    /// Arguments of the workers' binary.
    pub args: Vec<String>,
    /// What it mounts.
    pub mounted: Mounted,
    /// What it asks for.
    pub resources: Resources,
    /// Whether it serves the admin endpoints, and is probed there.
    pub serves: bool,
    /// Where several of it are spread over nodes and zones: what selects them.
    pub spread: Option<LabelSelector>,
    /// `None`: always.
    pub restart_policy: Option<&'a str>,
    /// Annotations besides the pipeline's own.
    pub annotations: BTreeMap<String, String>,
}

/// The template of such pods, before anybody's overrides.
pub fn template(pipeline: &StockPipeline, env: &Environment, pod: Pod<'_>) -> PodTemplateSpec {
    let mut annotations = identity::own_annotations(pipeline);
    annotations.extend(pod.annotations.clone());
    let labels = all_labels(pipeline, pod.component);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(spec(pipeline, env, pod)),
    }
}

/// The image of a pipeline's workers.
pub fn image<'a>(pipeline: &'a StockPipeline, env: &'a Environment) -> &'a str {
    pipeline.spec.image.reference.as_deref().unwrap_or(&env.image)
}

fn spec(pipeline: &StockPipeline, env: &Environment, pod: Pod<'_>) -> PodSpec {
    let pull_secrets: Vec<LocalObjectReference> = pipeline
        .spec
        .image
        .pull_secrets
        .iter()
        .map(|s| LocalObjectReference { name: s.name.clone() })
        .collect();
    let Mounted { volumes, mounts } = pod.mounted;
    let container = Container {
        name: CONTAINER.to_owned(),
        image: Some(image(pipeline, env).to_owned()),
        image_pull_policy: Some(pull_policy(pipeline.spec.image.pull_policy).to_owned()),
        args: Some(pod.args),
        env: pod.serves.then(|| vec![own_uid()]),
        ports: pod.serves.then(|| vec![admin_port()]),
        startup_probe: pod.serves.then(|| probe("/livez", 2, 60)),
        readiness_probe: pod.serves.then(|| probe("/readyz", 5, 2)),
        liveness_probe: pod.serves.then(|| probe("/livez", 10, 6)),
        resources: Some(requirements(pod.resources)),
        security_context: Some(container_security()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts),
        ..Container::default()
    };
    PodSpec {
        service_account_name: Some(identity::service_account_name(pipeline)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(pod_security()),
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        termination_grace_period_seconds: Some(pod.resources.grace_seconds),
        topology_spread_constraints: pod.spread.map(spread),
        restart_policy: pod.restart_policy.map(str::to_owned),
        containers: vec![container],
        volumes: Some(volumes),
        ..PodSpec::default()
    }
}

/// The rules of the `restricted` standard for pods, and the group that may read Secrets.
pub fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        // Volumes hold few files: no reason to walk them at every start.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

/// The rules of the `restricted` standard for containers, and a root that cannot be written.
pub fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        ..SecurityContext::default()
    }
}

/// Kubernetes' word for when an image is pulled.
pub const fn pull_policy(policy: PullPolicy) -> &'static str {
    match policy {
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
    }
}

/// Requests and the limit.
pub fn requirements(resources: Resources) -> ResourceRequirements {
    let of = |pairs: &[(&str, &str)]| {
        Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), Quantity((*v).to_owned()))).collect())
    };
    ResourceRequirements {
        requests: of(&[("cpu", resources.cpu), ("memory", resources.memory)]),
        limits: of(&[("memory", resources.memory)]),
        ..ResourceRequirements::default()
    }
}

/// Tells a worker which pod it is, which it says on `/status`: an address alone may be another pod's by now.
fn own_uid() -> EnvVar {
    let field = ObjectFieldSelector { field_path: "metadata.uid".to_owned(), api_version: None };
    EnvVar {
        name: POD_UID.to_owned(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

fn admin_port() -> ContainerPort {
    ContainerPort {
        name: Some(ADMIN_PORT_NAME.to_owned()),
        container_port: ADMIN_PORT,
        // The server's default, which is part of the key by which lists of ports are merged.
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ADMIN_PORT_NAME.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

/// Over nodes, then over zones; a cluster of one node runs them all the same.
fn spread(selector: LabelSelector) -> Vec<TopologySpreadConstraint> {
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        .map(|key| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: key.to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(selector.clone()),
            ..TopologySpreadConstraint::default()
        })
        .to_vec()
}
