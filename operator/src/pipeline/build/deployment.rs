//! One Deployment per role. Which partitions a worker owns is decided at Kafka, so no pod has a number, and how many there
//! are stands in no template: scaling restarts nobody.

use std::collections::BTreeMap;

use crds::StockPipeline;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::identity::{config_map_name, metadata, pods_of, role_name};
use super::pod::{Pod, template};
use super::volumes::{MANIFEST_DIR, MANIFEST_KEY, MOUNTS, fingerprint, mounted, mounted_references};
use super::{ADMIN_PORT, CONFIG_ANNOTATION, RESTART_ANNOTATION, SECRETS_ANNOTATION, manifest, resources};
use crate::environment::Environment;
use crate::pipeline::desired::{Desired, Role};

/// Replica sets that are kept to look back at.
const HISTORY: i32 = 3;

/// The roles that this pipeline has.
pub fn roles(pipeline: &StockPipeline) -> Vec<Role> {
    let spec = &pipeline.spec;
    let enabled = |role: &Role| match role {
        Role::Ingest => true,
        Role::Rekey => !spec.source.keyed,
        Role::Predictor => spec.predictor.enabled,
        Role::Dashboard => spec.dashboard.enabled,
        Role::Producer => spec.producer.enabled,
    };
    Role::ALL.into_iter().filter(enabled).collect()
}

/// Pods of a role that should run.
pub fn replicas(desired: &Desired, role: Role) -> i32 {
    let spec = &desired.pipeline.spec;
    match role {
        _ if spec.operation.stopped => 0,
        Role::Ingest => desired.ingest_replicas,
        Role::Dashboard => spec.dashboard.replicas,
        // Two producers would throw each other out, and one predictor or rekey keeps up with any topic that one ingest does.
        Role::Rekey | Role::Predictor | Role::Producer => 1,
    }
}

/// Hash of the configuration that workers get: the newest, or the one they keep until a newer one is set up.
pub fn worker_config(desired: &Desired) -> String {
    desired.held_config.clone().unwrap_or_else(|| manifest::config_hash(desired))
}

/// The Deployment of a role.
pub fn deployment(desired: &Desired, env: &Environment, role: Role) -> Deployment {
    let pipeline = &desired.pipeline;
    let selector = pods_of(pipeline, role.name());
    let config = worker_config(desired);
    let references = mounted_references(desired, Some(role));
    let mut annotations = BTreeMap::from([
        (CONFIG_ANNOTATION.to_owned(), config.clone()),
        (SECRETS_ANNOTATION.to_owned(), fingerprint(desired, &references)),
    ]);
    if let Some(nonce) = pipeline.spec.operation.restart_nonce {
        annotations.insert(RESTART_ANNOTATION.to_owned(), nonce.to_string());
    }
    let pod = Pod {
        component: role.name(),
        args: args(pipeline, role),
        mounted: mounted(&config_map_name(pipeline.name(), &config), &references),
        resources: resources::of(role),
        serves: true,
        spread: many(role).then(|| selector.clone()),
        restart_policy: None,
        annotations,
    };
    Deployment {
        metadata: metadata(pipeline, role_name(pipeline.name(), role), role.name()),
        spec: Some(DeploymentSpec {
            replicas: Some(replicas(desired, role)),
            revision_history_limit: Some(HISTORY),
            strategy: Some(strategy(role)),
            selector,
            template: template(pipeline, env, pod),
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

/// Whether there can be several pods of a role.
pub const fn many(role: Role) -> bool {
    matches!(role, Role::Ingest | Role::Dashboard)
}

fn args(pipeline: &StockPipeline, role: Role) -> Vec<String> {
    let mut args = vec![role.command().to_owned()];
    args.extend(common_args());
    args.extend(["--listen".to_owned(), format!("0.0.0.0:{ADMIN_PORT}")]);
    if role == Role::Dashboard {
        let ingest = role_name(pipeline.name(), Role::Ingest);
        args.extend(["--workers".to_owned(), format!("http://{ingest}:{ADMIN_PORT}")]);
    }
    args
}

/// What every command of the workers' binary is told in a cluster.
pub fn common_args() -> Vec<String> {
    let file = format!("{MANIFEST_DIR}/{MANIFEST_KEY}");
    ["--file", &file, "--no-env", "--mounts", MOUNTS, "--log-format", "json"].map(str::to_owned).to_vec()
}

fn strategy(role: Role) -> DeploymentStrategy {
    let rolling = |surge, unavailable| DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(surge)),
            max_unavailable: Some(IntOrString::Int(unavailable)),
        }),
    };
    match role {
        // One after the other: a new member would move partitions that move back a minute later.
        Role::Ingest => rolling(0, 1),
        // The page never goes away.
        Role::Dashboard => rolling(1, 0),
        // Two at once would do the same work twice, or throw each other out.
        Role::Rekey | Role::Predictor | Role::Producer => {
            DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None }
        }
    }
}
