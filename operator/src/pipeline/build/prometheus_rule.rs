//! The PrometheusRule of one pipeline: the alerts of `monitoring/alerts.yaml`, asked of this pipeline alone. One file
//! holds them, its tests and the chart use it too.

use std::sync::LazyLock;

use crds::StockPipeline;
use kube::core::DynamicObject;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use super::pod_monitor::monitor;

const ALERTS: &str = include_str!("../../../../monitoring/alerts.yaml");
/// The group whose alerts speak of pipelines; the other speaks of the operator.
const GROUP: &str = "stockpipe-pipeline";

/// The alerts of [`GROUP`]; a test reads the file, so that it is not empty in a release.
static RULES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let file: Value = serde_yaml::from_str(ALERTS).unwrap_or_default();
    let groups = file["groups"].as_array().cloned().unwrap_or_default();
    let ours = groups.into_iter().find(|group| group["name"] == GROUP).unwrap_or_default();
    ours["rules"].as_array().cloned().unwrap_or_default()
});

/// A metric of ours, with the brace of its selector where it has one.
static METRIC: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(stockpipe_[a-z_]+)(\{?)").ok());

/// The PrometheusRule of a pipeline.
pub fn prometheus_rule(pipeline: &StockPipeline) -> DynamicObject {
    let namespace = pipeline.metadata.namespace.as_deref().unwrap_or_default();
    let labels = format!("namespace=\"{namespace}\",pipeline=\"{}\"", pipeline.name());
    let mut rules = Vec::new();
    for rule in &*RULES {
        let expr = rule["expr"].as_str().unwrap_or_default();
        // Nobody is to be woken for forecasts that nobody asked for.
        if !pipeline.spec.predictor.enabled && expr.contains("stockpipe_prediction_") {
            continue;
        }
        let mut rule = rule.clone();
        rule["expr"] = json!(scoped(expr, &labels));
        rules.push(rule);
    }
    monitor(pipeline, "PrometheusRule", json!({"groups": [{"name": pipeline.name(), "rules": rules}]}))
}

/// The expression over series with these labels only.
fn scoped(expr: &str, labels: &str) -> String {
    let Some(metric) = &*METRIC else { return expr.to_owned() };
    let with = |found: &Captures<'_>| match &found[2] {
        "" => format!("{}{{{labels}}}", &found[1]),
        _ => format!("{}{{{labels},", &found[1]),
    };
    metric.replace_all(expr, with).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_of_every_alert_is_asked_of_one_pipeline() {
        assert_eq!(RULES.len(), 8);
        for rule in &*RULES {
            let expr = rule["expr"].as_str().unwrap();
            let metrics = expr.matches("stockpipe_").count();
            let scoped = scoped(expr, "pipeline=\"m\"");
            assert!(metrics > 0 && scoped.matches("{pipeline=\"m\"").count() == metrics, "{scoped}");
        }
    }

    #[test]
    fn a_selector_keeps_what_it_had() {
        assert_eq!(
            scoped("rate(stockpipe_a{b=\"c\"}[5m]) > stockpipe_d", "x=\"y\""),
            "rate(stockpipe_a{x=\"y\",b=\"c\"}[5m]) > stockpipe_d{x=\"y\"}"
        );
    }
}
