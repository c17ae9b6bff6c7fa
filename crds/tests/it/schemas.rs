//! The generated CRDs: up to date, small, structural, bounded, and with the defaults of the Rust types.

use crate::table;
use crds::validate::{Kind, with_defaults};
use crds::{StockPipeline, TrainingRun, crd};
use serde_json::Value;
use std::path::Path;

/// Keywords that the offline value rules know, and those that say nothing about a value.
const KEYWORDS: &[&str] = &[
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "enum",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "default",
    "description",
    "title",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "x-kubernetes-preserve-unknown-fields",
];

/// Calls `check` for every schema node with its path.
fn each(schema: &Value, path: &str, check: &mut dyn FnMut(&str, &Value)) {
    check(path, schema);
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        each(below, &format!("{path}.{name}"), check);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            each(&schema[key], &format!("{path}[]"), check);
        }
    }
}

#[test]
fn the_files_are_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("yaml");
    for (name, content) in crd::files().unwrap() {
        let stored = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(stored == content, "{name} is stale; run `cargo run -p stockpipe-crds --bin crdgen`");
        assert!(
            content.len() < 200_000,
            "{name} has {} bytes: kubectl apply could not store it",
            content.len()
        );
    }
}

#[test]
fn the_chart_has_the_same_and_keeps_them() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/stockpipe-crds/templates");
    for ((name, content), (_, plain)) in crd::templates().unwrap().into_iter().zip(crd::files().unwrap()) {
        let stored = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(stored == content, "{name} of the chart is stale; run `make generate`");
        let mut kept: Value = serde_yaml::from_str(&content).unwrap();
        let annotations = kept["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(annotations.unwrap()["helm.sh/resource-policy"], "keep");
        assert_eq!(kept, serde_yaml::from_str::<Value>(&plain).unwrap());
        assert!(!content.contains("{{"), "{name} would be taken for a template");
    }
}

#[test]
fn the_reference_is_up_to_date_and_has_everything() {
    let page = crds::manual::page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == page, "docs/reference.md is stale; run `make generate`");
    for rule in crds::cel::PIPELINE.iter().chain(crds::cel::RUN) {
        assert!(page.contains(rule.message), "no field has the rule {:?}", rule.message);
    }
    for kind in [Kind::StockPipeline, Kind::TrainingRun] {
        for part in ["spec", "status"] {
            each(&kind.schema()["properties"][part], "", &mut |path, node| {
                // A list's element and a map's value have the row of the list and of the map.
                let field = path.trim_start_matches('.');
                let repeated = field.starts_with("training.template.spec.");
                if field.is_empty() || repeated || field.ends_with("[]") || node["type"].is_null() {
                    return;
                }
                assert!(page.contains(&format!("| `{field}` |")), "{part}.{field} has no row");
            });
        }
    }
    for row in crds::reason::table() {
        assert!(page.contains(&format!("| `{}` |", row.reason)), "{} has no row", row.reason);
    }
    for type_ in crds::reason::conditions() {
        assert!(page.contains(&format!("| `{}` | {} |", type_.name, type_.meaning)), "{}", type_.name);
    }
}

