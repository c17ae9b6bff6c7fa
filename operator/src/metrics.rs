//! What the operator counts. One table of names, so that `/metrics`, the catalogue and the alert rules agree.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};
use runtime::{MetricError, Metrics};

/// Every metric: name, labels, help.
pub const CATALOGUE: [(&str, &[&str], &str); 7] = [
    ("stockpipe_operator_reconcile_total", &["kind", "outcome"], "Passes over an object, by how they ended."),
    ("stockpipe_operator_reconcile_seconds", &["kind"], "How long passes took."),
    (
        "stockpipe_operator_reconcile_errors_total",
        &["kind", "category"],
        "Passes that failed, by the category of the error.",
    ),
    ("stockpipe_operator_objects_in_backoff", &["kind"], "Objects that wait after a failure."),
    (
        "stockpipe_operator_drift_repaired_total",
        &["kind"],
        "Children put back after somebody else changed them, by kind of child.",
    ),
    ("stockpipe_operator_leader", &[], "1 while this process holds the lease."),
    ("stockpipe_operator_crd_missing", &[], "1 while a CustomResourceDefinition is missing or outdated."),
];

/// The families of [`CATALOGUE`]. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct OperatorMetrics {
    reconciles: IntCounterVec,
    seconds: HistogramVec,
    errors: IntCounterVec,
    waiting: IntGaugeVec,
    repaired: IntCounterVec,
    leader: IntGaugeVec,
    crd_missing: IntGaugeVec,
}

impl OperatorMetrics {
    /// Registers every family.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let [reconciles, seconds, errors, waiting, repaired, leader, crd_missing] = CATALOGUE;
        let counter = |(name, labels, help): (&str, &[&str], &str)| metrics.counter(name, help, labels);
        let gauge = |(name, labels, help): (&str, &[&str], &str)| metrics.int_gauge(name, help, labels);
        Ok(OperatorMetrics {
            reconciles: counter(reconciles)?,
            seconds: metrics.histogram(seconds.0, seconds.2, seconds.1, Metrics::seconds())?,
            errors: counter(errors)?,
            waiting: gauge(waiting)?,
            repaired: counter(repaired)?,
            leader: gauge(leader)?,
            crd_missing: gauge(crd_missing)?,
        })
    }

    /// A pass ended. `error` is the category of what went wrong.
    pub fn reconciled(&self, kind: &str, took: Duration, error: Option<&str>) {
        let outcome = if error.is_some() { "error" } else { "ok" };
        self.reconciles.with_label_values(&[kind, outcome]).inc();
        self.seconds.with_label_values(&[kind]).observe(took.as_secs_f64());
        if let Some(category) = error {
            self.errors.with_label_values(&[kind, category]).inc();
        }
    }

    /// How many objects of a kind wait after a failure.
    pub fn in_backoff(&self, kind: &str, objects: usize) {
        self.waiting.with_label_values(&[kind]).set(i64::try_from(objects).unwrap_or(i64::MAX));
    }

    /// Children of a kind were put back.
    pub fn repaired(&self, kind: &str, objects: u32) {
        self.repaired.with_label_values(&[kind]).inc_by(u64::from(objects));
    }

    /// Whether this process holds the lease.
    pub fn leads(&self, leads: bool) {
        self.leader.with_label_values::<&str>(&[]).set(i64::from(leads));
    }

    /// Whether a CRD is missing or outdated.
    pub fn crd_missing(&self, missing: bool) {
        self.crd_missing.with_label_values::<&str>(&[]).set(i64::from(missing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_the_catalogue_is_served() {
        let metrics = Metrics::new();
        let ours = OperatorMetrics::new(&metrics).unwrap();
        ours.reconciled("StockPipeline", Duration::from_millis(3), None);
        ours.reconciled("StockPipeline", Duration::from_millis(3), Some("ApiError"));
        ours.in_backoff("StockPipeline", 1);
        ours.repaired("Deployment", 2);
        ours.leads(true);
        ours.crd_missing(false);
        let text = metrics.text();
        for (name, _, _) in CATALOGUE {
            assert!(text.contains(name), "{name} is not in {text}");
        }
        assert!(text.contains("reconcile_total{kind=\"StockPipeline\",outcome=\"ok\"} 1"), "{text}");
    }
}
