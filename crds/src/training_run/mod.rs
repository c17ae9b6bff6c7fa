//! `TrainingRun`: one training, from data to a verdict.
//!
//! Three types: [`TrainingTemplate`] (everything that can be said of a training, with defaults; embedded in the
//! pipeline, where it may change), [`TrainingRunSpec`] (a template bound to a pipeline; immutable but for `suspend`
//! and `ttlAfterFinished`) and [`PromotionOverride`]. Nothing is inherited when a run runs: whoever creates it copies
//! the pipeline's template into it, see [`run_from_pipeline`].

#![allow(
    clippy::duplicated_attributes,
    reason = "each printcolumn has a type of its own; the lint sees one list"
)]

pub mod result;
pub mod status;
pub mod template;

pub use result::RunResult;
pub use status::TrainingRunStatus;
pub use template::{
    Algorithm, Backoff, DataRange, Engine, GroupBy, Model, PromotionOverride, RestartPolicy, RestartType,
    Target, TargetKind, TrainingTemplate, ValidationMethod, ValidationPlan, WindowKind,
};

use crate::cel;
use crate::pipeline::{StockPipeline, name_of};
use crate::reference;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A training of one pipeline's model.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "stockpipe.dev",
    version = "v1alpha1",
    kind = "TrainingRun",
    namespaced,
    status = "TrainingRunStatus",
    shortname = "trun",
    category = "stockpipe",
    derive = "PartialEq",
    doc = "One training of a pipeline's model: data, folds, forest, verdict.",
    printcolumn(name = "PIPELINE", type_ = "string", json_path = ".spec.pipelineRef.name"),
    printcolumn(name = "PHASE", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "PROGRESS",
        type_ = "integer",
        json_path = ".status.progressPercent",
        description = "Percent of the work."
    ),
    printcolumn(name = "ROWS", type_ = "integer", json_path = ".status.dataset.rows"),
    printcolumn(name = "RMSE", type_ = "string", json_path = ".status.metrics[?(@.name=='rmse')].value"),
    printcolumn(
        name = "SKILL",
        type_ = "string",
        json_path = ".status.metrics[?(@.name=='skill')].value",
        description = "Skill over the best naive forecast, out of sample."
    ),
    printcolumn(name = "VERSION", type_ = "integer", json_path = ".status.version"),
    printcolumn(name = "ALIAS", type_ = "string", json_path = ".status.alias"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = cel::rules(cel::RUN)))]
pub struct TrainingRunSpec {
    /// The pipeline whose data it reads and whose registry it writes.
    pub pipeline_ref: PipelineRef,
    /// What is trained.
    #[serde(flatten)]
    pub template: TrainingTemplate,
    /// Whether it waits: as Kueue sets it.
    #[serde(default)]
    pub suspend: bool,
}

/// A pipeline of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineRef {
    /// Its name.
    #[schemars(length(min = 1, max = crate::limits::PIPELINE_NAME), regex(pattern = reference::NAME))]
    pub name: String,
}

impl TrainingRun {
    /// The run's name; empty only where an object was made without one.
    pub fn name(&self) -> &str {
        name_of(&self.metadata)
    }
}

/// The run that the pipeline asks for: its template, or the defaults where it has none.
///
/// Without a template, bar and horizons are the predictor's: a model for a bar that nobody serves would be stored
/// and never used. The run is called like the pipeline; who starts several gives them names.
pub fn run_from_pipeline(pipeline: &StockPipeline) -> TrainingRun {
    let template = match &pipeline.spec.training {
        Some(training) => training.template.spec.clone(),
        None => {
            let mut template = TrainingTemplate::default();
            template.data.bar = pipeline.spec.predictor.bar;
            template.target.horizons = pipeline.spec.predictor.horizons.clone();
            template
        }
    };
    let pipeline_ref = PipelineRef { name: pipeline.name().to_owned() };
    let mut run =
        TrainingRun::new(pipeline.name(), TrainingRunSpec { pipeline_ref, template, suspend: false });
    run.metadata.namespace = pipeline.metadata.namespace.clone();
    run
}
