//! What holds for the children of any valid pipeline.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::DynamicObject;
use operator::pipeline::build::{config_hash, init_hash};
use operator::pipeline::desired::Desired;
use proptest::prelude::*;
use serde_json::Value;

use super::any_pipeline::{choice, load};
use super::{children, desired, objects};

type Labels = BTreeMap<String, String>;

fn labels_at(object: &DynamicObject, pointer: &str) -> Option<Labels> {
    object.data.pointer(pointer).map(|labels| serde_json::from_value(labels.clone()).unwrap())
}

fn is_within(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn kind(object: &DynamicObject) -> &str {
    &object.types.as_ref().unwrap().kind
}

fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= 63
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().any(has_null),
        Value::Array(items) => items.iter().any(has_null),
        _ => false,
    }
}

/// Pods find their volumes, selectors find their pods.
fn check_workload(object: &DynamicObject) {
    let name = object.metadata.name.as_deref().unwrap();
    let labels = labels_at(object, "/spec/template/metadata/labels").unwrap();
    if let Some(selector) = labels_at(object, "/spec/selector/matchLabels") {
        assert!(
            !selector.is_empty() && is_within(&selector, &labels),
            "{name}: {selector:?} does not select {labels:?}"
        );
    }
    let pod = object.data.pointer("/spec/template/spec").unwrap();
    let volumes: Vec<&str> =
        pod["volumes"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert!(volumes.iter().all(|volume| is_label(volume)), "{name}: {volumes:?}");
    assert_eq!(volumes.iter().collect::<BTreeSet<_>>().len(), volumes.len(), "{name}: {volumes:?}");
    let mounts: Vec<&Value> = pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|container| container["volumeMounts"].as_array().into_iter().flatten())
        .collect();
    for mount in &mounts {
        assert!(volumes.contains(&mount["name"].as_str().unwrap()), "{name}: no volume for {mount}");
    }
    let paths: BTreeSet<&str> = mounts.iter().map(|mount| mount["mountPath"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), mounts.len(), "{name}: two mounts at one path");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn children_fit_together(choice in choice()) {
        let desired = choice.desired();
        let all = objects(&desired);
        prop_assert_eq!(&all, &objects(&desired), "equal input, other objects");

        let mut names = BTreeSet::new();
        for object in &all {
            let metadata = &object.metadata;
            let name = metadata.name.as_deref().unwrap();
            prop_assert!(is_label(name), "{} {name} is not a DNS label of at most 63", kind(object));
            prop_assert!(names.insert((kind(object).to_owned(), name.to_owned())), "two are called {name}");
            prop_assert_eq!(metadata.namespace.as_deref(), Some("trading"));
            let owners = metadata.owner_references.as_ref().unwrap();
            prop_assert!(owners.len() == 1 && owners[0].uid == "0b5e-uid" && owners[0].controller == Some(true));
            let labels = metadata.labels.as_ref().unwrap();
            prop_assert_eq!(&labels["app.kubernetes.io/instance"], &choice.name);
            prop_assert_eq!(&labels["app.kubernetes.io/managed-by"], "stockpipe-operator");
            prop_assert!(!has_null(&object.data), "{} {name} holds a null", kind(object));
        }
        let workloads: Vec<&DynamicObject> = all.iter().filter(|o| matches!(kind(o), "Deployment" | "Job")).collect();
        workloads.iter().for_each(|workload| check_workload(workload));
        let first = all.iter().position(|o| matches!(kind(o), "Deployment" | "Job")).unwrap();
        prop_assert_eq!(first + workloads.len(), all.len(), "workloads come last");

        let pods: Vec<Labels> = workloads.iter().map(|w| labels_at(w, "/spec/template/metadata/labels").unwrap()).collect();
        for object in &all {
            let pointer = match kind(object) {
                "Service" => "/spec/selector",
                "PodDisruptionBudget" => "/spec/selector/matchLabels",
                "NetworkPolicy" if !choice.cleanup => "/spec/podSelector/matchLabels",
                "PodMonitor" => "/spec/selector/matchLabels",
                _ => continue,
            };
            let selector = labels_at(object, pointer).unwrap();
            prop_assert!(pods.iter().any(|pod| is_within(&selector, pod)), "{} selects no pod", kind(object));
        }
    }

    #[test]
    fn manifests_are_there_and_can_be_read(choice in choice()) {
        let desired = choice.desired();
        let children = children(&desired);
        let maps: BTreeMap<&str, &str> = children
            .config_maps
            .iter()
            .map(|map| (map.metadata.name.as_deref().unwrap(), map.data.as_ref().unwrap()["pipeline.yaml"].as_str()))
            .collect();
        let held = choice.held.as_ref().map(|hash| format!("{}-config-{hash}", choice.name));
        for mounted in children.mounted_config_maps() {
            prop_assert!(maps.contains_key(mounted.as_str()) || Some(&mounted) == held.as_ref(), "{mounted} is nowhere");
        }
        let (given, roles) = (&desired.pipeline, load(maps[format!("{}-config-{}", choice.name, config_hash(&desired)).as_str()]));
        prop_assert_eq!(&roles.metadata, &given.metadata);
        prop_assert_eq!(&roles.spec.source, &given.spec.source);
        prop_assert_eq!(&roles.spec.lake, &given.spec.lake);
        prop_assert_eq!(&roles.spec.features, &given.spec.features);
        prop_assert_eq!(&roles.spec.feature_store, &given.spec.feature_store);
        prop_assert_eq!(&roles.spec.promotion, &given.spec.promotion);
        prop_assert_eq!(&roles.spec.dashboard.auth, &given.spec.dashboard.auth);
        if !choice.cleanup {
            let init = load(maps[format!("{}-init-{}", choice.name, init_hash(&desired)).as_str()]);
            prop_assert_eq!(&init.metadata, &given.metadata);
            prop_assert_eq!(&init.spec.source.kafka, &given.spec.source.kafka);
            prop_assert_eq!(init.spec.source.keyed, given.spec.source.keyed);
            prop_assert_eq!(&init.spec.lake.hdfs, &given.spec.lake.hdfs);
            prop_assert_eq!(&init.spec.lake.root, &given.spec.lake.root);
            prop_assert_eq!(&init.spec.feature_store, &given.spec.feature_store);
            prop_assert_eq!(&init.spec.features.windows, &given.spec.features.windows);
            prop_assert_eq!(&init.spec.features.bars, &given.spec.features.bars);
            prop_assert_eq!(&init.spec.features.indicators, &given.spec.features.indicators);
        }
    }

    #[test]
    fn scaling_restarts_nobody(choice in choice(), replicas in 0i32..64) {
        let before = choice.desired();
        let mut after = before.clone();
        after.ingest_replicas = replicas;
        after.pipeline.spec.ingest.replicas = replicas;
        after.pipeline.spec.dashboard.replicas = replicas % 4;
        after.pipeline.spec.operation.stopped ^= true;
        let templates = |desired: &Desired| {
            children(desired).deployments.into_iter().map(|d| d.spec.unwrap().template).collect::<Vec<_>>()
        };
        prop_assert_eq!(templates(&before), templates(&after));
    }
}

