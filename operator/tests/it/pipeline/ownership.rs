//! What is whose: orphans go, foreign things stay, a paused or invalid pipeline is left as it is.

use serde_json::json;

use super::{NAME, NAMESPACE, World};

/// The names of all children.
fn children(world: &World) -> Vec<String> {
    let kinds = [
        "ServiceAccount",
        "Service",
        "NetworkPolicy",
        "ConfigMap",
        "PodDisruptionBudget",
        "Job",
        "Deployment",
    ];
    kinds
        .into_iter()
        .flat_map(|kind| world.fake.names(kind).into_iter().map(move |name| format!("{kind}/{name}")))
        .collect()
}

#[tokio::test]
async fn a_smaller_spec_deletes_exactly_the_orphans() {
    let smaller = json!({"dashboard": {"enabled": false}, "predictor": {"enabled": false}});
    let world = World::new(json!({"dashboard": {"replicas": 2}}));
    world.settle().await;
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign", "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/managed-by": "stockpipe-operator", "stockpipe.dev/pipeline": NAME}}});
    world.fake.with(|store| store.put("configmaps", foreign));
    world.fake.writes();
    world.edit(|spec| crate::fake::apply(spec, &smaller));
    world.settle().await;
    let fresh = World::new(smaller);
    fresh.settle().await;
    let mut expected = children(&fresh);
    expected.push("ConfigMap/foreign".to_owned());
    let (mut left, mut expected) = (children(&world), expected);
    left.sort();
    expected.sort();
    assert_eq!(left, expected);
    for deletion in world.fake.writes().iter().filter(|asked| asked.verb == "delete") {
        assert_eq!(deletion.body["propagationPolicy"], "Background", "{}", deletion.line());
        assert!(deletion.body["preconditions"]["uid"].is_string(), "{}", deletion.line());
    }
}

#[tokio::test]
async fn a_foreign_object_of_the_same_name_is_told_and_not_touched() {
    let world = World::new(json!({}));
    let foreign = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                         "metadata": {"name": "market-ingest", "namespace": NAMESPACE}, "spec": {"replicas": 7}});
    world.fake.with(|store| store.put("deployments", foreign));
    let before = world.fake.get("Deployment", "market-ingest").unwrap();
    world.settle().await;
    assert_eq!(world.condition("Degraded"), ("True".into(), "Conflict".into()));
    assert!(world.message("Degraded").contains("Deployment market-ingest"), "{}", world.message("Degraded"));
    let after = world.fake.get("Deployment", "market-ingest").unwrap();
    assert_eq!(after["spec"], before["spec"]);
    assert!(after["metadata"]["ownerReferences"].is_null(), "{after}");
    world.fake.with(|store| store.remove(&("deployments".into(), NAMESPACE.into(), "market-ingest".into())));
    world.settle().await;
    assert_eq!(world.condition("Ready").0, "True");
}

#[tokio::test]
async fn a_child_whose_labels_were_taken_off_stays_ours_and_gets_them_back() {
    let world = World::new(json!({}));
    world.settle().await;
    let before = world.fake.get("Service", "market-dashboard").unwrap();
    world.fake.with(|store| {
        store.edit("Service", "market-dashboard", |object| object["metadata"]["labels"] = json!({}));
    });
    world.settle().await;
    let after = world.fake.get("Service", "market-dashboard").unwrap();
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["metadata"]["labels"], before["metadata"]["labels"]);
    assert_eq!(world.condition("Ready").0, "True");
}

/// Not even in the moment between the pass's last look and its write.
#[tokio::test]
async fn what_is_new_is_written_only_where_its_name_is_free() {
    let world = World::new(json!({}));
    world.settle().await;
    let asked = world.fake.asked();
    let first = |name: &str| {
        let asked = asked.iter().find(|one| one.verb == "patch" && one.target.name == name);
        asked.unwrap_or_else(|| panic!("{name} was never applied")).body.clone()
    };
    for name in ["market-ingest", "market-dashboard", "market-predictor"] {
        // A version that no object has: where there is one, the server refuses.
        assert_eq!(first(name)["metadata"]["resourceVersion"], "1", "{name}");
    }
    assert!(!asked.iter().any(|one| one.verb == "get" && one.target.name == "market-ingest"));
}

