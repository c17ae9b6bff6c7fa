//! Ownership by a consumer group, with real processes that are started, killed and frozen.
//!
//! A member is this test binary, run again: it prints what it is told and does what its environment says. What must
//! hold: every partition has an owner again in time, and at no moment do two healthy members own one.

mod member;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::admin::AdminOptions;
use tick_log::{
    Ownership, OwnershipEvent, Topic,
    kafka::{GroupTimes, KafkaLog, KafkaOwnership, KafkaSettings},
};

use self::member::{Group, Plan};
use crate::log_kafka::{eventually, settings, topic};

const PARTITIONS: u32 = 16;

async fn group() -> (KafkaLog, Arc<dyn Topic>, Group) {
    let settings = settings().await;
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    let topic = topic(&log, PARTITIONS).await;
    let group = Group::new(&settings, topic.name());
    (log, topic, group)
}

fn everything() -> BTreeSet<u32> {
    (0..PARTITIONS).collect()
}

/// 1 -> 3 -> 2 members: each partition ends with one owner, staying ones are never touched, nobody restarts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_without_overlap() {
    let (_log, _topic, group) = group().await;
    let one = group.start(Plan::default());
    eventually("one member owns everything", || async { (one.owned() == everything()).then_some(()) }).await;
    let (two, three) = (group.start(Plan::default()), group.start(Plan::default()));
    eventually("three members share", || async {
        let least = [&one, &two, &three].iter().map(|m| m.owned().len()).min().unwrap();
        (least >= 5 && group.covered() == everything()).then_some(())
    })
    .await;
    let stayed = one.owned();
    assert!(stayed.is_disjoint(&one.drained()), "{stayed:?} stayed, {:?} were drained", one.drained());

    let had = (one.owned(), two.owned());
    three.leave();
    eventually("two members share", || async { (group.covered() == everything()).then_some(()) }).await;
    assert_eq!(three.wait().await, Some(0), "it left by itself");
    assert!(had.0.is_subset(&one.owned()) && had.1.is_subset(&two.owned()), "staying partitions stay");
    group.assert_no_overlap();
}

/// A killed member's partitions have an owner again after a session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_member_is_replaced() {
    let (_log, _topic, group) = group().await;
    let (one, two) = (group.start(Plan::default()), group.start(Plan::default()));
    eventually("two members share", || async {
        (!one.owned().is_empty() && !two.owned().is_empty() && group.covered() == everything()).then_some(())
    })
    .await;
    two.kill();
    eventually("one owns everything", || async { (one.owned() == everything()).then_some(()) }).await;
    group.assert_no_overlap();
}

/// A frozen member is replaced, and ends when it wakes: it never comes back under its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_member_ends_when_it_wakes() {
    let (_log, _topic, group) = group().await;
    let one = group.start(Plan { instance: true, ..Plan::default() });
    let two = group.start(Plan { instance: true, ..Plan::default() });
    eventually("two members share", || async {
        (!one.owned().is_empty() && !two.owned().is_empty() && group.covered() == everything()).then_some(())
    })
    .await;
    two.stop();
    eventually("one owns everything", || async { (one.owned() == everything()).then_some(()) }).await;
    two.resume();
    assert_eq!(two.wait().await, Some(75));
    assert!(two.was_frozen());
    assert_eq!(one.owned(), everything(), "the replacement was not pushed out");
}

/// A drain that takes many polls and more than a heartbeat ends before others begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_drain_does_not_overlap() {
    let (_log, _topic, group) = group().await;
    let one = group.start(Plan { drain: Some(Duration::from_secs(4)), ..Plan::default() });
    eventually("one member owns everything", || async { (one.owned() == everything()).then_some(()) }).await;
    let two = group.start(Plan::default());
    eventually("two members share", || async {
        (two.owned().len() >= 8 && group.covered() == everything()).then_some(())
    })
    .await;
    assert_eq!(one.drained().len(), 8);
    group.assert_no_overlap();
}

