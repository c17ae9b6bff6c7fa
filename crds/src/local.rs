//! What a single process ignores of a pipeline: everything about servers, pods and the cluster around them.

use crate::pipeline::StockPipeline;
use crate::validate::{Kind, with_defaults};
use serde_json::{Value, json};

/// Paths below spec that local mode does not use. A path stands for everything below it.
const CLUSTER_ONLY: &[&str] = &[
    "source.kafka.bootstrapServers",
    "source.kafka.configMapRef",
    "source.kafka.topic.replicationFactor",
    "source.kafka.topic.create",
    "source.kafka.security",
    "lake.hdfs",
    "featureStore.cassandra",
    "ingest.replicas",
    "ingest.autoscaling",
    "ingest.podOverrides",
    "predictor.podOverrides",
    "dashboard.replicas",
    "dashboard.service",
    "dashboard.podOverrides",
    "producer.podOverrides",
    "training.schedule",
    "training.concurrencyPolicy",
    "training.startingDeadline",
    "training.history",
    "training.template.spec.restartPolicy",
    "training.template.spec.podOverrides",
    "monitoring",
    "networkPolicy",
    "operation",
    "deletionPolicy",
    "image",
    "serviceAccount",
    "metadata",
    "podOverrides",
];

/// The fields that are set, to something else than their default, and ignored in one process.
pub fn cluster_only_fields(pipeline: &StockPipeline) -> Vec<String> {
    let Ok(spec) = serde_json::to_value(&pipeline.spec) else { return Vec::new() };
    let plain = plain(&spec);
    let set = |path: &&&str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        spec.pointer(&pointer).is_some_and(|value| plain.pointer(&pointer) != Some(value))
    };
    CLUSTER_ONLY.iter().filter(set).map(|path| (*path).to_owned()).collect()
}

/// The spec that says nothing, where it says the same parts.
fn plain(spec: &Value) -> Value {
    let mut object = json!({"spec": {"source": {"kafka": {}}, "lake": {"hdfs": {}}, "featureStore": {}}});
    if spec.get("training").is_some() {
        object["spec"]["training"] = json!({});
    }
    with_defaults(Kind::StockPipeline, object)["spec"].take()
}
