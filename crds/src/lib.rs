//! The two resources of Stockpipe, `StockPipeline` and `TrainingRun`, and the manifest that every subcommand is
//! configured by.
//!
//! One set of Rust types is the source of everything: the CRD schemas (`yaml/`, generated), their defaults, value
//! rules and CEL rules, and the offline validation that `stockpipe … -f pipeline.yaml` runs. What is accepted here
//! is accepted by the API server and the other way round; `tests/cases.yaml` is the table that holds both to it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`pipeline`], [`training_run`] | the types, one file per part of the spec |
//! | [`duration`], [`bar_span`], [`quantity`], [`decimal`], [`instant`] | the strings with a meaning |
//! | [`cel`] | rules over several fields, written once, run by the API server and offline |
//! | [`validate`] | the order of the API server: prune nulls, defaults, types and values, rules |
//! | [`manifest`] | files, `--set`, environment -> validated documents |
//! | [`mod@env`], [`overrides`] | names and paths that change a field |
//! | [`local`] | what a single process ignores of a pipeline |
//! | [`crd`] | the CustomResourceDefinitions, made fit for the API server |
//! | [`reason`] | the words of conditions and Events, their meaning and remedy |
//! | [`manual`] | the page that describes all of it |
//!
//! Architecture Invariant: this crate depends on no other crate of the workspace, reads no file, no clock and no
//! environment; all of them come in as arguments. It holds no float: decimals are strings.

pub mod bar_span;
pub mod cel;
pub mod crd;
pub mod decimal;
mod document;
pub mod duration;
pub mod env;
pub mod instant;
pub mod limits;
pub mod local;
pub mod manifest;
pub mod manual;
pub mod overrides;
pub mod pipeline;
pub mod problem;
pub mod quantity;
pub mod reason;
pub mod reference;
mod schema;
pub mod training_run;
pub mod validate;
mod value_rules;

pub use bar_span::BarSpan;
pub use decimal::Decimal;
pub use duration::Duration;
pub use instant::Instant;
pub use manifest::{Bare, Documents, File, Manifest, ManifestError};
pub use pipeline::{StockPipeline, StockPipelineSpec};
pub use problem::Problem;
pub use quantity::Quantity;
pub use training_run::{TrainingRun, TrainingRunSpec, TrainingTemplate, run_from_pipeline};

/// The API group of both kinds.
pub const GROUP: &str = "stockpipe.dev";
/// The one version there is.
pub const VERSION: &str = "v1alpha1";
/// What a manifest writes as `apiVersion`.
pub const API_VERSION: &str = "stockpipe.dev/v1alpha1";
