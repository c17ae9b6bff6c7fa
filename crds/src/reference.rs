//! References to other objects of the namespace. A reference is absent or names something; that it exists is seen
//! at run time and is a condition, never a crash.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) const NAME: &str = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

/// A Secret by name. Its keys are those that Strimzi, cert-manager and K8ssandra write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = crate::limits::OBJECT_NAME), regex(pattern = NAME))]
    pub name: String,
}

/// A ConfigMap by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigMapRef {
    /// The ConfigMap's name.
    #[schemars(length(min = 1, max = crate::limits::OBJECT_NAME), regex(pattern = NAME))]
    pub name: String,
}

/// One key of a ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigMapKeyRef {
    /// The ConfigMap's name.
    #[schemars(length(min = 1, max = crate::limits::OBJECT_NAME), regex(pattern = NAME))]
    pub name: String,
    /// The key whose value is meant.
    #[serde(default = "kafka_key")]
    #[schemars(length(min = 1, max = crate::limits::OBJECT_NAME), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

fn kafka_key() -> String {
    "KAFKA".to_owned()
}
