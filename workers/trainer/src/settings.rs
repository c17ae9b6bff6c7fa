//! What a training run is told: plain values, resolved by whoever reads the manifest.

use std::{collections::BTreeMap, sync::Arc};

use feature_store::FeatureStore;
use indicators::{Calendar, IndicatorSet};
use lake::Lake;
use market::{Span, Timestamp};

use crate::{Instant, TrainError, limits};

/// One training run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline's name.
    pub pipeline: String,
    /// The run's name, unique in the pipeline.
    pub run: String,
    /// The run's uid: publishing is idempotent by it. The name where nothing better is known.
    pub uid: String,
    /// The lake's root directory.
    pub root: String,
    /// The indicators of the manifest: they settle the feature schema.
    pub indicators: IndicatorSet,
    /// When the market is open.
    pub calendar: Calendar,
    /// Which rows.
    pub data: Data,
    /// Bars ahead, each its own forecast.
    pub horizons: Vec<u32>,
    /// How it is judged.
    pub validation: Validation,
    /// What is fitted.
    pub model: ModelSettings,
    /// What happens to a version that passes.
    pub promotion: Promotion,
    /// What the predictor serves; a version for anything else is stored, never aliased.
    pub served: Served,
    /// Threads that fit blocks of trees. Never changes the model.
    pub threads: usize,
    /// Memory the run may use, in bytes; a run whose estimate is above it is refused before it starts.
    pub memory_limit: Option<u64>,
    /// Known truths of synthetic symbols, by symbol.
    pub truths: BTreeMap<String, Truth>,
}

/// `spec.data`.
#[derive(Debug, Clone)]
pub struct Data {
    /// Bar size.
    pub bar: Span,
    /// Symbol patterns; `*` stands for any run of characters.
    pub symbols: Vec<String>,
    /// First `as_of`.
    pub from: Instant,
    /// Last `as_of`.
    pub to: Instant,
    /// Least pooled rows of the first horizon.
    pub min_rows: u64,
}

/// `spec.validation`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Walk-forward folds.
    pub folds: u32,
    /// Training window of a fold: everything before it, or as long as the first fold's.
    pub rolling: bool,
    /// Bars between the last training target and the first test row; absent: the purge by target instants alone.
    pub purge: Option<u32>,
    /// Bars of embargo after the purge; absent: the horizon.
    pub embargo: Option<u32>,
}

/// `spec.model`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelSettings {
    /// Which engine.
    pub engine: EngineChoice,
    /// Trees, rounded up to whole blocks of ten by the engine.
    pub trees: u32,
    /// Depth, counted from 0.
    pub max_depth: u32,
    /// Features tried at a split, in per cent of all.
    pub max_features_percent: u32,
    /// Least rows of a leaf; absent: `max(50 h, n / 50)`.
    pub min_samples_leaf: Option<u32>,
    /// One forest for all symbols, or one each.
    pub group_by: GroupBy,
    /// Same data and seed, same model.
    pub seed: u64,
}

/// `spec.model.engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// Resolved once per run and recorded.
    Auto,
    /// smartcore.
    Smartcore,
    /// The histogram engine: refused until it exists.
    Hist,
}

/// `spec.model.groupBy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// One forest for all symbols.
    None,
    /// One forest per symbol, judged per symbol.
    Symbol,
}

/// `spec.promotion`, merged with the run's override.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promotion {
    /// Move aliases by itself.
    pub automatic: bool,
    /// Skill must be above this.
    pub min_skill: f64,
    /// Matured target instants in shadow: accepted, not used yet.
    pub shadow_bars: u32,
    /// Promote suspiciously high skill too: accepted, not used yet.
    pub allow_suspicious: bool,
}

/// What the predictor serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Its bar size.
    pub bar: Span,
    /// Its horizons.
    pub horizons: Vec<u32>,
}

/// What is known of a synthetic symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Name of the generator with its parameters (`Ar1 phi 0.3`).
    pub name: String,
    /// Best possible skill by horizon; a horizon that is absent has no known ceiling.
    pub ceilings: BTreeMap<u32, f64>,
}

/// What a training run works with.
#[derive(Clone)]
pub struct Components {
    /// Bars are read from it, versions written to it.
    pub lake: Arc<dyn Lake>,
    /// Runs and aliases are written to it; newest rows are read for the watermark.
    pub store: Arc<dyn FeatureStore>,
    /// Record time: for run rows and alias events, never for results.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Asked between blocks of trees; `true` ends the run as interrupted.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Settings {
    /// Refuses what cannot be trained, before anything is read.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        let bad = |what: String, remedy: &str| Err(TrainError::BadInput { what, remedy: remedy.to_owned() });
        if self.model.engine == EngineChoice::Hist {
            return bad(
                "model.engine Hist: the histogram engine is not part of this version".to_owned(),
                "write engine: Smartcore, or Auto, which resolves to it",
            );
        }
        let horizons = &self.horizons;
        if horizons.is_empty() || horizons.len() > limits::HORIZONS {
            return bad(format!("target.horizons has {} entries", horizons.len()), "name 1 to 16 horizons");
        }
        if horizons.iter().any(|h| *h == 0 || *h > limits::HORIZON_BARS) {
            return bad(format!("target.horizons {horizons:?}"), "use 1 to 10000 bars ahead");
        }
        if (1..horizons.len()).any(|i| horizons[..i].contains(&horizons[i])) {
            return bad(format!("target.horizons {horizons:?} names one twice"), "name each once");
        }
        if self.threads == 0 || self.threads > limits::THREADS {
            return bad(format!("{} threads", self.threads), "use 1 to 256");
        }
        if !self.promotion.min_skill.is_finite() {
            return bad("promotion.minSkill is no number".to_owned(), "write a decimal, as in \"0.001\"");
        }
        Ok(())
    }

    /// The known ceiling of a symbol at a horizon.
    pub(crate) fn ceiling(&self, symbol: &str, horizon: u32) -> Option<f64> {
        self.truths.get(symbol)?.ceilings.get(&horizon).copied()
    }
}
