//! May children be made of this pipeline? The rules of the CRD are checked again: the API server's CRD may be an older
//! one, and what was stored under it is never checked again by the server.

use crds::StockPipeline;
use crds::validate::{Kind, problems, with_defaults};

use super::desired::{Dereferenced, Invalid};
use super::image;
use super::references::{self, Reference, references};
use crate::environment::Environment;

/// The pipeline with all defaults, where it is valid and everything it names is there.
pub fn validate(
    pipeline: &StockPipeline,
    found: &Dereferenced,
    env: &Environment,
) -> Result<StockPipeline, Invalid> {
    let pipeline = defaulted(pipeline)?;
    image::check(&pipeline, env)?;
    for Reference { kind, name, field } in references(&pipeline) {
        let there = match kind {
            references::Kind::Secret => found.secrets.get(&name).is_some_and(Option::is_some),
            references::Kind::ConfigMap => found.config_maps.get(&name).is_some_and(Option::is_some),
        };
        if !there {
            return Err(Invalid::Missing { kind, name, field: field.to_owned() });
        }
    }
    match keys(&pipeline).into_iter().find(|(map, key, _)| !has_key(found, map, key)) {
        Some((map, key, field)) => {
            Err(Invalid::MissingKey { name: map.to_owned(), key: key.to_owned(), field: field.to_owned() })
        }
        None => Ok(pipeline),
    }
}

/// Keys that ConfigMaps must have: the map, the key, the field that names it. What is in Secrets is never read.
fn keys(pipeline: &StockPipeline) -> Vec<(&str, &str, &'static str)> {
    let (kafka, hdfs) = (&pipeline.spec.source.kafka, &pipeline.spec.lake.hdfs);
    let holidays = pipeline.spec.calendar.as_ref().and_then(|calendar| calendar.holidays_ref.as_ref());
    let kafka =
        kafka.config_map_ref.iter().map(|map| (&*map.name, &*map.key, "spec.source.kafka.configMapRef"));
    let holidays = holidays.into_iter().map(|map| (&*map.name, &*map.key, "spec.calendar.holidaysRef"));
    let sites = ["core-site.xml", "hdfs-site.xml"];
    let hdfs_map = hdfs.config_map_ref.iter();
    let sites =
        hdfs_map.flat_map(move |map| sites.map(|key| (&*map.name, key, "spec.lake.hdfs.configMapRef")));
    let krb5 = hdfs.kerberos.iter().map(|kerberos| {
        (&*kerberos.krb5_config_map_ref.name, "krb5.conf", "spec.lake.hdfs.kerberos.krb5ConfigMapRef")
    });
    kafka.chain(holidays).chain(sites).chain(krb5).collect()
}

fn has_key(found: &Dereferenced, map: &str, key: &str) -> bool {
    let map = found.config_maps.get(map).and_then(Option::as_ref);
    map.is_some_and(|(_, data)| data.contains_key(key))
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

    fn checked(pipeline: &StockPipeline, found: &Dereferenced) -> Result<StockPipeline, Invalid> {
        validate(pipeline, found, &crate::training::samples::environment())
    }

    fn stamp() -> Stamp {
        Stamp { uid: "u".into(), resource_version: "1".into() }
    }

    #[test]
    fn a_valid_pipeline_passes_and_a_broken_rule_is_named() {
        let good = pipeline(json!({"bootstrapServers": "kafka:9092"}));
        assert_eq!(checked(&good, &Dereferenced::default()).unwrap().spec, good.spec);
        let mut bad = good;
        bad.spec.ingest.replicas = 17;
        let error = checked(&bad, &Dereferenced::default()).unwrap_err().to_string();
        assert!(error.contains("replicas") && error.contains("partitions"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_named_with_the_field_that_wants_it() {
        let named = pipeline(json!({"configMapRef": {"name": "kafka"}}));
        let with = |map: Option<BTreeMap<String, String>>| Dereferenced {
            config_maps: BTreeMap::from([("kafka".to_owned(), map.map(|data| (stamp(), data)))]),
            ..Dereferenced::default()
        };
        let error = checked(&named, &with(None)).unwrap_err().to_string();
        assert!(error.contains("ConfigMap kafka") && error.contains("configMapRef"), "{error}");
        let error = checked(&named, &with(Some(BTreeMap::new()))).unwrap_err().to_string();
        assert!(error.contains("key KAFKA"), "{error}");
        let data = BTreeMap::from([("KAFKA".to_owned(), "kafka:9092".to_owned())]);
        assert!(checked(&named, &with(Some(data))).is_ok());
    }
}
