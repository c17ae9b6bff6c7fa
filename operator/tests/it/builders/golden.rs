//! Whole objects against files: `tests/golden/<case>/<kind>.<name>.json`. A review of a change sees what clusters will see.
//!
//! `UPDATE_GOLDEN=1 cargo test -p stockpipe-operator` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use operator::pipeline::build::{config_hash, init_hash};
use operator::pipeline::desired::Desired;
use serde_json::Value;

use super::{SERVERS, desired, objects, pipeline};

const SECURED: &str = r#"
  source:
    kafka:
      configMapRef: {name: broker-list, key: BROKERS}
      topic: {name: prints, partitions: 8, replicationFactor: 3, retention: 7d}
      security: {protocol: SASL_SSL, mechanism: SCRAM-SHA-512, secretRef: {name: kafka-user}, caSecretRef: {name: kafka.ca}}
    keyed: false
  lake:
    hdfs:
      configMapRef: {name: hadoop-sites}
      kerberos: {principal: quotes@REALM, keytabSecretRef: {name: keytab}, krb5ConfigMapRef: {name: krb5}}
    root: /lake
  featureStore:
    cassandra: {contactPoints: ['ring-a:9142', ring-b], secretRef: {name: ring-user}, caSecretRef: {name: ring-ca}, tls: true}
  calendar: {kind: Sessions, timeZone: Europe/Zurich, open: "09:00", close: "17:30", holidaysRef: {name: holidays, key: zurich}}
  ingest:
    replicas: 3
    podOverrides: {spec: {containers: [{name: stockpipe, resources: {limits: {memory: 1Gi}}}]}}
  dashboard:
    replicas: 2
    port: 8080
    auth: {secretRef: {name: page-user}}
    service: {type: LoadBalancer, annotations: {lb.test/internal: "true"}}
    basePath: /quotes
  producer: {enabled: true}
  monitoring: {podMonitor: true, prometheusRule: true, grafanaDashboards: true, labels: {prometheus: main}}
  networkPolicy:
    mode: Full
    extraEgress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}], ports: [{port: 9094, protocol: TCP}]}]
  operation: {restartNonce: 7}
  image: {reference: 'mirror.test/workers@sha256:00', pullPolicy: Always, pullSecrets: [{name: mirror-pull}]}
  serviceAccount: {annotations: {cloud.test/role: reader}}
  metadata: {labels: {team: desk-4, app.kubernetes.io/instance: not-this}, annotations: {cost-centre: "17"}}
  podOverrides: {spec: {tolerations: [{key: market, operator: Exists}], priorityClassName: high}}
"#;

fn cases() -> Vec<(&'static str, Desired)> {
    let plain = || desired(pipeline(SERVERS));
    let stopped = || {
        let text = format!(
            "{SERVERS}  operation: {{stopped: true}}\n  ingest: {{replicas: 2}}\n  networkPolicy: {{mode: None}}\n"
        );
        desired(pipeline(&text))
    };
    vec![
        ("plain", plain()),
        ("secured", desired(pipeline(SECURED))),
        ("stopped", stopped()),
        ("held", Desired { held_config: Some("0123456789".to_owned()), ..plain() }),
        ("cleanup", Desired { cleanup: true, ..plain() }),
    ]
}

fn directory(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case)
}

/// The objects of a case by file name. Hashes in names are told apart by their kind, so that files keep their names.
fn built(desired: &Desired) -> BTreeMap<String, Value> {
    let (config, init) = (config_hash(desired), init_hash(desired));
    let named = objects(desired).into_iter().enumerate().map(|(index, object)| {
        let kind = object.types.as_ref().unwrap().kind.to_lowercase();
        let name = object.metadata.name.clone().unwrap().replace(&config, "HASH").replace(&init, "HASH");
        (format!("{index:02}.{kind}.{name}.json"), serde_json::to_value(&object).unwrap())
    });
    named.collect()
}

/// Where two values differ, one line each.
fn differences(path: &str, wanted: &Value, got: &Value, found: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differences(&format!("{path}.{key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{path}: the file has {a}, built was {b}")),
    }
}

#[test]
fn every_object_is_as_its_file_says() {
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut found = Vec::new();
    for (case, desired) in cases() {
        let directory = directory(case);
        let built = built(&desired);
        if update {
            // Files of objects that are no longer built go; there are none at the first time.
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir_all(&directory).unwrap();
            for (name, object) in &built {
                fs::write(directory.join(name), format!("{object:#}\n")).unwrap();
            }
        }
        let mut files: Vec<String> = fs::read_dir(&directory)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let names: Vec<String> = built.keys().cloned().collect();
        assert_eq!(files, names, "the objects of case {case}");
        for (name, object) in &built {
            let text = fs::read_to_string(directory.join(name)).unwrap();
            differences(
                &format!("{case}/{name} "),
                &serde_json::from_str(&text).unwrap(),
                object,
                &mut found,
            );
        }
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_difference_is_seen_and_named() {
    let (wanted, mut got) =
        (serde_json::json!({"a": [{"b": 1}]}), serde_json::json!({"a": [{"b": 1}], "c": 2}));
    got["a"][0]["b"] = 2.into();
    let mut found = Vec::new();
    differences("o", &wanted, &got, &mut found);
    assert_eq!(found, ["o.a[0].b: the file has 1, built was 2", "o.c: the file has null, built was 2"]);
}
