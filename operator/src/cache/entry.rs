//! One object, small: a pipeline has a dozen, and an operator may have a thousand pipelines.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::{POD, TRAINING_RUN};
use crate::apply::kind_of;
use crate::labels::PIPELINE;

/// One object.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The pipeline that it belongs to.
    pub pipeline: Option<String>,
    /// Versions are numbers that grow, in every API server there is (and from Kubernetes 1.35 on by its contract).
    version: Option<u64>,
    text: Arc<[u8]>,
}

impl Entry {
    /// Of an object whose kind is set.
    pub fn of(mut object: DynamicObject) -> Entry {
        object.metadata.managed_fields = None;
        let kind = kind_of(&object);
        if kind == POD.kind {
            forget_containers(&mut object.data);
        }
        let pipeline = if kind == TRAINING_RUN.kind {
            object.data["spec"]["pipelineRef"]["name"].as_str().map(str::to_owned)
        } else {
            object.labels().get(PIPELINE).cloned()
        };
        let version = object.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        // An object is plain data: it always has a JSON form.
        Entry { pipeline, version, text: serde_json::to_vec(&object).unwrap_or_default().into() }
    }

    /// True where it was read after `known` was, as far as that can be told.
    pub fn is_newer_than(&self, known: &Entry) -> bool {
        match (self.version, known.version) {
            (Some(new), Some(old)) => new > old,
            _ => true,
        }
    }

    /// Its JSON.
    pub fn text(&self) -> Arc<[u8]> {
        self.text.clone()
    }
}

/// Of a pod's spec only its volumes are ever looked at.
fn forget_containers(data: &mut Value) {
    if let Some(spec) = data.get_mut("spec") {
        let volumes = spec["volumes"].take();
        *spec = json!({"containers": [], "volumes": volumes});
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;

    #[test]
    fn what_is_never_looked_at_is_not_kept() {
        let pod: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "labels": {"stockpipe.dev/pipeline": "market"},
                         "managedFields": [{"manager": "kubelet", "fieldsV1": {}}]},
            "spec": {"containers": [{"name": "main", "env": [{"name": "A"}]}],
                     "volumes": [{"name": "v", "configMap": {"name": "market-config-1"}}]},
            "status": {"phase": "Running", "podIP": "10.0.0.1"},
        }))
        .unwrap();
        let entry = Entry::of(pod);
        assert_eq!(entry.pipeline.as_deref(), Some("market"));
        let kept: Pod = serde_json::from_slice(&entry.text()).unwrap();
        assert_eq!(kept.metadata.managed_fields, None);
        assert_eq!(kept.status.unwrap().pod_ip.as_deref(), Some("10.0.0.1"));
        let spec = kept.spec.unwrap();
        assert_eq!((spec.containers.len(), spec.volumes.unwrap().len()), (0, 1));
    }
}
