//! Topic, directories and tables come first; what runs goes on while something newer is prepared.

use serde_json::{Value, json};

use super::{NAME, NAMESPACE, World};

fn init_job(world: &World) -> String {
    let jobs = world.fake.names("Job");
    let found: Vec<String> = jobs.into_iter().filter(|name| name.starts_with("market-init-")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn end_job(world: &World, name: &str, type_: &str) {
    world.fake.with(|store| {
        let now = store.now.clone();
        store.edit("Job", name, |job| {
            job["status"] =
                json!({"conditions": [{"type": type_, "status": "True", "lastTransitionTime": now}]});
        });
    });
}

/// A pod of the init Job that ended with these words.
fn put_failed_pod(world: &World, job: &str, words: &str) {
    put_pod(world, job, "Failed", &json!({"terminated": {"exitCode": 1, "message": words}}));
}

fn put_pod(world: &World, job: &str, phase: &str, state: &Value) {
    let labels = json!({"app.kubernetes.io/managed-by": "stockpipe-operator", "stockpipe.dev/pipeline": NAME,
                        "app.kubernetes.io/component": "init", "batch.kubernetes.io/job-name": job});
    let status = json!({"phase": phase, "containerStatuses": [{"name": "init", "image": "i", "imageID": "",
        "ready": false, "restartCount": 0, "state": state}]});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{job}-x"),
        "namespace": NAMESPACE, "labels": labels}, "status": status});
    world.fake.with(|store| store.put("pods", pod));
}

#[tokio::test]
async fn roles_wait_for_the_first_init() {
    let world = World::new(json!({}));
    world.pass().await.unwrap();
    world.pass().await.unwrap();
    assert_eq!(world.fake.names("Deployment"), Vec::<String>::new());
    assert_eq!(world.condition("Ready"), ("False".into(), "Initialising".into()));
    end_job(&world, &init_job(&world), "Complete");
    world.pass().await.unwrap();
    assert_eq!(world.fake.names("Deployment").len(), 3);
}

#[tokio::test]
async fn an_init_that_never_begins_is_told_with_its_reason() {
    let world = World::new(json!({}));
    world.pass().await.unwrap();
    put_pod(&world, &init_job(&world), "Pending", &json!({"waiting": {"reason": "ImagePullBackOff"}}));
    world.pass().await.unwrap();
    assert_eq!(world.condition("Ready"), ("False".into(), "ImagePull".into()));
    assert_eq!(world.condition("Degraded"), ("True".into(), "ImagePull".into()));
    assert!(world.message("Degraded").contains("image i cannot be pulled"), "{}", world.message("Degraded"));
}

#[tokio::test]
async fn a_server_that_init_does_not_reach_is_named_and_init_is_made_anew_later() {
    let world = World::new(json!({}));
    world.pass().await.unwrap();
    let job = init_job(&world);
    let uid = |world: &World| world.fake.get("Job", &job).map(|job| job["metadata"]["uid"].clone());
    let first = uid(&world);
    put_failed_pod(
        &world,
        &job,
        "{\"level\":\"ERROR\",\"message\":\"HDFS at hdfs://namenode:8020 does not answer\"}\n",
    );
    end_job(&world, &job, "Failed");
    world.pass().await.unwrap();
    assert_eq!(world.condition("DependenciesReady"), ("False".into(), "HdfsUnavailable".into()));
    assert_eq!(world.condition("Degraded"), ("True".into(), "InitFailed".into()));
    assert_eq!(world.message("Degraded"), "HDFS at hdfs://namenode:8020 does not answer");
    assert_eq!(uid(&world), first, "it is left for a second");
    world.pass_time(1);
    world.pass().await.unwrap();
    assert_eq!(uid(&world), None, "deleted, with its pods");
    world.pass().await.unwrap();
    assert!(uid(&world).is_some() && uid(&world) != first);
    // The second failure in a row waits longer.
    end_job(&world, &job, "Failed");
    world.pass().await.unwrap();
    world.pass_time(1);
    world.pass().await.unwrap();
    assert!(uid(&world).is_some(), "it waits two seconds now");
    world.pass_time(1);
    world.pass().await.unwrap();
    assert!(uid(&world).is_none());
    world.settle().await;
    assert_eq!(world.condition("Ready").0, "True");
}

fn mounted(world: &World, deployment: &str) -> Value {
    world.fake.get("Deployment", deployment).unwrap()["spec"]["template"]["metadata"]["annotations"]["stockpipe.dev/config"].clone()
}

#[tokio::test]
async fn workers_keep_their_configuration_until_the_newer_init_is_complete() {
    let world = World::new(json!({}));
    world.settle().await;
    let (old_job, old_config) = (init_job(&world), mounted(&world, "market-ingest"));
    let old_map = format!("market-config-{}", old_config.as_str().unwrap());
    assert!(world.fake.get("ConfigMap", &old_map).is_some());
    // Another window is another table: init has to be run again.
    world.edit(|spec| {
        spec["features"]["windows"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "sma_9", "size": "45s", "slide": "15s"}));
    });
    world.pass().await.unwrap();
    world.pass().await.unwrap();
    let new_job = init_job(&world);
    assert_ne!(new_job, old_job);
    assert_eq!(mounted(&world, "market-ingest"), old_config);
    assert!(world.fake.get("ConfigMap", &old_map).is_some(), "what runs still mounts it");
    assert_eq!(world.condition("Ready").0, "True", "{}", world.message("Ready"));
    assert_eq!(world.condition("Progressing"), ("True".into(), "Initialising".into()));
    world.settle().await;
    assert_ne!(mounted(&world, "market-ingest"), old_config);
    world.settle().await;
    assert!(world.fake.get("ConfigMap", &old_map).is_none(), "nothing mounts it any more");
}

#[tokio::test]
async fn a_change_that_init_does_not_set_up_rolls_at_once() {
    let world = World::new(json!({}));
    world.settle().await;
    let (job, config) = (init_job(&world), mounted(&world, "market-predictor"));
    world.edit(|spec| spec["predictor"]["horizons"] = json!([1, 2]));
    world.pass().await.unwrap();
    assert_eq!(init_job(&world), job);
    assert_ne!(mounted(&world, "market-predictor"), config);
}
