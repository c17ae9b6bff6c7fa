//! What is computed from ticks, and which ticks count.

use crate::bar_span::BarSpan;
use crate::duration::{Duration, Unit};
use crate::limits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Windows, bars and indicators, and the rules of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Features {
    /// How long a window waits for late ticks, in event time.
    pub watermark: Duration,
    /// How far a tick may be ahead of its record before it is a dead letter.
    pub max_future: Duration,
    /// When a tick is a copy of another.
    pub dedup: Dedup,
    /// Which ticks are refused.
    pub validation: Validation,
    /// Symbols of one partition; a tick of one more is a dead letter.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_symbols: i32,
    /// Time windows, each a mean of closes. Size and slide of a name never change.
    #[schemars(
        length(max = limits::WINDOWS),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub windows: Vec<Window>,
    /// Bar sizes, in canonical spelling (1m, not 60s), never shorter than source.tickSpan.
    #[schemars(length(min = 1, max = limits::BARS), extend("x-kubernetes-list-type" = "set"))]
    pub bars: Vec<BarSpan>,
    /// Indicators over every bar size: names like rsi_14, or `default`, or `all`.
    #[schemars(
        length(max = limits::INDICATORS),
        inner(length(min = 1, max = 64), regex(pattern = "^[a-z][a-z0-9_]*$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub indicators: Vec<String>,
}

impl Default for Features {
    fn default() -> Self {
        Features {
            watermark: Duration::of(5, Unit::Second),
            max_future: Duration::of(10, Unit::Second),
            dedup: Dedup::default(),
            validation: Validation::default(),
            max_symbols: 1000,
            windows: vec![Window::seconds("sma_5", 15, 5), Window::seconds("sma_20", 60, 15)],
            bars: vec![BarSpan::FIVE_SECONDS, BarSpan::MINUTE],
            indicators: vec!["default".to_owned()],
        }
    }
}

/// A window over event time, aligned to the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Its name: the `name` of its rows.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z][a-z0-9_]*$"))]
    pub name: String,
    /// How much it covers.
    pub size: Duration,
    /// How often one ends; divides `size`.
    pub slide: Duration,
}

impl Window {
    fn seconds(name: &str, size: u32, slide: u32) -> Self {
        Window {
            name: name.to_owned(),
            size: Duration::of(size, Unit::Second),
            slide: Duration::of(slide, Unit::Second),
        }
    }
}

/// When a tick is a copy of an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Dedup {
    /// What is compared.
    pub by: DedupBy,
    /// Ticks remembered over the whole topic; a partition remembers its share.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_entries: i32,
    /// How long a tick is remembered, in event time. Absent: the longest window or bar, at most 10m, and the watermark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<Duration>,
}

impl Default for Dedup {
    fn default() -> Self {
        Dedup { by: DedupBy::Auto, max_entries: 1_000_000, horizon: None }
    }
}

/// What makes two ticks copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DedupBy {
    /// The id where a tick has one, else the payload.
    #[default]
    Auto,
    /// Symbol, ts and values.
    Payload,
    /// Symbol and id.
    Id,
    /// Nothing: every tick counts.
    None,
}

/// Which ticks are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Validation {
    /// low <= open, close <= high.
    pub ohlc_order: OhlcOrder,
}

/// What happens to a tick whose prices are out of order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OhlcOrder {
    /// It is a dead letter.
    #[default]
    Reject,
    /// It counts, and is counted.
    Warn,
}