/// A drain that never ends is answered at its deadline: the others do not wait for ever, the member is told before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_drain_is_answered_at_its_deadline() {
    let (_log, _topic, group) = group().await;
    let one = group.start(Plan { drain: None, ..Plan::default() });
    eventually("one member owns everything", || async { (one.owned() == everything()).then_some(()) }).await;
    let two = group.start(Plan::default());
    eventually("the second owns half", || async { (two.owned().len() == 8).then_some(()) }).await;
    assert!(one.drains() >= 1, "it was asked first");
    // Broken on purpose: who does not drain overlaps, and this test's judge sees it.
    assert!(group.overlaps() > 0);
}

/// A member with a name that restarts within the session has its partitions back, and nobody else notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_named_member_comes_back_unnoticed() {
    let (_log, _topic, group) = group().await;
    let one = group.start(Plan { instance: true, ..Plan::default() });
    let two = group.start(Plan { instance: true, ..Plan::default() });
    eventually("two members share", || async {
        (one.owned().len() == 8 && two.owned().len() == 8).then_some(())
    })
    .await;
    let (had, events) = (two.owned(), one.events());
    two.kill();
    let again = group.start_as(&two, Plan { instance: true, ..Plan::default() });
    eventually("it is back", || async { (again.owned() == had).then_some(()) }).await;
    assert_eq!(one.events(), events, "the other heard nothing");
}

/// Two processes under one name: the first is told that it failed, and stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_taken_twice_fails_the_first() {
    let (_log, _topic, group) = group().await;
    let one = group.start(Plan { instance: true, ..Plan::default() });
    eventually("one member owns everything", || async { (one.owned() == everything()).then_some(()) }).await;
    let two = group.start_as(&one, Plan { instance: true, ..Plan::default() });
    assert_eq!(one.wait().await, Some(3), "it ended by its failure");
    eventually("the second owns everything", || async { (two.owned() == everything()).then_some(()) }).await;
}

/// An owner that is dropped in the middle of a drain does not hang, and its partitions find another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_owner_does_not_hang() {
    let (_log, topic, group) = group().await;
    let settings = group.settings.clone();
    let owner = join(&settings, topic.name(), &settings.group());
    assert!(matches!(owner.next().await, Some(OwnershipEvent::Own(all)) if all.len() == 16));
    assert!(owner.is_sure());
    let two = group.start(Plan::default());
    assert!(matches!(owner.next().await, Some(OwnershipEvent::Drain { .. })));
    drop(owner);
    eventually("the other owns everything", || async { (two.owned() == everything()).then_some(()) }).await;
}

/// After `leave` nothing more comes, and the group is empty: its offsets can be committed by anybody, and it can be
/// deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_ends_the_events_and_members_commit_progress() {
    let (log, topic, group) = group().await;
    let settings = group.settings.clone();
    let owner = join(&settings, topic.name(), &settings.group());
    assert!(matches!(owner.next().await, Some(OwnershipEvent::Own(_))));
    // While the group has members only they may commit: the handle finds the one of this process.
    topic.commit_progress(3, 41);
    eventually("the committed offset", || async {
        (log.committed(topic.name()).await.unwrap()[3] == Some(41)).then_some(())
    })
    .await;
    owner.drained();
    owner.leave();
    assert!(owner.next().await.is_none());
    let admin = crate::log_kafka::probes::admin(&settings);
    eventually("the group is empty", || async {
        let name = settings.group();
        let deleted = admin.delete_groups(&[&name], &AdminOptions::new()).await.unwrap();
        deleted[0].is_ok().then_some(())
    })
    .await;
}

fn join(settings: &KafkaSettings, topic: &str, group: &str) -> KafkaOwnership {
    let frozen = Box::new(|| panic!("frozen"));
    KafkaOwnership::join_with(settings, topic, group, None, frozen, times()).unwrap()
}

/// The shortest that brokers allow.
pub(crate) fn times() -> GroupTimes {
    GroupTimes {
        session: Duration::from_secs(6),
        heartbeat: Duration::from_millis(500),
        max_poll: Duration::from_secs(20),
        drain: Duration::from_secs(8),
    }
}
