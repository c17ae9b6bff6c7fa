//! One record is passed over by hand.

use std::sync::Arc;

use commitlog::Kind;
use ingest::{Components, Error, OnHalt, Phase, Skipped, Status, skip};
use lake::{Fault, FaultyLake, Lake};
use market::{NewRecord, Reason};
use runtime::Shutdown;
use tick_log::Ownership;

use crate::{
    told::Told,
    world::{World, until},
};

const SKIPPED: u64 = 70;

async fn skip_it(world: &World, lake: Arc<dyn Lake>) -> Result<Skipped, Error> {
    skip(world.settings.clone(), world.components(lake), 0, SKIPPED).await
}

/// 60 records are committed; of 40 more, one is to go.
async fn world() -> World {
    let mut world = World::new(61, 60).await;
    world.settings.roll.rows = 25;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.append(62, 40).await;
    world
}

async fn skipped(world: &World) -> Vec<u64> {
    let dead = lake::history::dead(&world.lake, "").await.unwrap();
    dead.iter().filter(|r| r.reason == Reason::Skipped && r.partition == 0).map(|r| r.offset).collect()
}

#[tokio::test]
async fn a_marked_record_becomes_a_dead_letter() {
    let world = world().await;
    let done = skip_it(&world, Arc::new(world.lake.clone())).await.unwrap();
    assert_eq!(done, Skipped { partition: 0, offset: SKIPPED, committed: 60, marked: true });
    assert!(!skip_it(&world, Arc::new(world.lake.clone())).await.unwrap().marked, "once is enough");
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
    assert_eq!(skipped(&world).await, [SKIPPED]);
    let commits = world.commits(0).await;
    let noted: Vec<_> = commits.iter().filter(|c| c.kind == Kind::Config).map(|c| c.skips.clone()).collect();
    assert_eq!(noted, [vec![SKIPPED]], "a durable record, once");
    // Whoever replays or restarts later finds nothing to do.
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    assert_eq!(world.commits(0).await.iter().filter(|c| c.kind == Kind::Config).count(), 1);
    let late = skip_it(&world, Arc::new(world.lake.clone())).await.unwrap_err();
    assert!(matches!(late, Error::NotSkipped { offset: SKIPPED, .. }), "{late}");
    assert!(late.to_string().contains("committed"), "{late}");
}

#[tokio::test]
async fn what_the_log_does_not_hold_is_not_skipped() {
    let world = world().await;
    let components = world.components(Arc::new(world.lake.clone()));
    let error = skip(world.settings.clone(), components, 0, 1_000).await.unwrap_err();
    assert!(error.to_string().contains("0..100"), "{error}");
    assert!(skipped(&world).await.is_empty());
}

/// Rows that somebody wrote with the record, and never committed, do not win over those that are made without it.
#[tokio::test]
async fn rows_of_before_the_mark_do_not_stay() {
    let mut world = world().await;
    world.settings.roll.rows = 1_000;
    let stuck = FaultyLake::new(Arc::new(world.lake.clone()), |_, _, path| {
        path.ends_with(".part").then_some(Fault::Stall)
    });
    let components = world.components(Arc::new(stuck));
    let status = components.status.clone();
    let running = tokio::spawn(ingest::run(world.settings.clone(), components, Shutdown::new()));
    until("rows of the last records are stored", || {
        status.partitions().iter().all(|p| p.offset == 100 && p.pending_rows == 0)
    })
    .await;
    running.abort();
    let _ = running.await;
    skip_it(&world, Arc::new(world.lake.clone())).await.unwrap();
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let commits = world.commits(0).await;
    let floor = commits.iter().find(|c| c.kind == Kind::Config).unwrap().write_ts;
    let rows = world.store.rows(&Default::default()).await.unwrap();
    let after: Vec<_> = rows.iter().filter(|r| r.part == 0 && r.last_offset >= 60).collect();
    assert!(!after.is_empty());
    assert!(
        after.iter().all(|r| r.write_ts > floor),
        "each was written again behind the mark: {floor} {after:#?}"
    );
}

/// A worker that has the partition is fenced, and takes it up again with the mark.
#[tokio::test]
async fn a_running_worker_takes_the_mark_up() {
    let world = world().await;
    let told = Told::owning(&[0, 1]);
    let components = Components {
        ownership: told.clone() as Arc<dyn Ownership>,
        ..world.components(Arc::new(world.lake.clone()))
    };
    let (status, shutdown): (Arc<Status>, _) = (components.status.clone(), Shutdown::new());
    let settings = ingest::Settings { on_halt: OnHalt::Keep, ..world.settings.clone() };
    // The record that is to be skipped comes later: its predecessors are committed when it is marked.
    let running = tokio::spawn(ingest::run(settings, components, shutdown.clone()));
    until("everything is read", || {
        status.partitions().len() == 2 && status.partitions().iter().all(|p| p.offset == 100)
    })
    .await;
    let ticks = world.log.topic("ticks").await.unwrap();
    // Nobody who is not sure applies what comes: the record waits to be marked.
    told.be_sure(false);
    let poison = NewRecord { key: None, value: b"poison".to_vec() };
    ticks.append(0, vec![poison.clone(), poison]).await.unwrap();
    let components = world.components(Arc::new(world.lake.clone()));
    let done = skip(world.settings.clone(), components, 0, 101).await.unwrap();
    assert!(done.marked, "{done:?}");
    told.be_sure(true);
    // It may apply the record first; its next commit finds the fence.
    while !world.commits(0).await.iter().any(|c| c.skips == [101]) {
        status.request_commit();
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    until("it is back", || {
        let p = &status.partitions()[0];
        p.phase == Phase::Running && p.offset == 102
    })
    .await;
    shutdown.drain();
    running.await.unwrap().unwrap();
    assert_eq!(skipped(&world).await, [101]);
    assert!(status.conditions().is_empty(), "{:?}", status.conditions());
}

/// The command is killed at any of its calls, and given again.
#[tokio::test]
async fn a_kill_at_any_call_skips_once() {
    let calm = world().await;
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn] {
        for n in 0.. {
            let world = calm.copied().await;
            let lake = FaultyLake::once(Arc::new(world.lake.clone()), n, fault.clone());
            let killed = tokio::select! {
                done = skip_it(&world, Arc::new(lake.clone())) => done.map(|_| false).unwrap(),
                () = lake.crashed() => true,
            };
            if !killed {
                assert!(n > 4, "the command has some calls: {n}");
                break;
            }
            skip_it(&world, Arc::new(world.lake.clone())).await.unwrap();
            world.run(Arc::new(world.lake.clone())).await.unwrap();
            world.check().await.unwrap();
            assert_eq!(skipped(&world).await, [SKIPPED], "{fault:?} at call {n}");
        }
    }
}
