//! What a predictor is told.

use std::sync::Arc;

use feature_store::FeatureStore;
use indicators::Calendar;
use lake::Lake;
use market::{Span, Timestamp};
use tick_log::Log;

/// One predictor: plain values.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline's name.
    pub pipeline: String,
    /// The lake's root directory: models lie below it.
    pub root: String,
    /// Bar size that is predicted from.
    pub bar: Span,
    /// Bars ahead, each its own forecast.
    pub horizons: Vec<u32>,
    /// When the market is open: decides target instants.
    pub calendar: Calendar,
    /// Topic of final rows.
    pub features_topic: String,
    /// Topic that predictions and their outcomes go to.
    pub predictions_topic: String,
}

/// What a predictor works with.
#[derive(Clone)]
pub struct Components {
    /// The features and predictions topics are in it.
    pub log: Arc<dyn Log>,
    /// Model versions are read from it.
    pub lake: Arc<dyn Lake>,
    /// Predictions go to it, alias histories come from it.
    pub store: Arc<dyn FeatureStore>,
    /// Record time: `made_at` of predictions.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Where metrics go.
    pub metrics: runtime::Metrics,
    /// Seen by `/status`.
    pub status: Arc<crate::Status>,
}
