//! Synthetic ticks with a known truth: what a model could learn at most is known beforehand.

use crate::decimal::Decimal;
use crate::duration::Duration;
use crate::limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The role that makes ticks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Producer {
    /// Whether it runs.
    pub enabled: bool,
    /// Ticks a second, over all symbols.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub ticks_per_second: i32,
    /// Which symbols.
    #[schemars(
        length(min = 1, max = limits::SYMBOLS),
        inner(length(min = 1, max = limits::SYMBOL), regex(pattern = SYMBOL)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub symbols: Vec<String>,
    /// The truth of every symbol without an override.
    pub model: ProducerModel,
    /// Equal seeds make equal ticks.
    pub seed: i64,
    /// How much history to make first, flat out. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Duration>,
    /// What is different for single symbols.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = limits::OVERRIDES),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["symbol"])
    )]
    pub overrides: Vec<SymbolOverride>,
    /// A patch of this role's pods, merged last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::raw_object")]
    pub pod_overrides: Option<Map<String, Value>>,
}

/// No control characters, no space at either end: what ingest accepts.
pub(crate) const SYMBOL: &str = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$";

impl Default for Producer {
    fn default() -> Self {
        Producer {
            enabled: false,
            ticks_per_second: 4,
            symbols: ["AAPL", "AMZN", "GOOGL", "MSFT"].map(str::to_owned).to_vec(),
            model: ProducerModel::Gbm,
            seed: 42,
            backfill: None,
            overrides: Vec::new(),
            pod_overrides: None,
        }
    }
}

/// The truths there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProducerModel {
    /// Geometric Brownian motion: nothing to learn.
    #[default]
    Gbm,
    /// Returns that remember the last one, with weight phi.
    Ar1,
    /// Returns that follow something visible in the bar before.
    Signal,
    /// A memory that turns round at one instant.
    Regime,
    /// Closes drawn anew around one level: the producer that this system replaces.
    Iid,
}

/// One symbol's own truth. Absent fields: the producer's, or the model's usual value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SymbolOverride {
    /// Which symbol; one of producer.symbols.
    #[schemars(length(min = 1, max = limits::SYMBOL), regex(pattern = SYMBOL))]
    pub symbol: String,
    /// Its truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ProducerModel>,
    /// How much a return remembers the one before, at the predictor's bar: between -1 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = r"^-?0(\.[0-9]{1,9})?$"))]
    pub phi: Option<Decimal>,
    /// The standard deviation of log returns, a year of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = r"^(0|[1-9][0-9]?)(\.[0-9]{1,9})?$"))]
    pub volatility: Option<Decimal>,
    /// How long before the first start the regime changed; resolved once and kept with the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_before: Option<Duration>,
}
