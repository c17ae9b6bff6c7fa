//! What only a cluster knows: images, accounts, policies, monitoring.

use crate::limits;
use crate::reference::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Objects for the Prometheus operator and Grafana; none is made unasked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitoring {
    /// A PodMonitor.
    pub pod_monitor: bool,
    /// A PrometheusRule.
    pub prometheus_rule: bool,
    /// A ConfigMap with a dashboard, labelled for the sidecar of Grafana.
    pub grafana_dashboards: bool,
    /// Labels by which Prometheus and Grafana select them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub labels: BTreeMap<String, String>,
}

/// Who may talk to the pods, and whom they may talk to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    /// How much is restricted.
    pub mode: NetworkPolicyMode,
    /// Egress rules besides those the manifest implies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::raw_objects")]
    pub extra_egress: Vec<Map<String, Value>>,
}

/// How much is restricted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// What comes in.
    #[default]
    Ingress,
    /// What comes in and what goes out.
    Full,
    /// Nothing.
    None,
}

/// Stop, pause, restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// No pods; everything stored stays.
    pub stopped: bool,
    /// The operator only watches and reports.
    pub reconciliation_paused: bool,
    /// A new value restarts every pod, politely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_nonce: Option<i64>,
}

/// What happens to topic, directories and keyspace when the pipeline is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They stay.
    #[default]
    Retain,
    /// They go; only what the pipeline created.
    Delete,
}

/// The image of the workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// Its reference. Absent: the operator's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::ADDRESS), regex(pattern = "^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$"))]
    pub reference: Option<String>,
    /// When it is pulled.
    pub pull_policy: PullPolicy,
    /// Secrets of the registry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = limits::PULL_SECRETS),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub pull_secrets: Vec<SecretRef>,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Where the node has none.
    #[default]
    IfNotPresent,
    /// At every start.
    Always,
    /// By nobody: the node has it.
    Never,
}

/// The workers' service account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// One that exists. Absent: one is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::OBJECT_NAME), regex(pattern = crate::reference::NAME))]
    pub name: Option<String>,
    /// Annotations of the one that is made.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub annotations: BTreeMap<String, String>,
}

/// Labels and annotations for everything that is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub annotations: BTreeMap<String, String>,
}
