//! What time takes away: the log's records before they were read, the lake's raw files after their retention.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use commitlog::{Gap, Kind, Layout};
use ingest::{Error, OnGap, Phase};
use lake::{Call, Fault, FaultyLake, Lake, history};

use crate::world::{PARTITIONS, World, assert_same, until};

const HOUR_MS: u64 = 3_600_000;
const DAY: Duration = Duration::from_secs(86_400);

/// 60 records are committed, 30 more are dropped unread, 30 are left.
async fn overtaken() -> World {
    let mut world = World::new(11, 60).await;
    world.settings.roll.rows = 25;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.append(12, 30).await;
    world.forget(HOUR_MS).await;
    world.append(13, 30).await;
    world
}

#[tokio::test]
async fn lost_records_halt() {
    let world = overtaken().await;
    let before = world.dump().await;
    let error = world.run(Arc::new(world.lake.clone())).await.unwrap_err();
    assert!(matches!(error, Error::Gap { from: 60, to: 90, .. }), "{error}");
    assert!(error.to_string().contains("source.onGap"), "{error}");
    assert_same(&world.dump().await, &before, "nothing is written behind a gap");
    assert!(world.heads().await.iter().all(|head| head.end == 60 && head.gap.is_none()));
}

#[tokio::test]
async fn lost_records_are_recorded_and_mark_their_rows() {
    let mut world = overtaken().await;
    world.settings.on_gap = OnGap::Record;
    let components = world.components(Arc::new(world.lake.clone()));
    let metrics = components.metrics.clone();
    world.run_with(components).await.unwrap();
    world.check().await.unwrap();
    for p in 0..PARTITIONS {
        let gaps: Vec<Gap> = world.commits(p).await.iter().filter_map(|c| c.gap).collect();
        assert_eq!(gaps, [Gap { from: 60, to: 90 }], "a durable record");
        let counted = format!("stockpipe_gap_records_total{{partition=\"{p}\"}} 30");
        assert!(metrics.text().contains(&counted), "a counter: {}", metrics.text());
    }
    let rows = world.store.rows(&Default::default()).await.unwrap();
    let (before, after): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.last_offset < 60);
    assert!(after.iter().any(|r| r.partial), "rows that saw the gap are partial");
    assert!(before.iter().any(|r| r.is_final && !r.partial), "rows before it are not");
    // It is recorded once: whoever restarts finds it in the log.
    let want = world.dump().await;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after a restart");
}

/// The log drops records under a worker that stands still: what it has read is committed, then the gap is found.
async fn overtaken_while_running(on_gap: OnGap) -> (World, Result<ingest::Summary, Error>) {
    let mut world = World::new(14, 60).await;
    world.settings.roll.rows = 10;
    world.settings.read_bytes = 1;
    world.settings.on_gap = on_gap;
    let first = AtomicBool::new(true);
    let lake = FaultyLake::new(Arc::new(world.lake.clone()), move |_, call, path| {
        let file = call == Call::Create && path.ends_with(".part");
        (file && first.swap(false, Ordering::Relaxed)).then_some(Fault::Stall)
    });
    let components = world.components(Arc::new(lake.clone()));
    let status = components.status.clone();
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run_with(components).await }
    });
    until("one partition stands, the other is done", || {
        let partitions = status.partitions();
        partitions.iter().any(|p| p.phase == Phase::Paused) && partitions.iter().any(|p| p.offset == 60)
    })
    .await;
    world.forget(HOUR_MS).await;
    world.append(15, 1).await;
    lake.release();
    let ended = running.await.unwrap();
    (world, ended)
}

#[tokio::test]
async fn a_worker_that_is_overtaken_halts() {
    let (world, ended) = overtaken_while_running(OnGap::Halt).await;
    let error = ended.unwrap_err();
    assert!(matches!(error, Error::Gap { from: 21, to: 60, .. }), "{error}");
    let ends: Vec<u64> = world.heads().await.iter().map(|head| head.end).collect();
    assert!(ends.contains(&21), "what was read is committed: {ends:?}");
}

