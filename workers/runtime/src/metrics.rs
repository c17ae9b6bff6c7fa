//! Metrics under `stockpipe_`, kept by name so that two roles in one process share a family.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The prefix of every metric of ours.
pub const PREFIX: &str = "stockpipe_";

/// Why a metric cannot be had: always a fault of the program.
#[derive(Debug, thiserror::Error)]
#[error("metric {name}: {why}; please report this")]
pub struct MetricError {
    name: String,
    why: String,
}

impl crate::Classified for MetricError {
    fn kind(&self) -> market::ErrorKind {
        market::ErrorKind::Bug
    }
}

#[derive(Clone)]
enum Family {
    Counter(IntCounterVec),
    Gauge(GaugeVec),
    IntGauge(IntGaugeVec),
    Histogram(HistogramVec),
}

/// A registry that gives the same family for the same name. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    families: Arc<Mutex<BTreeMap<String, Family>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! family {
    ($(#[$doc:meta])* $name:ident -> $type:ident as $variant:ident) => {
        $(#[$doc])*
        pub fn $name(&self, name: &str, help: &str, labels: &[&str]) -> Result<$type, MetricError> {
            self.family(name, |name| $type::new(Opts::new(name, help), labels).map(Family::$variant), |f| match f {
                Family::$variant(family) => Some(family.clone()),
                _ => None,
            })
        }
    };
}

impl Metrics {
    /// An empty registry with the process's own figures (CPU, memory, descriptors, start time).
    pub fn new() -> Self {
        let registry = Registry::new();
        let process = prometheus::process_collector::ProcessCollector::for_self();
        if let Err(error) = registry.register(Box::new(process)) {
            tracing::debug!("no process metrics: {error}");
        }
        Self { registry, families: Arc::default() }
    }

    /// The registry, for `/metrics`.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    family!(
        /// A counter; its name ends in `_total`.
        counter -> IntCounterVec as Counter
    );
    family!(
        /// A gauge of any number.
        gauge -> GaugeVec as Gauge
    );
    family!(
        /// A gauge of whole numbers.
        int_gauge -> IntGaugeVec as IntGauge
    );

    /// A histogram with the given upper bounds.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MetricError> {
        let new = |name: String| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            HistogramVec::new(opts, labels).map(Family::Histogram)
        };
        self.family(name, new, |f| match f {
            Family::Histogram(family) => Some(family.clone()),
            _ => None,
        })
    }

    /// Upper bounds for durations in seconds, 1 ms to 60 s.
    pub fn seconds() -> &'static [f64] {
        &[0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]
    }

    fn family<T>(
        &self,
        name: &str,
        new: impl FnOnce(String) -> prometheus::Result<Family>,
        pick: impl Fn(&Family) -> Option<T>,
    ) -> Result<T, MetricError> {
        let name = if name.starts_with(PREFIX) { name.to_owned() } else { format!("{PREFIX}{name}") };
        let fail = |why: String| MetricError { name: name.clone(), why };
        let mut families = self.families.lock();
        if let Some(family) = families.get(&name) {
            return pick(family).ok_or_else(|| fail("asked for as two different types".into()));
        }
        let family = new(name.clone()).map_err(|e| fail(e.to_string()))?;
        match &family {
            Family::Counter(f) => self.registry.register(Box::new(f.clone())),
            Family::Gauge(f) => self.registry.register(Box::new(f.clone())),
            Family::IntGauge(f) => self.registry.register(Box::new(f.clone())),
            Family::Histogram(f) => self.registry.register(Box::new(f.clone())),
        }
        .map_err(|e| fail(e.to_string()))?;
        let picked = pick(&family).ok_or_else(|| fail("made as another type than asked for".into()));
        families.insert(name.clone(), family);
        picked
    }

    /// The text exposition format of everything registered.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => String::from_utf8(text).unwrap_or_default(),
            Err(error) => format!("# metrics could not be encoded: {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_family_for_one_name() {
        let metrics = Metrics::new();
        let a = metrics.counter("records_total", "Records.", &["partition"]).unwrap();
        let b = metrics.counter("stockpipe_records_total", "Records.", &["partition"]).unwrap();
        a.with_label_values(&["0"]).inc_by(2);
        b.with_label_values(&["0"]).inc();
        let seconds = metrics.histogram("wait_seconds", "Waits.", &[], Metrics::seconds()).unwrap();
        seconds.with_label_values::<&str>(&[]).observe(0.002);
        let text = metrics.text();
        assert!(text.contains("stockpipe_records_total{partition=\"0\"} 3"), "{text}");
        assert!(text.contains("stockpipe_wait_seconds_bucket{le=\"0.0025\"} 1"), "{text}");
        assert!(text.contains("process_cpu_seconds_total"), "{text}");
        let wrong = metrics.gauge("records_total", "Records.", &["partition"]).unwrap_err();
        assert!(wrong.to_string().contains("stockpipe_records_total"), "{wrong}");
        assert!(metrics.counter("no spaces", "Wrong.", &[]).is_err());
    }
}
