//! The files a newcomer starts from are valid, and say what the documentation says they do.

use crds::local::cluster_only_fields;
use crds::pipeline::ProducerModel;
use crds::{Bare, Documents, File, Manifest};
use std::path::Path;

fn load(names: &[&str]) -> Documents {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let files: Vec<File> = names
        .iter()
        .map(|name| File {
            name: (*name).to_owned(),
            text: std::fs::read_to_string(directory.join(name)).unwrap(),
        })
        .collect();
    Manifest::load(&files, &[], Bare::Pipeline, &|_| None, false).unwrap()
}

#[test]
fn the_demo_is_what_the_readme_promises() {
    let documents = load(&["pipeline.yaml"]);
    assert_eq!(documents.warnings, [] as [&str; 0]);
    let spec = &documents.pipeline.spec;
    let bars: Vec<String> = spec.features.bars.iter().map(ToString::to_string).collect();
    assert_eq!(bars, ["5s", "1m"]);
    assert_eq!(spec.predictor.bar.to_string(), "5s");
    assert_eq!(spec.features.watermark.seconds(), 1);
    assert_eq!(spec.producer.backfill.unwrap().to_string(), "6h");
    assert_eq!(spec.producer.symbols.len(), spec.producer.ticks_per_second as usize);
    let models: Vec<_> = spec.producer.overrides.iter().map(|o| o.model.unwrap()).collect();
    assert_eq!(
        models,
        [ProducerModel::Gbm, ProducerModel::Ar1, ProducerModel::Signal, ProducerModel::Regime]
    );
    assert_eq!(spec.producer.overrides[1].phi.as_ref().unwrap().value(), 0.3);
    assert_eq!(spec.producer.overrides[3].switch_before.unwrap().to_string(), "90m");
    let training = spec.training.as_ref().unwrap();
    assert_eq!(training.triggers.as_ref().unwrap().new_rows, Some(2000));
    assert_eq!(spec.promotion.shadow_bars, 6);
    assert!(spec.promotion.allow_suspicious);
    assert_eq!(cluster_only_fields(&documents.pipeline).len(), 3, "only the three servers");
}

#[test]
fn the_run_belongs_to_the_demo() {
    let documents = load(&["pipeline.yaml", "trainingrun.yaml"]);
    assert_eq!(documents.warnings, [] as [&str; 0]);
    assert_eq!(documents.runs[0].name(), "market-by-hand");
}

#[test]
fn the_csv_has_a_header_and_valid_prices() {
    let text = include_str!("../../../examples/bars.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("Datetime,Symbol,Open,High,Low,Close,Volume"));
    let mut rows = 0;
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let price = |index: usize| -> f64 { fields[index].parse().unwrap() };
        let (open, high, low, close) = (price(2), price(3), price(4), price(5));
        assert!(low <= open.min(close) && open.max(close) <= high, "{line}");
        rows += 1;
    }
    assert_eq!(rows, 360);
}

#[test]
fn production_loads_without_a_warning_and_is_what_its_comments_say() {
    let documents = load(&["production.yaml"]);
    assert_eq!(documents.warnings, [] as [&str; 0]);
    let pipeline = &documents.pipeline;
    assert_eq!(pipeline.metadata.namespace.as_deref(), Some("markets"));
    let spec = &pipeline.spec;
    assert_eq!(spec.source.kafka.security.protocol, crds::pipeline::Protocol::SaslSsl);
    assert!(
        spec.source.kafka.security.secret_ref.is_some() && spec.source.kafka.security.ca_secret_ref.is_some()
    );
    assert_eq!(spec.source.kafka.topic.replication_factor, 3);
    assert_eq!(spec.feature_store.cassandra.replication_factor, 3);
    assert!(spec.feature_store.cassandra.tls);
    assert!(spec.lake.hdfs.config_map_ref.is_some(), "a name service needs its configuration");
    assert_eq!(spec.lake.retention.unwrap().to_string(), "365d");
    let ttl = spec.feature_store.ttl.as_ref().unwrap();
    assert!(ttl.features.is_some() && ttl.predictions.is_some());
    assert!(!spec.producer.enabled, "nothing synthetic among real trades");
}
