//! Where ticks come from: a Kafka topic, keyed by symbol.

use crate::duration::Duration;
use crate::limits;
use crate::reference::{ConfigMapKeyRef, SecretRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stream of ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The Kafka cluster and topic.
    pub kafka: Kafka,
    /// Whether records are keyed by symbol. If not, a `rekey` role copies them to `<pipeline>.ticks`, keyed.
    #[serde(default = "yes")]
    pub keyed: bool,
    /// What to do where the topic has lost records before they were read.
    #[serde(default)]
    pub on_gap: OnGap,
    /// How long a record covers, from its `ts`: minute bars stamped at their start say 1m. Absent: a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick_span: Option<Duration>,
}

fn yes() -> bool {
    true
}

/// A Kafka cluster and the topic in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kafka {
    /// host:port, several separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = limits::ADDRESS), regex(pattern = BOOTSTRAP))]
    pub bootstrap_servers: Option<String>,
    /// A discovery ConfigMap that holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapKeyRef>,
    /// The topic.
    #[serde(default)]
    pub topic: Topic,
    /// How to connect.
    #[serde(default)]
    pub security: Security,
}

const BOOTSTRAP: &str =
    r"^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+):[0-9]{1,5}(,(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+):[0-9]{1,5})*$";

/// The topic that ticks are read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Topic {
    /// Its name.
    #[schemars(length(min = 1, max = 249), regex(pattern = "^[a-zA-Z0-9._-]+$"))]
    pub name: String,
    /// Its partitions: how far ingest can be spread. Immutable: a symbol's history lives in one partition.
    #[schemars(range(min = 1, max = limits::PARTITIONS))]
    pub partitions: i32,
    /// Copies of each record.
    #[schemars(range(min = 1, max = 32))]
    pub replication_factor: i32,
    /// Whether to create it where it does not exist.
    pub create: bool,
    /// How long Kafka keeps records. Absent: the broker's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Duration>,
}

impl Default for Topic {
    fn default() -> Self {
        Topic {
            name: "ticks".to_owned(),
            partitions: 16,
            replication_factor: 1,
            create: true,
            retention: None,
        }
    }
}

/// How to connect to Kafka.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Security {
    /// Kafka's `security.protocol`.
    pub protocol: Protocol,
    /// Kafka's `sasl.mechanism`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<Mechanism>,
    /// Credentials, or a client certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// The certificate authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretRef>,
}

/// Kafka's `security.protocol`, in its own spelling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// No encryption, no authentication.
    #[default]
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
    /// TLS.
    #[serde(rename = "SSL")]
    Ssl,
    /// SASL without encryption.
    #[serde(rename = "SASL_PLAINTEXT")]
    SaslPlaintext,
    /// SASL over TLS.
    #[serde(rename = "SASL_SSL")]
    SaslSsl,
}

/// Kafka's `sasl.mechanism`, in its own spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mechanism {
    /// User and password.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge, SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge, SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// Kerberos.
    #[serde(rename = "GSSAPI")]
    Gssapi,
    /// A bearer token.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

/// What ingest does where records are gone before it read them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnGap {
    /// The partition halts and says so: a person decides.
    #[default]
    Halt,
    /// The gap is recorded, open rows are marked partial, reading goes on.
    Record,
}
