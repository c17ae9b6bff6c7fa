//! May children be made of this pipeline? The rules of the CRD are checked again: the API server's CRD may be an older
//! one, and what was stored under it is never checked again by the server.

use crds::StockPipeline;
use crds::validate::{Kind, problems, with_defaults};

use super::dereference::references;
use super::desired::{Dereferenced, Invalid};

/// The pipeline with all defaults, where it is valid and everything it names is there.
pub fn validate(pipeline: &StockPipeline, found: &Dereferenced) -> Result<StockPipeline, Invalid> {
    let pipeline = defaulted(pipeline)?;
    for reference in references(&pipeline) {
        let name = reference.name.clone();
        let missing = |name| Invalid::Missing { kind: reference.kind, name, field: reference.field.to_owned() };
        if reference.kind == "Secret" {
            found.secrets.get(&name).and_then(Option::as_ref).ok_or_else(|| missing(name.clone()))?;
        } else {
            let map = found.config_maps.get(&name).and_then(Option::as_ref);
            let (_, data) = map.ok_or_else(|| missing(name.clone()))?;
            if let Some(key) = reference.keys.iter().find(|key| !data.contains_key(*key)) {
                return Err(missing(format!("{name}, key {key},")));
            }
        }
    }
    Ok(pipeline)
}

/// The pipeline with the defaults of this release: a field that is newer than the server's CRD has none there.
fn defaulted(pipeline: &StockPipeline) -> Result<StockPipeline, Invalid> {
    let unreadable = |error: serde_json::Error| Invalid::Unreadable(error.to_string());
    // What was observed is not what is asked for.
    let bare = StockPipeline { status: None, ..pipeline.clone() };
    let value = serde_json::to_value(bare).map_err(unreadable)?;
    let value = with_defaults(Kind::StockPipeline, value);
    let problems = problems(Kind::StockPipeline, &value, None);
    if !problems.is_empty() {
        return Err(Invalid::Spec(problems));
    }
    serde_json::from_value(value).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::desired::Stamp;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn pipeline(kafka: serde_json::Value) -> StockPipeline {
        serde_json::from_value(json!({
            "apiVersion": "stockpipe.dev/v1alpha1", "kind": "StockPipeline", "metadata": {"name": "market"},
            "spec": {
                "source": {"kafka": kafka},
                "lake": {"hdfs": {"uri": "hdfs://namenode:8020"}},
                "featureStore": {"cassandra": {"contactPoints": ["cassandra:9042"]}},
            },
        }))
        .unwrap()
    }

    fn stamp() -> Stamp {
        Stamp { uid: "u".into(), resource_version: "1".into() }
    }

    #[test]
    fn a_valid_pipeline_passes_and_a_broken_rule_is_named() {
        let good = pipeline(json!({"bootstrapServers": "kafka:9092"}));
        assert_eq!(validate(&good, &Dereferenced::default()).unwrap().spec, good.spec);
        let mut bad = good;
        bad.spec.ingest.replicas = 17;
        let error = validate(&bad, &Dereferenced::default()).unwrap_err().to_string();
        assert!(error.contains("replicas") && error.contains("partitions"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_named_with_the_field_that_wants_it() {
        let named = pipeline(json!({"configMapRef": {"name": "kafka"}}));
        let with = |map: Option<BTreeMap<String, String>>| Dereferenced {
            config_maps: BTreeMap::from([("kafka".to_owned(), map.map(|data| (stamp(), data)))]),
            ..Dereferenced::default()
        };
        let error = validate(&named, &with(None)).unwrap_err().to_string();
        assert!(error.contains("ConfigMap kafka") && error.contains("configMapRef"), "{error}");
        let error = validate(&named, &with(Some(BTreeMap::new()))).unwrap_err().to_string();
        assert!(error.contains("key KAFKA"), "{error}");
        let data = BTreeMap::from([("KAFKA".to_owned(), "kafka:9092".to_owned())]);
        assert!(validate(&named, &with(Some(data))).is_ok());
    }
}
