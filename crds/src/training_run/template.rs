//! Everything that can be said of a training.

use crate::bar_span::BarSpan;
use crate::decimal::Decimal;
use crate::duration::{Duration, Unit};
use crate::instant::Instant;
use crate::limits;
use crate::pipeline::producer::SYMBOL;
use crate::pipeline::{PromotionMode, Rollback};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is trained, on what, how it is judged, and what happens when it fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrainingTemplate {
    /// Which rows.
    pub data: DataRange,
    /// What is forecast.
    pub target: Target,
    /// How it is judged.
    pub validation: ValidationPlan,
    /// What learns.
    pub model: Model,
    /// Pods that share the trees. The model is the same, byte for byte, for any number.
    #[schemars(range(min = 1, max = limits::WORKERS))]
    pub workers: i32,
    /// What happens when an attempt fails.
    pub restart_policy: RestartPolicy,
    /// Unsuspended time since the first submission after which the run fails.
    pub active_deadline: Duration,
    /// When a finished run is deleted. Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_after_finished: Option<Duration>,
    /// What is asked of this run's model. Absent fields: the pipeline's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<PromotionOverride>,
    /// A patch of the trainer's pods, merged last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::raw_object")]
    pub pod_overrides: Option<Map<String, Value>>,
}

impl Default for TrainingTemplate {
    fn default() -> Self {
        TrainingTemplate {
            data: DataRange::default(),
            target: Target::default(),
            validation: ValidationPlan::default(),
            model: Model::default(),
            workers: 1,
            restart_policy: RestartPolicy::default(),
            active_deadline: Duration::of(30, Unit::Minute),
            ttl_after_finished: None,
            promotion: None,
            pod_overrides: None,
        }
    }
}

/// Which rows are learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DataRange {
    /// The bar.
    pub bar: BarSpan,
    /// Symbols, or `*` for all.
    #[schemars(
        length(min = 1, max = limits::SYMBOLS),
        inner(length(min = 1, max = limits::SYMBOL), regex(pattern = SYMBOL)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub symbols: Vec<String>,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub to: Instant,
    /// Fewer rows, over all symbols, are not trained on: the run waits.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub min_rows: i64,
}

impl Default for DataRange {
    fn default() -> Self {
        DataRange {
            bar: BarSpan::MINUTE,
            symbols: vec!["*".to_owned()],
            from: Instant::Before(Duration::of(14, Unit::Day)),
            to: Instant::Now,
            min_rows: 2000,
        }
    }
}

/// What is forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    /// Of what kind.
    pub kind: TargetKind,
    /// How many bars ahead.
    #[schemars(
        length(min = 1, max = limits::HORIZONS),
        inner(range(min = 1, max = limits::HORIZON_BARS)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub horizons: Vec<i32>,
    /// Bars between a forecast and the first price that could be traded. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::HORIZON_BARS))]
    pub delay_bars: Option<i32>,
}

impl Default for Target {
    fn default() -> Self {
        Target { kind: TargetKind::LogReturn, horizons: vec![1, 5], delay_bars: None }
    }
}

/// The kinds of target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// ln of the price then over the price now.
    #[default]
    LogReturn,
}

/// How a model is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ValidationPlan {
    /// By which method.
    pub method: ValidationMethod,
    /// How many folds.
    #[schemars(range(min = 2, max = limits::FOLDS))]
    pub folds: i32,
    /// What a fold trains on.
    pub window: WindowKind,
    /// Time left out before a test fold. Absent: computed from the horizon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge: Option<Duration>,
    /// Time left out besides. Absent: computed from the horizon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embargo: Option<Duration>,
}

impl Default for ValidationPlan {
    fn default() -> Self {
        ValidationPlan {
            method: ValidationMethod::WalkForward,
            folds: 5,
            window: WindowKind::Expanding,
            purge: None,
            embargo: None,
        }
    }
}

/// The methods of validation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ValidationMethod {
    /// Train on the past, test on what follows, go on.
    #[default]
    WalkForward,
}

/// What a fold trains on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WindowKind {
    /// Everything before it.
    #[default]
    Expanding,
}

/// What learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Model {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Who implements it.
    pub engine: Engine,
    /// Trees of a forest.
    #[schemars(range(min = 1, max = limits::TREES))]
    pub trees: i32,
    /// Depth of a tree, counted from 0.
    #[schemars(range(min = 1, max = limits::DEPTH))]
    pub max_depth: i32,
    /// Features tried at a split, of all.
    #[schemars(range(min = 1, max = 100))]
    pub max_features_percent: i32,
    /// One forest for all, or one per symbol.
    pub group_by: GroupBy,
    /// Equal seeds and data make equal models.
    pub seed: i64,
    /// Rows of a leaf. Absent: computed from horizon and rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_samples_leaf: Option<i32>,
    /// The age at which a row counts half. Absent: all rows count alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recency_half_life: Option<Duration>,
}

impl Default for Model {
    fn default() -> Self {
        Model {
            algorithm: Algorithm::RandomForest,
            engine: Engine::Auto,
            trees: 100,
            max_depth: 8,
            max_features_percent: 33,
            group_by: GroupBy::None,
            seed: 42,
            min_samples_leaf: None,
            recency_half_life: None,
        }
    }
}

/// The algorithms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// A random forest.
    #[default]
    RandomForest,
}

/// The implementations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Engine {
    /// Chosen by the number of rows, once, and recorded.
    #[default]
    Auto,
    /// smartcore.
    Smartcore,
    /// Histograms.
    Hist,
}

/// How many forests there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GroupBy {
    /// One for all symbols.
    #[default]
    None,
    /// One per symbol, in one file, each judged by itself.
    Symbol,
}

/// What happens when an attempt fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartPolicy {
    /// Whether there is another attempt.
    #[serde(rename = "type")]
    pub type_: RestartType,
    /// At most so many.
    #[schemars(range(min = 0, max = limits::RETRIES))]
    pub max_retries: i32,
    /// The pause between two.
    pub backoff: Backoff,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy { type_: RestartType::OnFailure, max_retries: 2, backoff: Backoff::default() }
    }
}

/// Whether there is another attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RestartType {
    /// After a failure that may pass.
    #[default]
    OnFailure,
    /// Never.
    Never,
}

/// The pause between two attempts: doubled each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Backoff {
    /// The first.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { initial: Duration::of(10, Unit::Second), max: Duration::of(5, Unit::Minute) }
    }
}

/// What is asked of one run's model. No defaults: an absent field is the pipeline's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionOverride {
    /// Who decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PromotionMode>,
    /// The least skill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_skill: Option<Decimal>,
    /// Forecasts made unseen before it may replace a champion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub shadow_bars: Option<i32>,
    /// The least time between two promotions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
    /// Who decides that it serves no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Whether a model that is too good to be true is promoted without a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_suspicious: Option<bool>,
    /// How much market time it may serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<Duration>,
}
