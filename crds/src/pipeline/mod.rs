//! `StockPipeline`: one stream of ticks, from its topic to forecasts.
//!
//! The spec reads in the order of the data flow, one file per part. Every default is a value that the API server
//! stores; what is off or computed is absent. Rules over several fields are in [`crate::cel`].

#![allow(
    clippy::duplicated_attributes,
    reason = "each printcolumn has a type of its own; the lint sees one list"
)]

pub mod calendar;
pub mod feature_store;
pub mod features;
pub mod lake;
pub mod platform;
pub mod producer;
pub mod promotion;
pub mod roles;
pub mod source;
pub mod status;
pub mod training;

pub use calendar::{Calendar, CalendarKind, HolidaysRef};
pub use feature_store::{Cassandra, FeatureStore, Ttl};
pub use features::{Dedup, DedupBy, Features, OhlcOrder, Validation, Window};
pub use lake::{Hdfs, Kerberos, Lake, Roll};
pub use platform::{
    DeletionPolicy, Image, Metadata, Monitoring, NetworkPolicy, NetworkPolicyMode, Operation, PullPolicy,
    ServiceAccount,
};
pub use producer::{Producer, ProducerModel, SymbolOverride};
pub use promotion::{Promotion, PromotionMode, Rollback};
pub use roles::{Auth, Autoscaling, Dashboard, Ingest, Predictor, Service, ServiceType};
pub use source::{Kafka, Mechanism, OnGap, Protocol, Security, Source, Topic};
pub use status::StockPipelineStatus;
pub use training::{ConcurrencyPolicy, History, TemplateHolder, Training, Triggers};

use crate::cel;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One pipeline: where ticks come from, where they are kept, what is computed from them, who may use the result.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stockpipe.dev",
    version = "v1alpha1",
    kind = "StockPipeline",
    namespaced,
    status = "StockPipelineStatus",
    shortname = "spipe",
    category = "stockpipe",
    derive = "PartialEq",
    doc = "A stream of stock ticks turned into stored history, live features and forecasts.",
    scale(
        spec_replicas_path = ".spec.ingest.replicas",
        status_replicas_path = ".status.ingest.replicas",
        label_selector_path = ".status.ingest.selector"
    ),
    printcolumn(
        name = "READY",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether every enabled role runs and every dependency answers."
    ),
    printcolumn(
        name = "INGEST",
        type_ = "string",
        json_path = ".status.ingest.summary",
        description = "Ingest pods that are ready, of those wanted."
    ),
    printcolumn(
        name = "LAG",
        type_ = "integer",
        json_path = ".status.ingest.lagSeconds",
        description = "Seconds between the newest record and the newest committed one."
    ),
    printcolumn(
        name = "MODEL",
        type_ = "integer",
        json_path = ".status.model.champion",
        description = "The version that serves."
    ),
    printcolumn(
        name = "SKILL",
        type_ = "string",
        json_path = ".status.model.skill",
        description = "The champion's skill over the best naive forecast, out of sample."
    ),
    printcolumn(
        name = "REASON",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it is, or is not, ready."
    ),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::PIPELINE)))]
pub struct StockPipelineSpec {
    /// Where ticks come from.
    pub source: Source,
    /// Where raw ticks, bars and models are kept.
    pub lake: Lake,
    /// Where features and predictions are served from.
    pub feature_store: FeatureStore,
    /// When the market is open. Absent: always for bars below 1d, weekdays from 1d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
    /// What is computed from ticks.
    #[serde(default)]
    pub features: Features,
    /// The role that reads ticks and writes everything computed from them.
    #[serde(default)]
    pub ingest: Ingest,
    /// The role that forecasts.
    #[serde(default)]
    pub predictor: Predictor,
    /// The role that shows.
    #[serde(default)]
    pub dashboard: Dashboard,
    /// Synthetic ticks with a known truth.
    #[serde(default)]
    pub producer: Producer,
    /// When models are trained, and how. Absent: only by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Training>,
    /// When a trained model may serve.
    #[serde(default)]
    pub promotion: Promotion,
    /// Objects for the Prometheus operator and Grafana.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Who may talk to the pods.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// Stop, pause, restart.
    #[serde(default)]
    pub operation: Operation,
    /// What happens to the data when the pipeline is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The image of the workers.
    #[serde(default)]
    pub image: Image,
    /// The workers' service account. Absent: one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount>,
    /// Labels and annotations for everything that is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// A patch of every pod, merged last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::raw_object")]
    pub pod_overrides: Option<Map<String, Value>>,
}

impl StockPipeline {
    /// The pipeline's name; empty only where an object was made without one.
    pub fn name(&self) -> &str {
        name_of(&self.metadata)
    }
}

pub(crate) fn name_of(metadata: &ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}
