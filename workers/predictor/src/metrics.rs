//! Metrics under `stockpipe_prediction_`. Labels never name a symbol.

use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec};
use runtime::{MetricError, Metrics};

use crate::{serving::Serving, skill::Skills, status::Summary};

/// The families of a predictor.
pub(crate) struct PredictionMetrics {
    made: IntCounterVec,
    late: IntCounterVec,
    skipped: IntCounterVec,
    outcomes: IntCounterVec,
    pending: IntGaugeVec,
    version: IntGaugeVec,
    skill: GaugeVec,
    rmse: GaugeVec,
    failed: IntGaugeVec,
    lag: IntGaugeVec,
    seconds: HistogramVec,
    counted: Summary,
}

impl PredictionMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        Ok(Self {
            made: metrics.counter("prediction_made_total", "Forecasts made, by role.", &["role"])?,
            late: metrics.counter("prediction_late_total", "Forecasts made after their target.", &[])?,
            skipped: metrics.counter(
                "prediction_skipped_total",
                "Bars of a backlog too old for a forecast.",
                &[],
            )?,
            outcomes: metrics.counter(
                "prediction_outcomes_total",
                "Outcomes, joined or void.",
                &["result"],
            )?,
            pending: metrics.int_gauge(
                "prediction_pending",
                "Predictions that wait for their target.",
                &[],
            )?,
            version: metrics.int_gauge(
                "prediction_model_version",
                "Served version, 0 for BASELINE.",
                &["horizon"],
            )?,
            skill: metrics.gauge(
                "prediction_live_skill",
                "Rolling skill against the naive, pooled.",
                &["horizon"],
            )?,
            rmse: metrics.gauge(
                "prediction_live_rmse",
                "Rolling RMSE of the log return, pooled.",
                &["horizon"],
            )?,
            failed: metrics.int_gauge(
                "prediction_models_failed",
                "Versions that could not be loaded.",
                &[],
            )?,
            lag: metrics.int_gauge(
                "prediction_lag_records",
                "Records of the features topic not yet read.",
                &["partition"],
            )?,
            seconds: metrics.histogram(
                "prediction_seconds",
                "From the record of a bar to its stored forecast.",
                &[],
                Metrics::seconds(),
            )?,
            counted: Summary::default(),
        })
    }

    /// Adds what was counted since the last call.
    pub(crate) fn count(&mut self, now: Summary) {
        let before = std::mem::replace(&mut self.counted, now);
        let none: &[&str] = &[];
        let baseline = now.baseline - before.baseline;
        self.made.with_label_values(&["baseline"]).inc_by(baseline);
        self.made.with_label_values(&["champion"]).inc_by(now.made - before.made - baseline);
        self.late.with_label_values(none).inc_by(now.late - before.late);
        self.skipped.with_label_values(none).inc_by(now.skipped - before.skipped);
        self.outcomes.with_label_values(&["joined"]).inc_by(now.joined - before.joined);
        self.outcomes.with_label_values(&["void"]).inc_by(now.void - before.void);
        self.pending.with_label_values(none).set(now.pending as i64);
    }

    pub(crate) fn serving(&self, serving: &Serving, skills: &Skills) {
        self.failed.with_label_values::<&str>(&[]).set(serving.failures().len() as i64);
        for (horizon, champion, _, _) in serving.newest() {
            let label = horizon.to_string();
            self.version.with_label_values(&[&label]).set(champion.unwrap_or(0) as i64);
            if let Some(live) = champion.and_then(|version| skills.pooled(version, horizon)) {
                self.skill.with_label_values(&[&label]).set(live.skill.unwrap_or(0.0));
                self.rmse.with_label_values(&[&label]).set(live.rmse);
            }
        }
    }

    pub(crate) fn lag(&self, partition: u32, records: u64) {
        self.lag.with_label_values(&[&partition.to_string()]).set(records as i64);
    }

    pub(crate) fn stored(&self, seconds: f64) {
        self.seconds.with_label_values::<&str>(&[]).observe(seconds);
    }
}