#[test]
fn every_node_is_structural() {
    for kind in [Kind::StockPipeline, Kind::TrainingRun] {
        each(kind.schema(), "", &mut |path, node| {
            let fields = node.as_object().unwrap();
            assert!(node["type"].is_string(), "{path} has no type");
            let format = node["format"].as_str().unwrap_or("");
            assert!(!format.starts_with("uint"), "{path} is {format}");
            assert!(!path.starts_with(".spec") || node["type"] != "number", "{path} is a float");
            for key in fields.keys() {
                assert!(KEYWORDS.contains(&key.as_str()), "{path}: nothing offline knows {key}");
            }
            if let Some(pattern) = node["pattern"].as_str() {
                regex::Regex::new(pattern).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
            if let Some(keys) = node["x-kubernetes-list-map-keys"].as_array() {
                for key in keys {
                    let item = &node["items"];
                    assert!(
                        item["required"].as_array().unwrap().contains(key),
                        "{path}: the key {key} may be absent"
                    );
                }
            }
        });
    }
}

#[test]
fn everything_below_spec_is_bounded() {
    for kind in [Kind::StockPipeline, Kind::TrainingRun] {
        each(kind.schema(), "", &mut |path, node| {
            if !path.starts_with(".spec") {
                return;
            }
            match node["type"].as_str() {
                Some("string") => {
                    assert!(node["maxLength"].is_u64() || node["enum"].is_array(), "{path} has no maxLength");
                }
                Some("array") => {
                    assert!(node["maxItems"].is_u64(), "{path} has no maxItems");
                    assert!(node["x-kubernetes-list-type"].is_string(), "{path} has no list type");
                }
                Some("object") if node["additionalProperties"].is_object() => {
                    assert!(node["maxProperties"].is_u64(), "{path} has no maxProperties");
                }
                _ => {}
            }
        });
    }
}

#[test]
fn rules_sit_at_spec_and_point_at_fields() {
    for kind in [Kind::StockPipeline, Kind::TrainingRun] {
        each(kind.schema(), "", &mut |path, node| {
            assert_eq!(node["x-kubernetes-validations"].is_array(), path == ".spec", "{path}");
        });
        let spec = &kind.schema()["properties"]["spec"];
        for rule in spec["x-kubernetes-validations"].as_array().unwrap() {
            let field = rule["fieldPath"].as_str().unwrap();
            let found = field[1..].split('.').try_fold(spec, |node, name| node["properties"].get(name));
            assert!(found.is_some(), "{field} is not a field");
            assert!(
                !rule["message"].as_str().unwrap().contains('\n'),
                "{field}: the server refuses line breaks"
            );
        }
    }
}

/// The API server fills defaults level by level; serde fills them from `Default`. Both must mean the same object.
#[test]
fn the_schema_and_the_types_have_the_same_defaults() {
    let table = table();
    let minimal = table["bases"]["pipeline"].clone();
    let typed: StockPipeline = serde_json::from_value(minimal.clone()).unwrap();
    assert_eq!(with_defaults(Kind::StockPipeline, minimal.clone()), serde_json::to_value(typed).unwrap());

    let mut all = minimal;
    crate::merge(
        &mut all,
        &serde_json::json!({"spec": {
            "training": {}, "ingest": {"autoscaling": {}}, "dashboard": {"service": {}}, "serviceAccount": {}, "metadata": {},
            "source": {"kafka": {"topic": {}, "security": {}}}, "features": {"dedup": {}, "validation": {}},
        }}),
    );
    let typed: StockPipeline = serde_json::from_value(all.clone()).unwrap();
    assert_eq!(with_defaults(Kind::StockPipeline, all), serde_json::to_value(typed).unwrap());

    let minimal = table["bases"]["run"].clone();
    let typed: TrainingRun = serde_json::from_value(minimal.clone()).unwrap();
    assert_eq!(with_defaults(Kind::TrainingRun, minimal), serde_json::to_value(typed).unwrap());
}

/// The page that settles names, as literals: a default that moves is a change of the API.
#[test]
fn defaults_are_those_of_the_api() {
    let spec = with_defaults(Kind::StockPipeline, table()["bases"]["pipeline"].clone())["spec"].take();
    let expected: Value = serde_yaml::from_str(
        "
        source:
          kafka:
            bootstrapServers: kafka:9092
            topic: {name: ticks, partitions: 16, replicationFactor: 1, create: true}
            security: {protocol: PLAINTEXT}
          keyed: true
          onGap: Halt
        lake:
          hdfs: {uri: 'hdfs://namenode:8020', user: stockpipe}
          root: /data
          roll: {size: 128Mi, age: 60s}
        featureStore:
          cassandra:
            {contactPoints: ['cassandra:9042'], datacenter: datacenter1, keyspace: market, replicationFactor: 1, tls: false}
        features:
          watermark: 5s
          maxFuture: 10s
          dedup: {by: Auto, maxEntries: 1000000}
          validation: {ohlcOrder: Reject}
          maxSymbols: 1000
          windows: [{name: sma_5, size: 15s, slide: 5s}, {name: sma_20, size: 60s, slide: 15s}]
          bars: [5s, 1m]
          indicators: [default]
        ingest: {replicas: 1}
        predictor: {enabled: true, bar: 1m, horizons: [1, 5]}
        dashboard: {enabled: true, replicas: 1, port: 8501}
        producer: {enabled: false, ticksPerSecond: 4, symbols: [AAPL, AMZN, GOOGL, MSFT], model: Gbm, seed: 42}
        promotion:
          {mode: Auto, minSkill: '0', shadowBars: 60, cooldown: 1h, rollback: Auto, allowSuspicious: false}
        monitoring: {podMonitor: false, prometheusRule: false, grafanaDashboards: false}
        networkPolicy: {mode: Ingress}
        operation: {stopped: false, reconciliationPaused: false}
        deletionPolicy: Retain
        image: {pullPolicy: IfNotPresent}
        ",
    )
    .unwrap();
    assert_eq!(spec, expected);

    let spec = with_defaults(Kind::TrainingRun, table()["bases"]["run"].clone())["spec"].take();
    let expected: Value = serde_yaml::from_str(
        "
        pipelineRef: {name: market}
        data: {bar: 1m, symbols: ['*'], from: -14d, to: now, minRows: 2000}
        target: {kind: LogReturn, horizons: [1, 5]}
        validation: {method: WalkForward, folds: 5, window: Expanding}
        model:
          {algorithm: RandomForest, engine: Auto, trees: 100, maxDepth: 8, maxFeaturesPercent: 33, groupBy: None, seed: 42}
        workers: 1
        restartPolicy: {type: OnFailure, maxRetries: 2, backoff: {initial: 10s, max: 5m}}
        activeDeadline: 30m
        suspend: false
        ",
    )
    .unwrap();
    assert_eq!(spec, expected);
}

#[test]
fn names_columns_and_scale_are_those_of_the_api() {
    let crd = crd::stock_pipeline();
    assert_eq!(crd["spec"]["names"]["shortNames"], serde_json::json!(["spipe"]));
    assert_eq!(crd["spec"]["names"]["categories"], serde_json::json!(["stockpipe"]));
    let version = &crd["spec"]["versions"][0];
    let columns = |version: &Value| -> Vec<String> {
        let columns = version["additionalPrinterColumns"].as_array().unwrap();
        columns.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(columns(version), ["READY", "INGEST", "LAG", "MODEL", "SKILL", "REASON", "AGE"]);
    assert_eq!(version["subresources"]["scale"]["specReplicasPath"], ".spec.ingest.replicas");
    assert_eq!(version["subresources"]["scale"]["labelSelectorPath"], ".status.ingest.selector");
    assert!(version["subresources"]["status"].is_object());

    let crd = crd::training_run();
    assert_eq!(crd["spec"]["names"]["shortNames"], serde_json::json!(["trun"]));
    let names = ["PIPELINE", "PHASE", "PROGRESS", "ROWS", "RMSE", "SKILL", "VERSION", "ALIAS", "AGE"];
    assert_eq!(columns(&crd["spec"]["versions"][0]), names);
}
