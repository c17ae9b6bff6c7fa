//! What the operator reports about a pipeline. Nothing here is ever a setting.

use crate::decimal::Decimal;
use crate::limits;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The observed state of a pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StockPipelineStatus {
    /// The generation that everything below speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Progressing, Degraded, DependenciesReady, ScalingActive, ReconciliationPaused, Stopped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// One entry per role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub components: Vec<Component>,
    /// Ingest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingest: Option<IngestStatus>,
    /// Which models serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelStatus>,
    /// When the schedule last started a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scheduled: Option<Time>,
    /// When it will start the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_training: Option<Time>,
}

/// The pods of one role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The role.
    #[schemars(length(max = limits::TEXT))]
    pub name: String,
    /// Pods wanted.
    #[serde(default)]
    pub desired: i32,
    /// Pods ready.
    #[serde(default)]
    pub ready: i32,
    /// Pods of the newest template.
    #[serde(default)]
    pub updated: i32,
    /// The configuration they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub config_hash: Option<String>,
}

/// Ingest at a glance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngestStatus {
    /// Pods, for the scale subresource.
    pub replicas: i32,
    /// Their label selector, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::STATUS_TEXT))]
    pub selector: Option<String>,
    /// Ready of wanted: 2/2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT))]
    pub summary: Option<String>,
    /// Seconds between the newest record and the newest committed one, in steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// Everything before this event time is committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed_until: Option<Time>,
}

/// Which versions have which alias, for the first horizon.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelStatus {
    /// The version that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion: Option<i64>,
    /// The one that served before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<i64>,
    /// The one that is being tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenger: Option<i64>,
    /// The champion's skill, out of sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<Decimal>,
    /// When it was promoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promoted_at: Option<Time>,
    /// When this was read from the predictors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Time>,
}
