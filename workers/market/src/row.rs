//! Rows that leave the stream: windows, bars, predictions, aliases and runs. The stores keep exactly these.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Ohlcv, Symbol, Timestamp};

/// Name of a window (`sma_5`) or of a bar size (`1m`), shared between rows.
pub type RowName = Arc<str>;

/// One window or bar of one symbol. Windows have no indicators; bars have `sma` like windows, and one entry an
/// indicator column of the manifest, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureRow {
    /// The instrument.
    pub symbol: Symbol,
    /// Window name or bar size.
    pub name: RowName,
    /// Start, inclusive.
    pub window_start: Timestamp,
    /// End, exclusive.
    pub window_end: Timestamp,
    /// Mean close of the counted ticks.
    pub sma: f64,
    /// Counted ticks, at least 1.
    pub n: u64,
    /// First open, greatest high, least low, last close, summed volume. First and last by (ts, offset).
    #[serde(flatten)]
    pub prices: Ohlcv,
    /// Volume-weighted typical price; absent where volume is zero.
    pub vwap: Option<f64>,
    /// False for a provisional row. Its key in JSON is `final`.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The configuration generation that made the row.
    pub revision: u32,
    /// True where a recorded gap may have taken ticks of this row.
    pub partial: bool,
    /// Generation of the source topic.
    pub generation: u32,
    /// The partition the row was made in.
    pub part: u32,
    /// The last offset of the prefix the row was made from.
    pub last_offset: u64,
    /// Position among the rows that `last_offset` closed, from 0, in closing order.
    pub index: u32,
    /// T of the prefix in microseconds: of two values of a row the greater T wins.
    pub write_ts: i64,
    /// One entry an indicator column, absent until warm. Empty for windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indicators: Vec<Option<f64>>,
    /// The model's vector (`features::v1`), absent until warm and for windows. Never NaN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<f64>>,
    /// Hash of the feature schema that made `features`; 0 for windows.
    #[serde(default)]
    pub schema_hash: u64,
}

/// Which alias a model version had when it made a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The served version.
    Champion,
    /// The version in shadow.
    Challenger,
    /// No version: the naive forecast.
    Baseline,
}

impl Role {
    /// The name used in stores and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Champion => "champion",
            Role::Challenger => "challenger",
            Role::Baseline => "baseline",
        }
    }
}

/// What a reader must know of one prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Flag {
    /// Made after its target: joined, never scored.
    Late,
    /// `as_of` is not after the model's training data: joined, never scored.
    InSample,
    /// More than a fifth of the features lie outside the training range.
    OutOfDomain,
    /// The champion has expired in market time.
    StaleModel,
    /// The live features are not those the model was trained on.
    SchemaMismatch,
    /// The last value is served.
    Baseline,
}

impl Flag {
    /// The name used in stores and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Flag::Late => "LATE",
            Flag::InSample => "IN_SAMPLE",
            Flag::OutOfDomain => "OUT_OF_DOMAIN",
            Flag::StaleModel => "STALE_MODEL",
            Flag::SchemaMismatch => "SCHEMA_MISMATCH",
            Flag::Baseline => "BASELINE",
        }
    }
}

/// What became of a prediction's target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target has not matured.
    Pending,
    /// The realised log return and `y_pred - y_true`.
    Joined {
        /// Realised log return from `as_of` to `target_ts`.
        y_true: f64,
        /// `y_pred - y_true`.
        err: f64,
    },
    /// The symbol had no bar in (as_of, target_ts].
    Void,
}

/// One forecast of one symbol. Keyed by (symbol, bar, horizon, target_ts, version); the first `made_at` wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionRow {
    /// The instrument.
    pub symbol: Symbol,
    /// Bar size, canonical (`1m`).
    pub bar: RowName,
    /// Bars ahead.
    pub horizon: u32,
    /// When the prediction was made, record time scale.
    pub made_at: Timestamp,
    /// End of the bar it was made from.
    pub as_of: Timestamp,
    /// The instant it is about.
    pub target_ts: Timestamp,
    /// Close at `as_of`: the base that turns a return into a price.
    pub close: f64,
    /// Expected log return over the horizon.
    pub y_pred: f64,
    /// Lower end of the interval, where the version has one.
    pub lo: Option<f64>,
    /// Upper end of the interval, where the version has one.
    pub hi: Option<f64>,
    /// The naive forecast (last value: 0).
    pub y_naive: f64,
    /// Model version; 0 = no model.
    pub version: u64,
    /// Alias of the version at `as_of`.
    pub role: Role,
    /// Flags in the order of the enum.
    pub flags: Vec<Flag>,
    /// The outcome, joined in the same row.
    pub outcome: Outcome,
}

impl PredictionRow {
    /// True when the row counts in live skill: not LATE, not IN_SAMPLE.
    pub fn is_scored(&self) -> bool {
        !self.flags.contains(&Flag::Late) && !self.flags.contains(&Flag::InSample)
    }
}

/// The names a version can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alias {
    /// Served.
    Champion,
    /// In shadow.
    Challenger,
    /// The champion before.
    Previous,
}

impl Alias {
    /// The name used in stores and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Alias::Champion => "champion",
            Alias::Challenger => "challenger",
            Alias::Previous => "previous",
        }
    }
}

/// What an alias history belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AliasKey {
    /// The pipeline's name.
    pub pipeline: String,
    /// Bar size, canonical.
    pub bar: RowName,
    /// Bars ahead.
    pub horizon: u32,
}

/// One swap in an alias history. A history is append-only; `seq` counts from 1 without gaps, and appending with the
/// wrong `seq` loses the race.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasEvent {
    /// Position in the history, from 1.
    pub seq: u64,
    /// The alias that moved.
    pub alias: Alias,
    /// The version it names from now on; absent = none.
    pub version: Option<u64>,
    /// First bar end the swap applies to.
    pub effective_from: Timestamp,
    /// When it was swapped, record time scale.
    pub at: Timestamp,
    /// Who: `trainer`, `predictor`, a person's name.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
}

/// One training run as the dashboard and `stockpipe status` show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// The pipeline's name.
    pub pipeline: String,
    /// Name of the run, unique in the pipeline.
    pub name: String,
    /// Summary phase (`Loading`, `Training`, `Complete` …), as in the TrainingRun's status.
    pub phase: String,
    /// 0..=100.
    pub progress_percent: u32,
    /// When it started, wall clock.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When this row was written: the age shown beside it.
    pub updated_at: Timestamp,
    /// The status object of a TrainingRun (metrics, gates, dataset, version, alias) as JSON.
    pub status: serde_json::Value,
}
