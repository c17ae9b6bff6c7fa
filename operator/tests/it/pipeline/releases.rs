//! An image of a release that this operator does not run.

use serde_json::json;

use super::World;

fn image(world: &World) -> String {
    let ingest = world.fake.get("Deployment", "market-ingest").expect("ingest");
    ingest["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_image_of_another_release_is_told_and_changes_nothing() {
    let world = World::new(json!({}));
    world.settle().await;
    let before = image(&world);
    world.edit(|spec| spec["image"]["reference"] = json!("registry.test/stockpipe:0.7.1"));
    world.settle().await;
    for (type_, status) in [("Ready", "False"), ("Degraded", "True")] {
        assert_eq!(world.condition(type_), (status.into(), "UnsupportedImage".into()));
    }
    let message = world.message("Ready");
    for part in ["spec.image.reference", "0.7", "0.1 and 0.0", "or leave the field out"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(image(&world), before, "what ran before runs on");

    for reference in ["registry.test/stockpipe:0.0.9", "registry.test/stockpipe:main", "registry.test/own:16"]
    {
        world.edit(|spec| spec["image"]["reference"] = json!(reference));
        world.settle().await;
        assert_eq!(world.condition("Ready").0, "True", "{reference}");
        assert_eq!(image(&world), reference);
    }
}
