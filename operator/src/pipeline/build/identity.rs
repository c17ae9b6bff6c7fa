//! What children are called, whose they are, and what they can be found by.

use std::collections::BTreeMap;

use crds::StockPipeline;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use sha2::{Digest as _, Sha256};

use crate::labels;
use crate::pipeline::desired::Role;

/// The component of what all roles share.
pub const SHARED: &str = "pipeline";
/// The component of the Job that sets up.
pub const INIT: &str = "init";
/// The component of the Job that takes down.
pub const CLEANUP: &str = "cleanup";

/// Name of a role's Deployment, Service and disruption budget: `<pipeline>-<role>`.
pub fn role_name(pipeline: &str, role: Role) -> String {
    format!("{pipeline}-{}", role.name())
}

/// Name of the account that workers run under: the one that the pipeline names, or the one that is made.
pub fn service_account_name(pipeline: &StockPipeline) -> String {
    match pipeline.spec.service_account.as_ref().and_then(|account| account.name.clone()) {
        Some(name) => name,
        None => format!("{}-workers", pipeline.name()),
    }
}

/// Name of the ConfigMap with this configuration.
pub fn config_map_name(pipeline: &str, hash: &str) -> String {
    format!("{pipeline}-config-{hash}")
}

/// Ten digits that stand for a text.
pub(super) fn hash10(text: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.truncate(10);
    digest
}

/// Metadata of a child: the pipeline's own labels and annotations, then ours, which win: selectors depend on them.
pub fn metadata(pipeline: &StockPipeline, name: String, component: &str) -> ObjectMeta {
    let annotations = own_annotations(pipeline);
    ObjectMeta {
        name: Some(name),
        namespace: pipeline.metadata.namespace.clone(),
        labels: Some(all_labels(pipeline, component)),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: owner(pipeline).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// Labels of a child and of its pods.
pub fn all_labels(pipeline: &StockPipeline, component: &str) -> BTreeMap<String, String> {
    let mut all = pipeline.spec.metadata.as_ref().map(|m| m.labels.clone()).unwrap_or_default();
    all.extend(labels::of_child(pipeline.name(), component));
    all
}

/// Annotations that the pipeline asks for.
pub fn own_annotations(pipeline: &StockPipeline) -> BTreeMap<String, String> {
    pipeline.spec.metadata.as_ref().map(|m| m.annotations.clone()).unwrap_or_default()
}

/// Selects the pods of one component.
pub fn pods_of(pipeline: &StockPipeline, component: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels::selector(pipeline.name(), component)),
        ..LabelSelector::default()
    }
}

/// Selects every pod of the pipeline: roles, Jobs and trainers.
pub fn all_pods(pipeline: &StockPipeline) -> LabelSelector {
    let mut found = labels::selector(pipeline.name(), SHARED);
    found.retain(|key, _| key != "app.kubernetes.io/component");
    LabelSelector { match_labels: Some(found), ..LabelSelector::default() }
}

/// The pipeline as owner; `None` for a manifest that no server has stored, which has no uid.
fn owner(pipeline: &StockPipeline) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: crds::API_VERSION.to_owned(),
        kind: "StockPipeline".to_owned(),
        name: pipeline.name().to_owned(),
        uid: pipeline.metadata.uid.clone()?,
        controller: Some(true),
        block_owner_deletion: Some(true),
    })
}
