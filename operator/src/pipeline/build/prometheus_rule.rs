//! The PrometheusRule: the few things of one pipeline that a person has to know at once. Each says what to do.

use crds::StockPipeline;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::pod_monitor::monitor;

/// Lag in seconds that is no catching-up any more.
const LAG_SECONDS: i64 = 60;
/// Commits that may be missed in a row before somebody is told.
const MISSED_COMMITS: i64 = 5;

/// One alert.
struct Alert {
    name: &'static str,
    /// `{}` stands for the labels of the pipeline.
    expr: String,
    lasts: &'static str,
    severity: &'static str,
    summary: &'static str,
    remedy: &'static str,
}

/// The PrometheusRule of a pipeline.
pub fn prometheus_rule(pipeline: &StockPipeline) -> DynamicObject {
    let namespace = pipeline.metadata.namespace.as_deref().unwrap_or_default();
    let labels = format!("namespace=\"{namespace}\",pipeline=\"{}\"", pipeline.name());
    let rules: Vec<Value> = alerts(pipeline)
        .into_iter()
        .map(|Alert { name, expr, lasts, severity, summary, remedy }| {
            json!({
                "alert": name,
                "expr": expr.replace("{}", &labels),
                "for": lasts,
                "labels": {"severity": severity, "pipeline": pipeline.name()},
                "annotations": {"summary": summary, "description": remedy},
            })
        })
        .collect();
    monitor(pipeline, "PrometheusRule", json!({"groups": [{"name": pipeline.name(), "rules": rules}]}))
}

fn alerts(pipeline: &StockPipeline) -> Vec<Alert> {
    let commits = MISSED_COMMITS * pipeline.spec.lake.roll.age.seconds();
    let mut alerts = vec![
        Alert {
            name: "StockpipeIngestLag",
            expr: format!("max by (namespace, pipeline) (stockpipe_source_lag_seconds{{{{}}}}) > {LAG_SECONDS}"),
            lasts: "5m",
            severity: "warning",
            summary: "Ticks wait longer than a minute before they are read.",
            remedy: "Raise spec.ingest.replicas, or set spec.ingest.autoscaling; see which partition lags on the dashboard.",
        },
        Alert {
            name: "StockpipePartitionHalted",
            expr: "max by (namespace, pipeline, partition) (stockpipe_partition_halted{{}}) == 1".to_owned(),
            lasts: "1m",
            severity: "critical",
            summary: "A partition has halted: its ticks are not read until a person decides.",
            remedy: "The ingest worker's /status says why; `stockpipe skip` or `stockpipe accept-topic` goes on.",
        },
        Alert {
            name: "StockpipeCommitsStuck",
            // Without anything to read there is nothing to commit.
            expr: format!(
                "max by (namespace, pipeline, partition) (stockpipe_commit_age_seconds{{{{}}}}) > {commits} and \
                 max by (namespace, pipeline, partition) (stockpipe_source_lag_records{{{{}}}}) > 0"
            ),
            lasts: "5m",
            severity: "critical",
            summary: "Ticks arrive, and none of them have been committed to the lake for long.",
            remedy: "See whether HDFS answers and has space: the condition DependenciesReady names what does not.",
        },
        Alert {
            name: "StockpipeDeadLetters",
            expr: "sum by (namespace, pipeline) (rate(stockpipe_decode_rejects_total{{},reason!=\"duplicate\"}[15m])) > \
                   0.05 * sum by (namespace, pipeline) (rate(stockpipe_source_records_total{{}}[15m]))"
                .to_owned(),
            lasts: "15m",
            severity: "warning",
            summary: "More than one record in twenty is no tick.",
            remedy: "`stockpipe dead-letters` shows them with their reasons.",
        },
    ];
    if pipeline.spec.predictor.enabled {
        alerts.push(Alert {
            name: "StockpipeForecastsWorseThanNaive",
            expr: "max by (namespace, pipeline, horizon) (stockpipe_prediction_live_skill{{}}) < 0 and \
                   max by (namespace, pipeline, horizon) (stockpipe_prediction_model_version{{}}) > 0"
                .to_owned(),
            lasts: "1h",
            severity: "warning",
            summary: "The served model forecasts worse than the last value does.",
            remedy: "Train on newer data, or go back to the version before; spec.promotion.rollback: Auto does it by itself.",
        });
    }
    alerts
}