/// One change of a pipeline, and whose pods it restarts, whether it sets up anew.
#[test]
fn each_change_restarts_what_it_concerns() {
    let build = |more: &str| {
        let desired = desired(super::pipeline(&format!("{}{more}", super::SERVERS)));
        let templates: Vec<_> =
            children(&desired).deployments.into_iter().map(|d| d.spec.unwrap().template).collect();
        (templates, init_hash(&desired))
    };
    let plain = build("");
    for (more, restarts, sets_up) in [
        ("  ingest: {replicas: 5}\n", false, false),
        ("  ingest: {autoscaling: {maxReplicas: 5}}\n", false, false),
        ("  networkPolicy: {mode: Full}\n", false, false),
        ("  monitoring: {podMonitor: true}\n", false, false),
        ("  training: {schedule: '0 * * * *'}\n", false, false),
        ("  deletionPolicy: Delete\n", false, false),
        ("  operation: {stopped: true, reconciliationPaused: true}\n", false, false),
        ("  dashboard: {service: {type: NodePort}}\n", false, false),
        ("  operation: {restartNonce: 1}\n", true, false),
        ("  features: {watermark: 9s}\n", true, false),
        ("  promotion: {mode: Manual}\n", true, false),
        ("  features: {indicators: [sma_9]}\n", true, true),
        ("  image: {reference: 'other:1'}\n", true, true),
    ] {
        let (templates, init) = build(more);
        assert_eq!((templates != plain.0, init != plain.1), (restarts, sets_up), "{more}");
    }
    let mut renewed = desired(super::pipeline(&format!(
        "{}  dashboard: {{auth: {{secretRef: {{name: page}}}}}}\n",
        super::SERVERS
    )));
    let secrets = |desired: &Desired| {
        let annotation = |d: k8s_openapi::api::apps::v1::Deployment| {
            d.spec.unwrap().template.metadata.unwrap().annotations.unwrap()["stockpipe.dev/secrets"].clone()
        };
        children(desired).deployments.into_iter().map(annotation).collect::<Vec<_>>()
    };
    let before = secrets(&renewed);
    renewed.found.secrets.get_mut("page").unwrap().as_mut().unwrap().resource_version = "99".to_owned();
    let after = secrets(&renewed);
    // ingest, predictor, dashboard: the page's Secret is the dashboard's alone.
    assert_eq!(before.iter().zip(&after).map(|(a, b)| a != b).collect::<Vec<_>>(), [false, false, true]);
}
