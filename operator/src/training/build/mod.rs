//! What a run is made of: a ConfigMap with what is trained, and one Job an attempt. Pure.

pub mod config_map;
pub mod job;
pub mod memory;

use std::collections::BTreeMap;

use crds::{StockPipeline, TrainingRun};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::labels;
use crate::pipeline::build::identity;

/// The component of trainers, in labels.
pub const COMPONENT: &str = "trainer";

/// Labels of everything that belongs to a run.
pub fn run_labels(pipeline: &StockPipeline, run: &TrainingRun) -> BTreeMap<String, String> {
    let mut all = identity::all_labels(pipeline, COMPONENT);
    all.insert(labels::RUN.to_owned(), run.name().to_owned());
    all
}

/// Metadata of a child of the run, which owns it.
fn metadata(pipeline: &StockPipeline, run: &TrainingRun, name: String) -> ObjectMeta {
    let owner = run.metadata.uid.clone().map(|uid| OwnerReference {
        api_version: crds::API_VERSION.to_owned(),
        kind: "TrainingRun".to_owned(),
        name: run.name().to_owned(),
        uid,
        controller: Some(true),
        block_owner_deletion: Some(true),
    });
    let annotations = identity::own_annotations(pipeline);
    ObjectMeta {
        name: Some(name),
        namespace: run.metadata.namespace.clone(),
        labels: Some(run_labels(pipeline, run)),
        annotations: (!annotations.is_empty()).then_some(annotations),
        owner_references: owner.map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}
