//! Offline validation in the order of the API server: prune nulls, set defaults, check types and values, run rules.
//!
//! A document that passes here deserialises into its Rust type; the types refuse nothing that the schema admits,
//! but for durations beyond 68 years and sizes beyond 2^64 bytes.

use crate::problem::Problem;
use crate::{cel, crd, value_rules};
use serde_json::Value;
use std::sync::LazyLock;

/// The two kinds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A pipeline.
    StockPipeline,
    /// A run.
    TrainingRun,
}

static PIPELINE: LazyLock<Value> = LazyLock::new(|| crd::schema(&crd::stock_pipeline()).clone());
static RUN: LazyLock<Value> = LazyLock::new(|| crd::schema(&crd::training_run()).clone());

impl Kind {
    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "StockPipeline" => Some(Kind::StockPipeline),
            "TrainingRun" => Some(Kind::TrainingRun),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::StockPipeline => "StockPipeline",
            Kind::TrainingRun => "TrainingRun",
        }
    }

    /// Its OpenAPI schema.
    pub fn schema(self) -> &'static Value {
        match self {
            Kind::StockPipeline => &PIPELINE,
            Kind::TrainingRun => &RUN,
        }
    }
}

/// The object as the API server would store it: nulls pruned, defaults set.
pub fn with_defaults(kind: Kind, mut object: Value) -> Value {
    value_rules::prune_nulls(&mut object);
    kube_cel::apply_defaults(kind.schema(), &object)
}

/// Everything wrong with a defaulted object. `old` is the object it replaces, for the rules of what may change.
///
/// Rules over several fields are run only where every single value is right, as the API server does.
pub fn problems(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    value_rules::check(kind.schema(), object, "", &mut problems);
    if problems.is_empty() { cel::check(kind, object, old) } else { problems }
}
