//! `deletionPolicy`: what is deleted with a pipeline, when it is let go, and what is told.

use serde_json::{Value, json};

use super::{NAME, NAMESPACE, World};
use crate::fake::Target;

fn target() -> Target {
    Target {
        resource: "stockpipelines".into(),
        namespace: NAMESPACE.into(),
        name: NAME.into(),
        ..Target::default()
    }
}

fn delete(world: &World) {
    world.fake.with(|store| store.delete(&target(), &json!({}))).unwrap();
}

fn finalizers(world: &World) -> Value {
    world.pipeline().unwrap()["metadata"]["finalizers"].clone()
}

#[tokio::test]
async fn retained_data_needs_no_finalizer() {
    let world = World::new(json!({}));
    world.settle().await;
    assert!(finalizers(&world).is_null());
    delete(&world);
    assert!(world.pipeline().is_none());
    assert_eq!(world.fake.names("Deployment"), Vec::<String>::new());
}

#[tokio::test]
async fn data_is_deleted_after_the_last_pod_is_gone() {
    let world = World::new(json!({"deletionPolicy": "Delete"}));
    world.settle().await;
    assert_eq!(finalizers(&world), json!(["stockpipe.dev/cleanup"]));
    let labels = json!({"app.kubernetes.io/managed-by": "stockpipe-operator", "stockpipe.dev/pipeline": NAME,
                        "app.kubernetes.io/component": "ingest"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
                     "metadata": {"name": "market-ingest-x", "namespace": NAMESPACE, "labels": labels}});
    world.fake.with(|store| store.put("pods", pod));
    delete(&world);
    for _ in 0..3 {
        world.pass().await.unwrap();
    }
    assert_eq!(world.fake.names("Deployment"), Vec::<String>::new());
    let cleanup = operator::pipeline::build::cleanup_job_name(NAME);
    assert!(!world.fake.names("Job").contains(&cleanup), "a pod still writes");
    assert_eq!(world.condition("Ready"), ("False".into(), "Deleting".into()));
    world.fake.with(|store| store.remove(&("pods".into(), NAMESPACE.into(), "market-ingest-x".into())));
    world.pass().await.unwrap();
    let cleanup = operator::pipeline::build::cleanup_job_name(NAME);
    assert!(world.fake.names("Job").contains(&cleanup), "{:?}", world.fake.names("Job"));
    world.settle().await;
    assert!(world.pipeline().is_none());
    assert!(world.events().iter().all(|(reason, _)| reason != "DataRetained"));
}

#[tokio::test]
async fn a_cleanup_that_never_ends_lets_the_pipeline_go_and_tells_what_stays() {
    let world = World::new(json!({"deletionPolicy": "Delete"}));
    world.settle().await;
    delete(&world);
    world.pass().await.unwrap();
    world.pass_time(599);
    world.pass().await.unwrap();
    assert!(world.pipeline().is_some());
    world.pass_time(1);
    world.pass().await.unwrap();
    assert!(world.pipeline().is_none());
    let told = world.events();
    let (_, note) = told.iter().find(|(reason, _)| reason == "DataRetained").expect("an Event");
    for part in ["topic ticks", "/data", "keyspace market"] {
        assert!(note.contains(part), "{note}");
    }
}

#[tokio::test]
async fn a_namespace_that_ends_lets_its_pipelines_go() {
    let world = World::new(json!({"deletionPolicy": "Delete"}));
    world.settle().await;
    delete(&world);
    let message = "unable to create new content in namespace trading because it is being terminated";
    world.pass().await.unwrap();
    world.fake.refuse(Some(("jobs", 403, message)));
    world.pass().await.unwrap();
    assert!(world.pipeline().is_none());
    assert!(world.events().iter().any(|(reason, _)| reason == "DataRetained"));
}

#[tokio::test]
async fn the_policy_may_change_in_time() {
    let world = World::new(json!({"deletionPolicy": "Delete"}));
    world.settle().await;
    world.edit(|spec| spec["deletionPolicy"] = json!("Retain"));
    world.settle().await;
    assert!(finalizers(&world).as_array().is_none_or(Vec::is_empty));
}
