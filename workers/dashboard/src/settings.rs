//! What the dashboard is told about its pipeline: plain data.

use std::net::SocketAddr;

use serde::Serialize;

use crate::access::Credentials;

/// Everything that does not change while the dashboard runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline's name.
    pub pipeline: String,
    /// Bar sizes, canonical, in the manifest's order.
    pub bars: Vec<String>,
    /// Windows of the manifest.
    pub windows: Vec<Window>,
    /// Indicator columns of a bar, in the order of `FeatureRow::indicators`.
    pub indicator_columns: Vec<String>,
    /// Bar size that forecasts are made for; absent where no predictor runs.
    pub predictor_bar: Option<String>,
    /// Bars ahead of the forecasts.
    pub horizons: Vec<u32>,
    /// Known truths of synthetic symbols.
    pub truths: Vec<Truth>,
    /// Rows the first training run waits for.
    pub min_rows: u64,
    /// Delay of the watermark in seconds: how long after its end a bar closes.
    pub watermark_seconds: f64,
    /// Whether a POSTed tick may have OHLC out of order.
    pub allow_ohlc_disorder: bool,
    /// Path prefix in front of every route, without the last slash; empty for none.
    pub base_path: String,
    /// Who may look and write; absent = everybody who can connect.
    pub credentials: Option<Credentials>,
    /// Version of the binary, shown under Notices.
    pub version: String,
    /// Where [`crate::run`] listens.
    pub listen: SocketAddr,
}

/// One window of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Its name (`sma_5`).
    pub name: String,
    /// Its length, canonical.
    pub size: String,
    /// Its step, canonical.
    pub slide: String,
}

/// What is known of a synthetic symbol: the badge and the ceiling beside its skill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Truth {
    /// The instrument.
    pub symbol: String,
    /// The generator (`Ar1`).
    pub model: String,
    /// Its parameters as a person writes them (`φ 0.5`); empty for none.
    pub parameters: String,
    /// Best possible skill at each horizon of the predictor's bar; a horizon that is not known is absent.
    pub ceilings: Vec<Ceiling>,
}

/// The best possible skill at one horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ceiling {
    /// Bars ahead.
    pub horizon: u32,
    /// `1 - SSE of the perfect forecast / SSE of the naive one`; 0 where nothing can be forecast.
    pub skill: f64,
}
