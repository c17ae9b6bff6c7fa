//! Every request fails once, before or after it took effect: the outcome is always the same.

use serde_json::json;

use super::{World, everything};
use crate::fake::Strike;

async fn outcome_with(strike: Option<(usize, Strike)>) -> (Vec<serde_json::Value>, bool) {
    let mut world = World::new(everything());
    if let Some((n, when)) = strike {
        world.fake.strike(n, when);
    }
    world.settle().await;
    world.edit(|spec| spec["dashboard"]["enabled"] = json!(false));
    world.settle().await;
    // And all of it once more.
    world.edit(|spec| spec["dashboard"]["enabled"] = json!(true));
    world.settle().await;
    let struck = !world.fake.is_striking();
    // What is remembered of the failure must not matter either.
    world.restart();
    world.settle().await;
    (world.outcome(), struck)
}

#[tokio::test]
async fn any_request_may_fail_before_or_after_it_took_effect() {
    let (expected, _) = outcome_with(None).await;
    for when in [Strike::Before, Strike::After] {
        let mut n = 0;
        loop {
            let (outcome, struck) = outcome_with(Some((n, when))).await;
            if !struck {
                break;
            }
            assert_eq!(outcome, expected, "request {n} failed {when:?}");
            n += 1;
        }
        assert!(n > 40, "only {n} requests were struck");
    }
}

#[tokio::test]
async fn a_refused_object_is_told_and_healed_by_the_next_spec() {
    let world = World::new(json!({"podOverrides": {"spec": {"nodeName": "a b"}}}));
    world.fake.refuse(Some((
        "jobs",
        422,
        "Job is invalid: spec.template.spec.nodeName: Invalid value: \"a b\"",
    )));
    world.pass().await.unwrap();
    assert_eq!(world.condition("Degraded"), ("True".into(), "InvalidOverride".into()));
    assert!(world.message("Degraded").contains("nodeName"), "{}", world.message("Degraded"));
    world.fake.refuse(None);
    world.edit(|spec| {
        spec.as_object_mut().unwrap().remove("podOverrides");
    });
    world.settle().await;
    assert_eq!(world.condition("Ready").0, "True");
}

#[tokio::test]
async fn a_quota_is_told_and_tried_again() {
    let world = World::new(json!({}));
    world.fake.refuse(Some(("services", 403, "exceeded quota: small")));
    assert!(world.pass().await.is_err());
    assert_eq!(world.condition("Degraded"), ("True".into(), "Forbidden".into()));
    world.fake.refuse(None);
    world.settle().await;
    assert_eq!(world.condition("Degraded").0, "False");
}
