//! What the operator counts. One table of names, so that `/metrics`, the catalogue and the alert rules agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use parking_lot::Mutex;
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};
use runtime::{MetricError, Metrics};

/// Every metric: name, labels, help.
pub const CATALOGUE: [(&str, &[&str], &str); 10] = [
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
    (
        "stockpipe_operator_condition",
        &["kind", "type", "status"],
        "Objects of which a condition has that status.",
    ),
    ("stockpipe_operator_training_runs", &["phase"], "Training runs by phase."),
    ("stockpipe_operator_training_failed_total", &[], "Training runs that this process saw fail."),
];

/// Conditions of one object: type and status.
type Stated = Vec<(String, String)>;

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
    conditions: IntGaugeVec,
    runs: IntGaugeVec,
    failed: IntCounterVec,
    phases: Arc<Mutex<BTreeMap<String, String>>>,
    /// By kind and object. No object has a series of its own: those of deleted ones would stay for ever.
    census: Arc<Mutex<BTreeMap<(String, String), Stated>>>,
}

impl OperatorMetrics {
    /// Registers every family.
    pub fn new(metrics: &Metrics) -> Result<Self, MetricError> {
        let [reconciles, seconds, errors, waiting, repaired, leader, crd_missing, conditions, runs, failed] =
            CATALOGUE;
        let counter = |(name, labels, help): (&str, &[&str], &str)| metrics.counter(name, help, labels);
        let gauge = |(name, labels, help): (&str, &[&str], &str)| metrics.int_gauge(name, help, labels);
        let ours = OperatorMetrics {
            reconciles: counter(reconciles)?,
            seconds: metrics.histogram(seconds.0, seconds.2, seconds.1, Metrics::seconds())?,
            errors: counter(errors)?,
            waiting: gauge(waiting)?,
            repaired: counter(repaired)?,
            leader: gauge(leader)?,
            crd_missing: gauge(crd_missing)?,
            conditions: gauge(conditions)?,
            runs: gauge(runs)?,
            failed: counter(failed)?,
            phases: Arc::default(),
            census: Arc::default(),
        };
        // There from the start: a standby says that it does not lead, and the first failure is an increase.
        ours.leads(false);
        ours.crd_missing(false);
        ours.failed.with_label_values::<&str>(&[]).inc_by(0);
        Ok(ours)
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

    /// What is said of an object now; nothing once it is gone.
    pub fn stated(&self, kind: &str, object: &str, conditions: &[Condition]) {
        let mut census = self.census.lock();
        let key = (kind.to_owned(), object.to_owned());
        let stated: Stated = conditions.iter().map(|one| (one.type_.clone(), one.status.clone())).collect();
        let before = if stated.is_empty() { census.remove(&key) } else { census.insert(key, stated.clone()) };
        let count = |(type_, status): &(String, String), change: i64| {
            self.conditions.with_label_values(&[kind, type_, status]).add(change);
        };
        before.iter().flatten().for_each(|one| count(one, -1));
        stated.iter().for_each(|one| count(one, 1));
    }

    /// The phase of a training run now; nothing once it is gone.
    pub fn run_phase(&self, run: &str, phase: Option<&str>) {
        let mut phases = self.phases.lock();
        let before = match phase {
            Some(phase) => phases.insert(run.to_owned(), phase.to_owned()),
            None => phases.remove(run),
        };
        if let Some(before) = &before {
            self.runs.with_label_values(&[before]).dec();
        }
        if let Some(phase) = phase {
            self.runs.with_label_values(&[phase]).inc();
        }
        // A run that had failed before this process looked was counted by another.
        let was_unfinished = before.is_some_and(|before| before != "Failed");
        if phase == Some("Failed") && was_unfinished {
            self.failed.with_label_values::<&str>(&[]).inc();
        }
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
        for idle in ["operator_leader 0", "crd_missing 0", "training_failed_total 0"] {
            assert!(metrics.text().contains(idle), "{idle} is not there from the start");
        }
        ours.reconciled("StockPipeline", Duration::from_millis(3), None);
        ours.reconciled("StockPipeline", Duration::from_millis(3), Some("ApiError"));
        ours.in_backoff("StockPipeline", 1);
        ours.repaired("Deployment", 2);
        let ready = |status: &str| Condition {
            type_: "Ready".into(),
            status: status.into(),
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
            ),
            message: String::new(),
            observed_generation: None,
            reason: "Running".into(),
        };
        ours.stated("StockPipeline", "a/b", &[ready("True")]);
        ours.stated("StockPipeline", "a/c", &[ready("False")]);
        ours.stated("StockPipeline", "a/c", &[ready("True")]);
        ours.stated("StockPipeline", "a/b", &[]);
        ours.run_phase("a/old", Some("Failed"));
        ours.run_phase("a/new", Some("Training"));
        ours.run_phase("a/new", Some("Failed"));
        ours.run_phase("a/old", None);
        ours.leads(true);
        ours.crd_missing(false);
        let text = metrics.text();
        for (name, _, _) in CATALOGUE {
            assert!(text.contains(name), "{name} is not in {text}");
        }
        let counted = |status: &str, n: u32| {
            format!("condition{{kind=\"StockPipeline\",status=\"{status}\",type=\"Ready\"}} {n}")
        };
        assert!(text.contains(&counted("True", 1)) && text.contains(&counted("False", 0)), "{text}");
        assert!(text.contains("training_runs{phase=\"Failed\"} 1"), "{text}");
        assert!(text.contains("training_failed_total 1"), "{text}");
        assert!(text.contains("reconcile_total{kind=\"StockPipeline\",outcome=\"ok\"} 1"), "{text}");
    }
}
