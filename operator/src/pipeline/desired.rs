//! A pipeline past validation: what the builders build from. Everything a builder needs is a value in here.

use std::collections::BTreeMap;

use crds::{Problem, StockPipeline};

use super::image::Unsupported;
use super::references::Kind;

/// A role that is a Deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads ticks, writes everything computed from them.
    Ingest,
    /// Copies a topic that is not keyed; only where `source.keyed` is false.
    Rekey,
    /// Forecasts.
    Predictor,
    /// Shows.
    Dashboard,
    /// Makes synthetic ticks.
    Producer,
}

impl Role {
    /// Every role, in the order in which they are told.
    pub const ALL: [Role; 5] = [Role::Ingest, Role::Rekey, Role::Predictor, Role::Dashboard, Role::Producer];

    /// Its name in labels, object names and `status.components`.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Rekey => "rekey",
            Role::Predictor => "predictor",
            Role::Dashboard => "dashboard",
            Role::Producer => "producer",
        }
    }

    /// The subcommand of the workers' binary.
    pub const fn command(self) -> &'static str {
        match self {
            Role::Predictor => "predict",
            Role::Producer => "produce",
            other => other.name(),
        }
    }
}

/// Identity of a Secret or ConfigMap that a manifest names: it changes whenever the content does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The object's uid.
    pub uid: String,
    /// Its resourceVersion.
    pub resource_version: String,
}

/// A ConfigMap that is there: its identity and its data.
pub type FoundConfigMap = (Stamp, BTreeMap<String, String>);

/// What the API server had of what the pipeline names. Absent = the object is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dereferenced {
    /// Secrets by name.
    pub secrets: BTreeMap<String, Option<Stamp>>,
    /// ConfigMaps by name, with their data.
    pub config_maps: BTreeMap<String, Option<FoundConfigMap>>,
}

/// What to build.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The pipeline: defaulted, valid, with namespace and uid.
    pub pipeline: StockPipeline,
    /// Everything it names, all there.
    pub found: Dereferenced,
    /// Replicas of ingest: the spec's, or what autoscaling decided.
    pub ingest_replicas: i32,
    /// Hash of the configuration that running workers have, while the init Job of a newer one is not complete.
    /// `None`: workers get the newest.
    pub held_config: Option<String>,
    /// A cleanup Job instead of roles: the pipeline is being deleted and `deletionPolicy` is Delete.
    pub cleanup: bool,
}

/// Why nothing can be built; the last valid children stay.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// The spec breaks a rule that the CRD of the server does not have, or is of an older CRD.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Spec(Vec<Problem>),
    /// The spec cannot be read: it was stored under another CRD.
    #[error("the spec cannot be read: {0}; install the CRDs of this release, or correct the field")]
    Unreadable(String),
    /// The image is of a release that this operator does not run.
    #[error(transparent)]
    Image(#[from] Unsupported),
    /// A Secret or ConfigMap is not there.
    #[error("{} {name}, which {field} names, does not exist in this namespace: create it", .kind.name())]
    Missing {
        /// What is not there.
        kind: Kind,
        /// Its name.
        name: String,
        /// The field that names it.
        field: String,
    },
    /// A ConfigMap is there without what is looked for in it.
    #[error(
        "ConfigMap {name}, which {field} names, has no key {key}: add it, or name another ConfigMap or key"
    )]
    MissingKey {
        /// Its name.
        name: String,
        /// The key.
        key: String,
        /// The field that names it.
        field: String,
    },
}
