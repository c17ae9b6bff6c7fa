//! The manifest file that pods get, and the hashes by which a change of it is known.
//!
//! It is the pipeline as a worker reads it, without what only the operator acts on: the number of pods, policies, images,
//! schedules. So a change of those restarts nothing.
//!
//! The uid is part of it. A pipeline that was deleted and made again shares no ConfigMap and no finished init Job with
//! what the first one left behind.

use crds::StockPipeline;
use serde_json::{Map, Value, json};

use super::identity::hash10;
use crate::pipeline::desired::Desired;

/// Fields below spec that no worker acts on. A path stands for everything below it.
const OPERATOR_ONLY: &[&[&str]] = &[
    &["ingest"],
    &["predictor", "podOverrides"],
    &["dashboard", "replicas"],
    &["dashboard", "service"],
    &["dashboard", "podOverrides"],
    &["producer", "podOverrides"],
    &["training"],
    &["monitoring"],
    &["networkPolicy"],
    &["operation"],
    &["deletionPolicy"],
    &["image"],
    &["serviceAccount"],
    &["metadata"],
    &["podOverrides"],
];

/// Fields below spec that setting up depends on. What is not here is not known to the init Job: that its hash covers all
/// it reads is true by construction.
const INIT_ONLY: &[&[&str]] = &[
    &["source", "kafka"],
    &["source", "keyed"],
    &["source", "tickSpan"],
    &["lake", "hdfs"],
    &["lake", "root"],
    &["featureStore"],
    &["features", "windows"],
    &["features", "bars"],
    &["features", "indicators"],
];

/// The manifest of roles, as YAML.
pub fn for_roles(pipeline: &StockPipeline) -> String {
    let mut spec = spec_of(pipeline);
    for path in OPERATOR_ONLY {
        remove(&mut spec, path);
    }
    document(pipeline, spec)
}

/// The manifest of the init Job, as YAML: complete for its command, and no more.
pub fn for_init(pipeline: &StockPipeline) -> String {
    let whole = spec_of(pipeline);
    // Without a predictor no rule ties the least horizon to a watermark that is not here.
    let mut spec = json!({"predictor": {"enabled": false}});
    for path in INIT_ONLY {
        let pointer = format!("/{}", path.join("/"));
        if let Some(value) = whole.pointer(&pointer) {
            insert(&mut spec, path, value.clone());
        }
    }
    document(pipeline, spec)
}

/// Hash of the manifest that roles get.
pub fn config_hash(desired: &Desired) -> String {
    hash10(&for_roles(&desired.pipeline))
}

/// Hash of everything that the init Job sets up.
pub fn init_hash(desired: &Desired) -> String {
    // Another release may have other tables: it sets up once more.
    let image = desired.pipeline.spec.image.reference.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"));
    hash10(&format!("{}\n{image}", for_init(&desired.pipeline)))
}

fn spec_of(pipeline: &StockPipeline) -> Value {
    // Plain values with text keys: serialising cannot fail.
    serde_json::to_value(&pipeline.spec).unwrap_or_default()
}

fn document(pipeline: &StockPipeline, spec: Value) -> String {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(pipeline.name()))]);
    for (key, value) in [("namespace", &pipeline.metadata.namespace), ("uid", &pipeline.metadata.uid)] {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), json!(value));
        }
    }
    let document =
        json!({"apiVersion": crds::API_VERSION, "kind": "StockPipeline", "metadata": metadata, "spec": spec});
    serde_yaml::to_string(&document).unwrap_or_default()
}

fn remove(object: &mut Value, path: &[&str]) {
    match path {
        [] => {}
        [last] => {
            if let Some(fields) = object.as_object_mut() {
                fields.shift_remove(*last);
            }
        }
        [first, rest @ ..] => {
            if let Some(below) = object.get_mut(*first) {
                remove(below, rest);
            }
        }
    }
}

fn insert(object: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *object = value,
        [first, rest @ ..] => {
            if let Some(fields) = object.as_object_mut() {
                insert(fields.entry(*first).or_insert_with(|| json!({})), rest, value);
            }
        }
    }
}
