//! The roles that run all the time.

use crate::bar_span::BarSpan;
use crate::duration::{Duration, Unit};
use crate::limits;
use crate::reference::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The role that reads ticks and writes everything computed from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingest {
    /// Pods; at most one per partition. Not used where autoscaling is on.
    #[schemars(range(min = 0, max = limits::REPLICAS))]
    pub replicas: i32,
    /// Replicas by lag. Absent: off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// A patch of this role's pods, merged last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::raw_object")]
    pub pod_overrides: Option<Map<String, Value>>,
}

impl Default for Ingest {
    fn default() -> Self {
        Ingest { replicas: 1, autoscaling: None, pod_overrides: None }
    }
}

/// Replicas by lag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Autoscaling {
    /// Never fewer.
    #[schemars(range(min = 1, max = limits::REPLICAS))]
    pub min_replicas: i32,
    /// Never more; at most one per partition.
    #[schemars(range(min = 1, max = limits::REPLICAS))]
    pub max_replicas: i32,
    /// The lag that is still well.
    pub target_lag: Duration,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Autoscaling { min_replicas: 1, max_replicas: 4, target_lag: Duration::of(10, Unit::Second) }
    }
}

/// The role that forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Predictor {
    /// Whether it runs.
    pub enabled: bool,
    /// The bar it forecasts over; one of features.bars.
    pub bar: BarSpan,
    /// How many bars ahead.
    #[schemars(
        length(min = 1, max = limits::HORIZONS),
        inner(range(min = 1, max = limits::HORIZON_BARS)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub horizons: Vec<i32>,
    /// A patch of this role's pods, merged last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::raw_object")]
    pub pod_overrides: Option<Map<String, Value>>,
}

impl Default for Predictor {
    fn default() -> Self {
        Predictor { enabled: true, bar: BarSpan::MINUTE, horizons: vec![1, 5], pod_overrides: None }
    }
}

/// The role that shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dashboard {
    /// Whether it runs.
    pub enabled: bool,
    /// Pods.
    #[schemars(range(min = 0, max = 32))]
    pub replicas: i32,
    /// The TCP port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Who may look. Absent: everybody who can connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Its Service. Absent: a ClusterIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The path it is served under behind a proxy, like /stockpipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::TEXT), regex(pattern = "^(/[a-zA-Z0-9._-]+)+$"))]
    pub base_path: Option<String>,
    /// A patch of this role's pods, merged last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::raw_object")]
    pub pod_overrides: Option<Map<String, Value>>,
}

impl Default for Dashboard {
    fn default() -> Self {
        Dashboard {
            enabled: true,
            replicas: 1,
            port: 8501,
            auth: None,
            service: None,
            base_path: None,
            pod_overrides: None,
        }
    }
}

/// Who may look at the dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// The Secret with `username` and `password`.
    pub secret_ref: SecretRef,
}

/// The dashboard's Service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Kubernetes' `type`.
    #[serde(rename = "type")]
    pub type_: ServiceType,
    /// Its annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    pub annotations: BTreeMap<String, String>,
}

/// The type of a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Inside the cluster.
    #[default]
    ClusterIP,
    /// On a port of every node.
    NodePort,
    /// By the cloud's load balancer.
    LoadBalancer,
}
