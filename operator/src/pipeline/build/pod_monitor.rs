//! The PodMonitor by which the Prometheus operator finds every pod of a pipeline, trainers included.

use crds::StockPipeline;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Value, json};

use super::ADMIN_PORT_NAME;
use super::identity::{SHARED, all_pods, metadata};

/// API group and version of the Prometheus operator's kinds.
pub const MONITORING_API: &str = "monitoring.coreos.com/v1";

/// The PodMonitor. Series get the labels `pipeline` and `component`, which every query of ours names.
pub fn pod_monitor(pipeline: &StockPipeline) -> DynamicObject {
    let label = |of: &str, target: &str| {
        let source = format!("__meta_kubernetes_pod_label_app_kubernetes_io_{of}");
        json!({"sourceLabels": [source], "targetLabel": target})
    };
    let spec = json!({
        "selector": {"matchLabels": all_pods(pipeline).match_labels},
        "podMetricsEndpoints": [{
            "port": ADMIN_PORT_NAME,
            "path": "/metrics",
            "interval": "15s",
            "relabelings": [label("instance", "pipeline"), label("component", "component")],
        }],
    });
    monitor(pipeline, "PodMonitor", spec)
}

/// An object of the Prometheus operator, with the labels that a Prometheus selects it by.
pub(super) fn monitor(pipeline: &StockPipeline, kind: &str, spec: Value) -> DynamicObject {
    let mut metadata = metadata(pipeline, pipeline.name().to_owned(), SHARED);
    // Ours win: objects that belong to a pipeline are found by them.
    let ours = metadata.labels.take().unwrap_or_default();
    metadata.labels = Some(pipeline.spec.monitoring.labels.clone().into_iter().chain(ours).collect());
    DynamicObject {
        types: Some(TypeMeta { api_version: MONITORING_API.to_owned(), kind: kind.to_owned() }),
        metadata,
        data: json!({"spec": spec}),
    }
}