#[tokio::test]
async fn a_paused_pipeline_gets_its_status_and_nothing_else() {
    let world = World::new(json!({}));
    world.settle().await;
    world.edit(|spec| {
        spec["operation"]["reconciliationPaused"] = json!(true);
        spec["ingest"]["replicas"] = json!(4);
    });
    world.fake.writes();
    world.settle().await;
    let writes: Vec<String> = world.fake.writes().iter().map(|one| one.line()).collect();
    assert_eq!(writes, ["patch stockpipelines/market status"]);
    assert_eq!(world.condition("ReconciliationPaused").0, "True");
    world.edit(|spec| spec["operation"]["reconciliationPaused"] = json!(false));
    world.settle().await;
    assert_eq!(world.pipeline().unwrap()["status"]["ingest"]["summary"], "4/4");
}

#[tokio::test]
async fn an_invalid_spec_keeps_what_runs() {
    let world = World::new(json!({}));
    world.settle().await;
    let before = children(&world);
    world.fake.writes();
    world.edit(|spec| spec["ingest"]["replicas"] = json!(99));
    world.settle().await;
    assert_eq!(world.condition("Degraded"), ("True".into(), "InvalidSpec".into()));
    assert_eq!(world.condition("Ready"), ("False".into(), "InvalidSpec".into()));
    assert_eq!(children(&world), before);
    assert!(world.fake.writes().iter().all(|asked| asked.target.subresource == "status"));
    assert_eq!(world.fake.get("Deployment", "market-ingest").unwrap()["spec"]["replicas"], 1);
}

#[tokio::test]
async fn a_spec_that_cannot_be_read_is_told_once() {
    let world = World::new(json!({}));
    world.settle().await;
    world.edit(|spec| spec["ingest"]["replicas"] = json!("many"));
    world.fake.writes();
    world.settle().await;
    assert_eq!(world.condition("Degraded"), ("True".into(), "InvalidSpec".into()));
    let writes: Vec<String> = world.fake.writes().iter().map(|one| one.line()).collect();
    assert_eq!(writes, ["patch stockpipelines/market status"]);
    assert_eq!(world.pipeline().unwrap()["status"]["ingest"]["summary"], "1/1");
    world.edit(|spec| spec["ingest"]["replicas"] = json!(2));
    world.settle().await;
    assert_eq!(world.condition("Ready").0, "True");
}

#[tokio::test]
async fn a_missing_secret_is_named_and_found_when_it_comes() {
    let world = World::new(json!({"featureStore": {"cassandra": {"secretRef": {"name": "ring-user"}}}}));
    world.settle().await;
    assert_eq!(world.condition("DependenciesReady"), ("False".into(), "MissingSecret".into()));
    assert!(world.message("Ready").contains("ring-user"), "{}", world.message("Ready"));
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ring-user", "namespace": NAMESPACE}});
    world.fake.with(|store| store.put("secrets", secret));
    world.settle().await;
    assert_eq!(world.condition("Ready").0, "True");
    let annotation = |world: &World| {
        let ingest = world.fake.get("Deployment", "market-ingest").unwrap();
        ingest["spec"]["template"]["metadata"]["annotations"]["stockpipe.dev/secrets"].clone()
    };
    let before = annotation(&world);
    world.fake.with(|store| {
        store.edit("Secret", "ring-user", |secret| secret["data"] = json!({"password": "bmV3"}))
    });
    world.settle().await;
    assert_ne!(annotation(&world), before);
}

#[tokio::test]
async fn a_stopped_pipeline_has_no_pods_and_keeps_everything_else() {
    let world = World::new(json!({}));
    world.settle().await;
    world.edit(|spec| spec["operation"]["stopped"] = json!(true));
    world.settle().await;
    assert_eq!(world.condition("Ready"), ("False".into(), "Stopped".into()));
    assert_eq!(world.condition("Stopped").0, "True");
    for name in world.fake.names("Deployment") {
        assert_eq!(world.fake.get("Deployment", &name).unwrap()["spec"]["replicas"], 0, "{name}");
    }
    world.edit(|spec| spec["operation"]["stopped"] = json!(false));
    world.settle().await;
    assert_eq!(world.condition("Ready").0, "True");
}
