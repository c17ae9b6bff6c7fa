//! Where features and predictions are served from: Cassandra.

use crate::duration::Duration;
use crate::limits;
use crate::reference::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The feature store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureStore {
    /// The cluster.
    pub cassandra: Cassandra,
    /// How long rows live. Absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
}

/// A Cassandra cluster and the keyspace in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cassandra {
    /// host:port, or host.
    #[schemars(
        length(min = 1, max = limits::CONTACT_POINTS),
        inner(length(max = limits::TEXT), regex(pattern = r"^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+)(:[0-9]{1,5})?$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub contact_points: Vec<String>,
    /// The data centre that is local.
    #[serde(default = "datacenter")]
    #[schemars(length(min = 1, max = limits::TEXT))]
    pub datacenter: String,
    /// The keyspace. Immutable. Two pipelines need two.
    #[serde(default = "keyspace")]
    #[schemars(length(min = 1, max = 48), regex(pattern = "^[a-z][a-z0-9_]*$"))]
    pub keyspace: String,
    /// Copies of each row, where the keyspace is created.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 32))]
    pub replication_factor: i32,
    /// User and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// The certificate authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretRef>,
    /// Whether to connect over TLS.
    #[serde(default)]
    pub tls: bool,
}

fn datacenter() -> String {
    "datacenter1".to_owned()
}

fn keyspace() -> String {
    "market".to_owned()
}

fn one() -> i32 {
    1
}

/// How long rows live, counted from their arrival.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ttl {
    /// Bars, windows and indicators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Duration>,
    /// Predictions and their outcomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<Duration>,
}
