//! From a new pipeline to one that runs, and nothing more after that.

use operator::pipeline::controller;
use operator::rbac::PERMISSIONS;
use serde_json::json;

use super::{NAME, World, everything};
use crate::fake::Asked;

#[tokio::test]
async fn a_new_pipeline_comes_to_run_and_is_then_left_alone() {
    let world = World::new(json!({}));
    world.settle().await;
    assert_eq!(world.condition("Ready"), ("True".into(), "Running".into()), "{}", world.message("Ready"));
    assert_eq!(world.condition("Progressing"), ("False".into(), "Settled".into()));
    assert_eq!(world.condition("Degraded"), ("False".into(), "AsExpected".into()));
    assert_eq!(world.fake.names("Deployment"), ["market-dashboard", "market-ingest", "market-predictor"]);
    let status = world.pipeline().unwrap()["status"].clone();
    assert_eq!((&status["observedGeneration"], &status["ingest"]["summary"]), (&json!(1), &json!("1/1")));
    let before = world.fake.with(|store| store.version());
    world.fake.writes();
    for _ in 0..3 {
        world.pass_time(3600);
        world.pass().await.unwrap();
    }
    // Not even a question: a thousand pipelines at rest would ask it a thousand times.
    let asked: Vec<String> = world.fake.asked().iter().map(|one| one.line()).collect();
    assert_eq!(asked, Vec::<String>::new());
    assert_eq!(world.fake.with(|store| store.version()), before);
}

#[tokio::test]
async fn a_new_operator_writes_nothing_either() {
    let mut world = World::new(json!({"ingest": {"replicas": 2}, "training": {}}));
    world.settle().await;
    world.fake.writes();
    world.restart();
    world.pass().await.unwrap();
    assert_eq!(world.fake.writes().len(), 0);
}

#[tokio::test]
async fn every_condition_names_the_generation_it_speaks_of() {
    let world = World::new(json!({}));
    world.settle().await;
    world.edit(|spec| spec["predictor"]["horizons"] = json!([1, 3]));
    world.settle().await;
    let status = world.pipeline().unwrap()["status"].clone();
    let conditions = status["conditions"].as_array().unwrap().clone();
    let types: Vec<&str> = conditions.iter().map(|one| one["type"].as_str().unwrap()).collect();
    let expected = [
        "Ready",
        "Progressing",
        "Degraded",
        "DependenciesReady",
        "ScalingActive",
        "ReconciliationPaused",
        "Stopped",
    ];
    assert_eq!(types, expected);
    assert!(conditions.iter().all(|one| one["observedGeneration"] == 2), "{conditions:?}");
}

#[tokio::test]
async fn everything_the_operator_asks_is_permitted() {
    let world = World::new(everything());
    world.settle().await;
    world.edit(|spec| spec["dashboard"]["enabled"] = json!(false));
    world.settle().await;
    // And all of it once more.
    world.edit(|spec| spec["dashboard"]["enabled"] = json!(true));
    world.settle().await;
    world.fake.with(|store| {
        let key = ("stockpipelines".into(), super::NAMESPACE.into(), NAME.into());
        let target = crate::fake::Target {
            resource: "stockpipelines".into(),
            namespace: super::NAMESPACE.into(),
            name: NAME.into(),
            ..Default::default()
        };
        assert!(store.at(&key).is_some());
        store.delete(&target, &json!({})).unwrap();
    });
    world.settle().await;
    assert!(world.pipeline().is_none(), "{}", world.message("Ready"));
    let all = world.fake.asked();
    assert!(all.len() > 50, "only {} requests", all.len());
    check_permitted(&all);
}

fn check_permitted(all: &[Asked]) {
    for asked in all {
        let target = &asked.target;
        let resource = match target.subresource.as_str() {
            "" => target.resource.clone(),
            below => format!("{}/{below}", target.resource),
        };
        let permitted = PERMISSIONS.iter().any(|one| {
            one.group == target.group
                && one.resources.contains(&resource.as_str())
                && one.verbs.contains(&asked.verb)
        });
        assert!(permitted, "{} of {resource} in group {:?}", asked.verb, target.group);
    }
}

#[tokio::test]
async fn drift_is_repaired_and_counted_and_additions_are_not() {
    let world = World::new(json!({}));
    world.settle().await;
    world.fake.with(|store| {
        store.edit("Deployment", "market-predictor", |object| {
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("somebody/else:1");
            object["metadata"]["labels"]["team"] = json!("quants");
        });
    });
    world.fake.writes();
    world.settle().await;
    let writes: Vec<String> = world.fake.writes().iter().map(|one| one.line()).collect();
    assert_eq!(
        writes.iter().filter(|line| *line == "patch deployments/market-predictor").count(),
        1,
        "{writes:?}"
    );
    let repaired = world.fake.get("Deployment", "market-predictor").unwrap();
    assert_eq!(
        repaired["spec"]["template"]["spec"]["containers"][0]["image"],
        "registry.test/stockpipe:0.1.0"
    );
    assert_eq!(repaired["metadata"]["labels"]["team"], "quants");
    let counted = world.counted.text();
    assert!(counted.contains("drift_repaired_total{kind=\"Deployment\"} 1"), "{counted}");
}

#[tokio::test]
async fn ingest_is_scaled_without_a_change_of_its_pods() {
    let world = World::new(json!({}));
    world.settle().await;
    let template =
        |world: &World| world.fake.get("Deployment", "market-ingest").unwrap()["spec"]["template"].clone();
    let before = template(&world);
    world.edit(|spec| spec["ingest"]["replicas"] = json!(3));
    world.settle().await;
    assert_eq!(world.fake.get("Deployment", "market-ingest").unwrap()["spec"]["replicas"], 3);
    assert_eq!(template(&world), before);
    assert_eq!(world.pipeline().unwrap()["status"]["ingest"]["summary"], "3/3");
}

/// The real controller, with its watches, until the pipeline runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_controller_converges() {
    let world = World::new(json!({}));
    let end = runtime::Shutdown::new();
    let stop = end.clone();
    let running = tokio::spawn(controller::run(
        world.fake.client(),
        Some(super::NAMESPACE.to_owned()),
        world.ctx.clone(),
        async move { stop.draining().await },
    ));
    let mut changes = world.fake.changes();
    while world.condition("Ready").0 != "True" {
        changes.changed().await.unwrap();
        world.play_cluster();
    }
    end.drain();
    running.await.unwrap();
    assert_eq!(world.fake.names("Deployment").len(), 3);
    let asked = world.fake.asked();
    check_permitted(&asked);
    // Whatever it follows, it follows once: all its passes together list nothing.
    let mut lists: Vec<&str> = asked
        .iter()
        .filter(|asked| asked.verb == "list" && asked.target.resource != "events")
        .map(|asked| asked.target.resource.as_str())
        .collect();
    lists.sort_unstable();
    let followed = [
        "configmaps",
        "deployments",
        "jobs",
        "networkpolicies",
        "poddisruptionbudgets",
        "pods",
        "serviceaccounts",
        "services",
        "stockpipelines",
        "trainingruns",
    ];
    assert_eq!(lists, followed);
}
