//! A schedule that cannot be followed, and who says when trainings start.

use std::collections::BTreeSet;
use std::sync::Arc;

use crds::StockPipeline;
use kube::core::DeserializeGuard;
use operator::training::{self, launcher};
use serde_json::{Value, json};

use super::{NAME, World};

/// One look of the training controller at the pipeline.
async fn launch(world: &World) {
    let object = world.pipeline().expect("the pipeline");
    let object: DeserializeGuard<StockPipeline> = serde_json::from_value(object).unwrap();
    let ctx = Arc::new(training::Context::beside(&world.ctx));
    world.see();
    launcher::reconcile(Arc::new(object), ctx).await.expect("a look at the pipeline");
}

/// Paths of all fields below a value that have no fields.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, below)| leaves(below, &format!("{path}.{name}"), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// What every manager owns of the pipeline's status.
fn owned(world: &World) -> Vec<(String, BTreeSet<String>)> {
    let applied = world.fake.with(|store| store.applied("StockPipeline", NAME));
    let of = |object: &Value| {
        let mut found = BTreeSet::new();
        leaves(&object["status"], "status", &mut found);
        found
    };
    applied.iter().map(|(manager, object)| (manager.clone(), of(object))).collect()
}

fn runs(world: &World) -> Vec<String> {
    world.fake.names("TrainingRun")
}

#[tokio::test]
async fn no_field_of_the_status_has_two_owners() {
    let world = World::new(json!({"training": {"schedule": "*/30 * * * *"}}));
    world.settle().await;
    world.pass_time(1_805);
    // In turn, so that each has seen what the other wrote, and has something to write itself.
    for replicas in 2..5 {
        launch(&world).await;
        world.edit(|spec| spec["ingest"]["replicas"] = json!(replicas));
        world.settle().await;
    }
    assert_eq!(runs(&world).len(), 1);
    let owned = owned(&world);
    assert_eq!(owned.len(), 2, "{owned:?}");
    let both: Vec<&String> = owned[0].1.intersection(&owned[1].1).collect();
    assert!(both.is_empty(), "owned twice: {both:?}");
    let times = ["status.lastScheduled", "status.nextTraining"].map(str::to_owned).into();
    assert!(owned.iter().any(|(_, fields)| *fields == times), "{owned:?}");
    assert_eq!(world.pipeline().unwrap()["status"]["nextTraining"], "2026-01-01T01:00:00Z");
}

#[tokio::test]
async fn a_schedule_that_is_taken_away_leaves_no_next_training() {
    let world = World::new(json!({"training": {"schedule": "*/30 * * * *"}}));
    world.settle().await;
    launch(&world).await;
    assert!(world.pipeline().unwrap()["status"]["nextTraining"].is_string());
    world.fake.asked();
    launch(&world).await;
    assert_eq!(world.fake.asked(), [], "a look at which nothing is due asks for nothing");
    world.edit(|spec| drop(spec.as_object_mut().unwrap().remove("training")));
    launch(&world).await;
    assert!(world.pipeline().unwrap()["status"]["nextTraining"].is_null());
}

#[tokio::test]
async fn a_schedule_that_cannot_be_followed_is_a_condition() {
    for (field, value) in [("schedule", "61 * * * *"), ("timeZone", "Mars/Olympus")] {
        let world = World::new(json!({"training": {"schedule": "*/30 * * * *"}}));
        world.settle().await;
        launch(&world).await;
        world.edit(|spec| spec["training"][field] = json!(value));
        world.pass_time(4_000);
        for _ in 0..2 {
            launch(&world).await;
            world.settle().await;
        }
        assert_eq!(world.condition("Degraded"), ("True".into(), "InvalidSchedule".into()), "{field}");
        assert_eq!(world.condition("Ready").0, "True", "what runs goes on");
        let message = world.message("Degraded");
        assert!(message.contains(&format!("spec.training.{field}")) && message.contains(value), "{message}");
        assert_eq!(runs(&world), Vec::<String>::new());
        assert!(world.pipeline().unwrap()["status"]["nextTraining"].is_null(), "nothing is due any more");
        let told = world.events().into_iter().filter(|(reason, _)| reason == "InvalidSchedule").count();
        assert_eq!(told, 1, "an Event goes with the condition");

        world.edit(|spec| spec["training"] = json!({"schedule": "*/30 * * * *", "timeZone": "Etc/UTC"}));
        launch(&world).await;
        world.settle().await;
        assert_eq!(world.condition("Degraded"), ("False".into(), "AsExpected".into()));
    }
}
