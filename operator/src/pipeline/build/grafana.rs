//! The ConfigMap from which Grafana's sidecar takes the dashboard of one pipeline: `monitoring/dashboards/pipeline.json`,
//! opened on this pipeline. One file holds the panels; its tests and the chart use it too.
//!
//! Grafana tells dashboards apart by their uid, the sidecar files by their names, both over all namespaces: each has the
//! pipeline's namespace and name in it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crds::StockPipeline;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use super::identity::{SHARED, hash10, metadata};
use crate::pipeline::desired::Desired;

const DASHBOARD: &str = include_str!("../../../../monitoring/dashboards/pipeline.json");
/// The label that Grafana's sidecar looks for, as its chart sets it up.
const SIDECAR_LABEL: &str = "grafana_dashboard";

/// The file's JSON; a test reads it, so that it is not empty in a release.
static PANELS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(DASHBOARD).unwrap_or_default());

/// The dashboard of the pipeline, where it is asked for.
pub fn dashboard(desired: &Desired) -> Option<ConfigMap> {
    let pipeline = &desired.pipeline;
    if !pipeline.spec.monitoring.grafana_dashboards {
        return None;
    }
    let namespace = pipeline.metadata.namespace.as_deref().unwrap_or_default();
    let mut metadata = metadata(pipeline, format!("{}-dashboard-grafana", pipeline.name()), SHARED);
    // Ours win: objects that belong to a pipeline are found by them.
    let ours = metadata.labels.take().unwrap_or_default();
    let mut labels = pipeline.spec.monitoring.labels.clone();
    labels.insert(SIDECAR_LABEL.to_owned(), "1".to_owned());
    labels.extend(ours);
    metadata.labels = Some(labels);
    let file = format!("stockpipe-{namespace}-{}.json", pipeline.name());
    let panels = of_pipeline(PANELS.clone(), pipeline, namespace);
    Some(ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(file, format!("{panels:#}\n"))])),
        ..ConfigMap::default()
    })
}

/// The dashboard with a uid and a title of its own, opened on the pipeline.
fn of_pipeline(mut panels: Value, pipeline: &StockPipeline, namespace: &str) -> Value {
    let name = pipeline.name();
    panels["uid"] = json!(format!("stockpipe-{}", hash10(&format!("{namespace}/{name}"))));
    panels["title"] = json!(format!("Stockpipe: {namespace}/{name}"));
    for variable in panels["templating"]["list"].as_array_mut().into_iter().flatten() {
        let value = match variable["name"].as_str() {
            Some("namespace") => namespace,
            Some("pipeline") => name,
            _ => continue,
        };
        variable["current"] = json!({"selected": true, "text": value, "value": value});
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::desired::Dereferenced;
    use crate::training::samples;

    fn desired(name: &str, asked: bool) -> Desired {
        let mut pipeline = samples::pipeline();
        pipeline.metadata.name = Some(name.to_owned());
        pipeline.spec.monitoring.grafana_dashboards = asked;
        pipeline.spec.monitoring.labels = [("team".to_owned(), "desk-4".to_owned())].into();
        let found = Dereferenced::default();
        Desired { pipeline, found, ingest_replicas: 1, held_config: None, cleanup: false }
    }

    fn panels(map: &ConfigMap) -> (String, Value) {
        let (file, text) = map.data.as_ref().unwrap().first_key_value().unwrap();
        (file.clone(), serde_json::from_str(text).unwrap())
    }

    #[test]
    fn two_pipelines_have_two_dashboards_and_each_opens_on_its_own() {
        let (market, quotes) =
            (dashboard(&desired("market", true)).unwrap(), dashboard(&desired("quotes", true)).unwrap());
        let labels = market.metadata.labels.as_ref().unwrap();
        assert_eq!((labels[SIDECAR_LABEL].as_str(), labels["team"].as_str()), ("1", "desk-4"));
        let ((one, first), (other, second)) = (panels(&market), panels(&quotes));
        assert_ne!(one, other);
        assert_ne!(first["uid"], second["uid"]);
        assert!(first["uid"].as_str().unwrap().len() <= 40, "Grafana's limit");
        assert!(first["panels"].as_array().unwrap().len() > 3);
        let current = |panels: &Value, variable: &str| {
            let list = panels["templating"]["list"].as_array().unwrap();
            list.iter().find(|one| one["name"] == variable).unwrap()["current"]["value"].clone()
        };
        assert_eq!(
            (current(&first, "namespace"), current(&first, "pipeline")),
            (json!("shop"), json!("market"))
        );
        assert_eq!(current(&second, "pipeline"), "quotes");
    }

    #[test]
    fn nobody_gets_one_unasked() {
        assert_eq!(dashboard(&desired("market", false)), None);
    }
}
