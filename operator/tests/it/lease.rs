//! The lease over the wire, with time that passes only where everybody waits.

use std::time::Duration;

use operator::lease::{Claim, EVERY, EXPIRY, Ended, GIVE_UP, acquire};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::fake::{Fake, Strike};

fn claim(identity: &str) -> Claim {
    Claim { namespace: "home".to_owned(), name: "operator".to_owned(), identity: identity.to_owned() }
}

fn holder(fake: &Fake) -> Value {
    fake.get("Lease", "operator").map_or(Value::Null, |lease| lease["spec"]["holderIdentity"].clone())
}

#[tokio::test(start_paused = true)]
async fn the_second_waits_until_the_first_gives_it_back() {
    let fake = Fake::new();
    let first = acquire(fake.client(), claim("first")).await;
    assert_eq!(holder(&fake), "first");
    let second = acquire(fake.client(), claim("second"));
    tokio::pin!(second);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let keeping = tokio::spawn(first.keep(async {
        let _ = stopped.await;
    }));
    assert!(timeout(EXPIRY * 20, &mut second).await.is_err(), "it is renewed");
    stop.send(()).unwrap();
    assert_eq!(keeping.await.unwrap(), Ended::Released);
    let began = Instant::now();
    second.await;
    assert!(began.elapsed() <= EVERY * 2);
    assert_eq!(holder(&fake), "second");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_gone_is_followed_after_the_expiry() {
    let fake = Fake::new();
    drop(acquire(fake.client(), claim("first")).await);
    let began = Instant::now();
    acquire(fake.client(), claim("second")).await;
    assert!(began.elapsed() >= EXPIRY, "{:?}", began.elapsed());
    assert_eq!(fake.get("Lease", "operator").unwrap()["spec"]["leaseTransitions"], 2);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_hours_apart_do_not_matter() {
    for renewed in ["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"] {
        let fake = Fake::new();
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "operator", "namespace": "home"},
            "spec": {"holderIdentity": "other", "leaseDurationSeconds": 15, "renewTime": renewed}});
        fake.with(|store| store.put("leases", lease));
        let began = Instant::now();
        acquire(fake.client(), claim("me")).await;
        assert!(began.elapsed() >= EXPIRY && began.elapsed() <= EXPIRY + EVERY * 2, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn one_failed_renewal_is_nothing_and_a_stolen_lease_is_the_end() {
    let fake = Fake::new();
    let held = acquire(fake.client(), claim("first")).await;
    fake.strike(0, Strike::After);
    let keeping = tokio::spawn(held.keep(std::future::pending()));
    assert!(
        timeout(EXPIRY * 3, async {
            while fake.is_striking() {
                tokio::time::sleep(EVERY).await
            }
        })
        .await
        .is_ok()
    );
    tokio::time::sleep(EXPIRY).await;
    assert!(!keeping.is_finished());
    fake.with(|store| {
        store.edit("Lease", "operator", |lease| lease["spec"]["holderIdentity"] = json!("thief"))
    });
    match keeping.await.unwrap() {
        Ended::Lost(why) => assert!(why.contains("thief"), "{why}"),
        Ended::Released => panic!("it was stolen"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_not_heard_gives_up_before_others_may_take_it() {
    let fake = Fake::new();
    let held = acquire(fake.client(), claim("first")).await;
    fake.refuse(Some(("leases", 500, "etcd is away")));
    let began = Instant::now();
    let ended = held.keep(std::future::pending()).await;
    assert!(matches!(ended, Ended::Lost(_)));
    assert!(began.elapsed() <= GIVE_UP + Duration::from_secs(1), "{:?}", began.elapsed());
}
