//! Damaged files, foreign logs, changed settings, a store that is down: one typed answer each.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use commitlog::Kind;
use feature_store::{Fault, FaultyStore, Op};
use ingest::{Error, Phase};
use lake::Lake;
use market::{ErrorKind, Span};

use crate::world::{PARTITIONS, World, assert_same, semantics, until};

async fn ran() -> World {
    let mut world = World::new(5, 60).await;
    world.settings.roll.rows = 25;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world
}

#[tokio::test]
async fn a_damaged_log_is_named() {
    for suffix in [".commit", ".state"] {
        let world = ran().await;
        let listed = world.lake.list("_log/p=00000").await.unwrap();
        let path = listed.iter().rfind(|e| e.path.ends_with(suffix)).unwrap().path.clone();
        let bytes = world.lake.read(&path).await.unwrap();
        world.lake.damage(&path, bytes.slice(..bytes.len() - 3));
        let error = world.run(Arc::new(world.lake.clone())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("backup") && error.to_string().contains(&path), "{error}");
    }
}

#[tokio::test]
async fn a_torn_raw_file_is_never_skipped() {
    let world = ran().await;
    let listed = world.lake.list("raw").await.unwrap();
    let path = listed.iter().rfind(|e| e.path.contains("-p00000-")).unwrap().path.clone();
    world.lake.damage(&path, Bytes::from_static(b"PAR1"));
    let error = world.run(Arc::new(world.lake.clone())).await.unwrap_err();
    assert!(matches!(&error, Error::FileLost { path: p, .. } if *p == path), "{error}");
}

/// One partition halts: the others write what they have, and the worker ends with the error.
#[tokio::test]
async fn a_halt_ends_the_worker() {
    let world = ran().await;
    world.append(6, 60).await;
    let path = world.lake.list("_log/p=00000").await.unwrap().pop().unwrap().path;
    let bytes = world.lake.read(&path).await.unwrap();
    world.lake.damage(&path, bytes.slice(..bytes.len() / 2));
    let components = world.components(Arc::new(world.lake.clone()));
    let status = components.status.clone();
    let shutdown = runtime::Shutdown::new();
    let error = ingest::run(world.settings.clone(), components, shutdown.clone()).await.unwrap_err();
    assert!(error.to_string().contains(&path), "{error}");
    assert!(!shutdown.is_draining(), "the caller's other roles are the caller's");
    let phases: Vec<Phase> = status.partitions().iter().map(|p| p.phase).collect();
    assert_eq!(phases, [Phase::Halted, Phase::Drained]);
    assert_eq!(status.partitions()[0].reason.as_deref(), Some(error.to_string().as_str()));
    // With the file restored, everything is there.
    world.lake.damage(&path, bytes);
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
}

#[tokio::test]
async fn another_log_is_recognised() {
    let world = ran().await;
    let other = World { log: World::new(5, 60).await.log, ..world.clone() };
    other.log.delete_topic("ticks").await.unwrap();
    other.log.create_topic("ticks", 2, None).await.unwrap();
    let error = other.run(Arc::new(world.lake.clone())).await.unwrap_err();
    assert!(matches!(error, Error::LogDiverged { .. }), "{error}");
    assert!(error.to_string().contains("stockpipe accept-topic"), "{error}");
}

#[tokio::test]
async fn other_semantics_are_a_commit_of_their_own() {
    let mut world = ran().await;
    let before = world.dump().await;
    world.settings.semantics =
        Arc::new(windowing::Semantics { bars: vec![Span::from_secs(5)], ..semantics() });
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &before, "after the config commit");
    let heads = lake::history::commits(&world.lake, "").await.unwrap();
    assert!(heads.iter().all(|c| c.semantics_hash == world.settings.semantics.hash()));
}

/// Other semantics are a commit of their own also where only a fence stands before them: its worker may have written rows,
/// and theirs must not share a T with them. (Found by the simulation.)
#[tokio::test]
async fn other_semantics_before_the_first_data_are_a_commit_too() {
    let mut world = World::new(45, 0).await;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.settings.semantics =
        Arc::new(windowing::Semantics { watermark: Span::from_secs(4), ..semantics() });
    world.append(46, 60).await;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
    for p in 0..PARTITIONS {
        let kinds: Vec<Kind> = world.commits(p).await.iter().map(|c| c.kind).collect();
        assert!(kinds.starts_with(&[Kind::Fence, Kind::Fence, Kind::Config]), "{kinds:?}");
    }
}

/// A store that comes back while nobody tries it gets its rows at the drain.
#[tokio::test]
async fn a_drain_tries_a_store_once_more() {
    let mut calm = World::new(6, 120).await;
    calm.settings.roll.rows = 40;
    calm.run(Arc::new(calm.lake.clone())).await.unwrap();
    let want = calm.dump().await;
    let mut world = calm.fresh();
    let failures = Arc::new(AtomicU64::new(0));
    let down = Arc::new(AtomicBool::new(true));
    let (counted, plan) = (failures.clone(), down.clone());
    world.store = Arc::new(FaultyStore::new(world.store.clone(), move |op| {
        let fails = op == Op::UpsertRows && plan.load(Ordering::Relaxed);
        counted.fetch_add(u64::from(fails), Ordering::Relaxed);
        if fails { Fault::Before } else { Fault::None }
    }));
    let components = world.components(Arc::new(world.lake.clone()));
    let (status, shutdown) = (components.status.clone(), runtime::Shutdown::new());
    let worker = tokio::spawn(ingest::run(world.settings.clone(), components, shutdown.clone()));
    // By then both partitions pause for more than a second.
    until("everything is read, the store has failed often", || {
        let partitions = status.partitions();
        partitions.len() == 2
            && partitions.iter().all(|p| p.offset == 120)
            && failures.load(Ordering::Relaxed) >= 14
    })
    .await;
    down.store(false, Ordering::Relaxed);
    shutdown.drain();
    worker.await.unwrap().unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after the drain");
}

/// A store that is down for a whole run loses nothing: finals wait in files of the commits.
#[tokio::test]
async fn finals_wait_for_a_store_that_is_down() {
    let mut calm = World::new(6, 120).await;
    calm.settings.roll.rows = 40;
    calm.run(Arc::new(calm.lake.clone())).await.unwrap();
    let want = calm.dump().await;
    let mut world = calm.fresh();
    let good = world.store.clone();
    let down = Arc::new(AtomicBool::new(true));
    let plan = down.clone();
    world.store = Arc::new(FaultyStore::new(good.clone(), move |op| {
        let fails = op == Op::UpsertRows && plan.load(Ordering::Relaxed);
        if fails { Fault::Before } else { Fault::None }
    }));
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    assert!(!world.lake.list("_pending").await.unwrap().is_empty());
    down.store(false, Ordering::Relaxed);
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after the store came back");
}