#[tokio::test]
async fn a_worker_that_is_overtaken_goes_on_behind_a_recorded_gap() {
    let (world, ended) = overtaken_while_running(OnGap::Record).await;
    let summary = ended.unwrap();
    world.check().await.unwrap();
    let mut gaps = Vec::new();
    let mut data = 0;
    for p in 0..PARTITIONS {
        let commits = world.commits(p).await;
        gaps.extend(commits.iter().filter_map(|c| c.gap));
        data += commits.iter().filter(|c| c.kind == Kind::Data).count() as u64;
    }
    assert_eq!(gaps, [Gap { from: 21, to: 60 }]);
    assert_eq!(summary.commits, data, "commits before the gap count too");
}

/// Arrival dates of a table's files.
async fn dates(world: &World, table: &str) -> Vec<String> {
    let listed = world.lake.list(table).await.unwrap();
    let mut dates: Vec<String> =
        listed.iter().filter_map(|e| Some(Layout::parse_data(&e.path)?.0.to_owned())).collect();
    dates.dedup();
    dates
}

/// Raw ticks and dead letters go by arrival date; bars stay, and whoever restarts finds what it needs.
#[tokio::test]
async fn raw_files_past_their_retention_go() {
    let mut world = World::new(16, 150).await;
    world.settings.roll.rows = 25;
    world.settings.retention = Some(DAY);
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let (old_raw, old_bars) = (dates(&world, "raw").await, dates(&world, "bars/name=5s").await);
    assert_eq!(old_raw, ["2023-11-14", "2023-11-15"], "the log spans midnight");
    world.check().await.unwrap();

    world.clock.fetch_add(5 * DAY.as_millis() as i64, Ordering::Relaxed);
    let from = world.clock.load(Ordering::Relaxed);
    world.append(17, 400).await;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    for table in ["raw", "dead-letters"] {
        assert_eq!(dates(&world, table).await, ["2023-11-20"], "{table}");
    }
    assert!(dates(&world, "bars/name=5s").await.starts_with(&old_bars), "bars stay");

    // A restart needs nothing that is gone, and goes on where the last worker ended.
    world.append(18, 50).await;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let raw = history::raw(&world.lake, "").await.unwrap();
    let dead = history::dead(&world.lake, "").await.unwrap();
    assert!(raw.iter().all(|r| r.record_ms >= from));
    for p in 0..PARTITIONS {
        let stored = raw.iter().filter(|r| r.partition == p).map(|r| r.offset);
        let stored = stored.chain(dead.iter().filter(|r| r.partition == p).map(|r| r.offset));
        commitlog::invariants::exactly_once(stored, 150..600).unwrap();
    }
}

/// Long before a commit is due, a reader of the lake gets one, and each time that it asks.
#[tokio::test]
async fn a_commit_is_made_when_asked_for() {
    let world = World::new(22, 0).await;
    let components = world.components(Arc::new(world.lake.clone()));
    let (status, shutdown) = (components.status.clone(), runtime::Shutdown::new());
    let worker = tokio::spawn(ingest::run(world.settings.clone(), components, shutdown.clone()));
    for round in 1..=3 {
        // Few enough that no midnight commits them.
        world.append(22 + round, 5).await;
        let all = |f: fn(&ingest::PartitionStatus) -> u64| {
            let partitions = status.partitions();
            partitions.len() == 2 && partitions.iter().all(|p| f(p) == 5 * round)
        };
        until("everything is read", || all(|p| p.offset)).await;
        assert!(!all(|p| p.committed));
        status.request_commit();
        until("everything is committed", || all(|p| p.committed)).await;
        assert!(all(|p| p.commits * 5));
    }
    shutdown.drain();
    worker.await.unwrap().unwrap();
    world.check().await.unwrap();
}
