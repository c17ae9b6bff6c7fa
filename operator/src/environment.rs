//! What the operator knows of itself: the same for every object.

/// Settings of the operator's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Image of the workers where a pipeline names none.
    pub image: String,
    /// The operator's version, `0.1.0`: workers of this and the previous minor are accepted.
    pub version: String,
    /// The operator's namespace: its pods may reach the workers' admin port.
    pub namespace: String,
    /// Domain of the cluster, `cluster.local`.
    pub cluster_domain: String,
    /// True where the Prometheus operator's kinds are there.
    pub prometheus_operator: bool,
}
