//! A store that does not answer, with thousands of symbols: memory stays bounded, raw files go on, rows come afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use feature_store::{Fault, FaultyStore, FeatureStore, MemoryStore, Op, RowQuery};
use ingest::{Phase, limits};
use lake::{Call, Fault as LakeFault, FaultyLake};
use market::NewRecord;
use runtime::Shutdown;
use windowing::Semantics;

use crate::world::{World, semantics, until};

/// Symbols; ticks of each, 5 s of event time apart: each closes windows of all.
fn sizes() -> (u64, u64) {
    if std::env::var_os("STOCKPIPE_LONG").is_some() { (8_000, 120) } else { (8_000, 8) }
}

async fn fill(world: &World, symbols: u64, rounds: u64) {
    let ticks = world.log.topic("ticks").await.unwrap();
    for _ in 0..rounds {
        world.clock.fetch_add(5_000, Ordering::Relaxed);
        let ts = market::Timestamp::from_millis(world.clock.load(Ordering::Relaxed) - 1_000);
        for p in 0..2_u64 {
            let record = |n: u64| {
                let symbol = format!("S{n:05}");
                let value = format!(
                    r#"{{"symbol":"{symbol}","ts":"{ts}","open":1,"high":2,"low":1,"close":1.5,"volume":{n}}}"#
                );
                NewRecord { key: Some(symbol.into()), value: value.into() }
            };
            ticks.append(p as u32, (0..symbols).filter(|n| n % 2 == p).map(record).collect()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_down_costs_no_memory() {
    let (symbols, rounds) = sizes();
    let mut world = World::new(91, 0).await;
    world.settings.semantics = Arc::new(Semantics { max_symbols: 10_000, ..semantics() });
    fill(&world, symbols, rounds).await;
    let good: Arc<dyn FeatureStore> = Arc::new(MemoryStore::new());
    let down = Arc::new(AtomicBool::new(true));
    let plan = down.clone();
    world.store = Arc::new(FaultyStore::new(good.clone(), move |op| {
        let fails = op == Op::UpsertRows && plan.load(Ordering::Relaxed);
        if fails { Fault::Before } else { Fault::None }
    }));
    let components = world.components(Arc::new(world.lake.clone()));
    let (status, shutdown) = (components.status.clone(), Shutdown::new());
    let worker = tokio::spawn(ingest::run(world.settings.clone(), components, shutdown.clone()));
    let all = symbols / 2 * rounds;
    let mut most = 0;
    until("everything is read and committed though the store is down", || {
        let partitions = status.partitions();
        most = most.max(partitions.iter().map(|p| p.open_bytes).sum::<usize>());
        status.request_commit();
        partitions.len() == 2 && partitions.iter().all(|p| p.committed == all)
    })
    .await;
    let waiting: u64 = status.partitions().iter().map(|p| p.pending_rows).sum();
    assert!(waiting >= symbols * (rounds - 2), "{waiting} rows wait");
    // Rows of one closing come at once; the rest is spilled as soon as a share is full.
    let burst = 3 * symbols as usize * 1_024;
    assert!(most <= limits::BUDGET_BYTES / 4 + burst, "{} MiB held", most >> 20);
    assert!(status.conditions().iter().any(|c| c.kind == "StoreUnavailable"), "{:?}", status.conditions());
    down.store(false, Ordering::Relaxed);
    until("every row has come", || status.partitions().iter().all(|p| p.pending_rows == 0)).await;
    assert!(status.conditions().iter().all(|c| c.kind != "StoreUnavailable"), "{:?}", status.conditions());
    shutdown.drain();
    tokio::time::timeout(Duration::from_secs(60), worker).await.unwrap().unwrap().unwrap();
    let rows = good.rows(&RowQuery { finals_only: true, ..RowQuery::default() }).await.unwrap();
    let made: u64 = status.counters().rows.values().sum();
    assert_eq!(rows.len() as u64, made, "no row is lost");
}

/// A small budget: the partition that holds most commits early, and nothing else changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_budget_commits_early() {
    let mut world = World::new(92, 0).await;
    fill(&world, 500, 12).await;
    let roomy = world.fresh();
    roomy.run(Arc::new(roomy.lake.clone())).await.unwrap();
    let want = roomy.dump().await;
    world.settings.budget_bytes = 256 << 10;
    let summary = world.run(Arc::new(world.lake.clone())).await.unwrap();
    assert!(summary.commits > 4, "{summary:?}");
    world.check().await.unwrap();
    crate::world::assert_same(&world.dump().await, &want, "a small budget");
}

/// A lake that takes nothing: reading stops at the budget, and goes on when it takes files again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_that_hangs_stops_reading_at_the_budget() {
    let mut world = World::new(93, 0).await;
    world.settings.budget_bytes = 512 << 10;
    world.settings.read_bytes = 8 << 10;
    let rounds = 60;
    fill(&world, 500, rounds).await;
    let slow = FaultyLake::new(Arc::new(world.lake.clone()), |_, call, path| {
        (call == Call::Create && path.ends_with(".part")).then_some(LakeFault::Stall)
    });
    let components = world.components(Arc::new(slow.clone()));
    let (status, shutdown) = (components.status.clone(), Shutdown::new());
    let worker = tokio::spawn(ingest::run(world.settings.clone(), components, shutdown.clone()));
    let all = 250 * rounds;
    until("reading stops", || {
        let partitions = status.partitions();
        partitions.len() == 2 && partitions.iter().all(|p| p.phase == Phase::Paused)
    })
    .await;
    let look = || status.partitions().iter().map(|p| (p.offset, p.open_bytes)).collect::<Vec<_>>();
    // Until nothing has changed for a good while.
    let (mut before, mut since) = (look(), Instant::now());
    while since.elapsed() < Duration::from_millis(1_500) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = look();
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
    assert!(before.iter().all(|(offset, _)| *offset < all), "it reads on and on: {before:?}");
    let held: usize = before.iter().map(|(_, bytes)| bytes).sum();
    assert!(held < 2 * world.settings.budget_bytes, "{held} bytes of {}", world.settings.budget_bytes);
    slow.release();
    until("everything is read", || status.partitions().iter().all(|p| p.offset == all)).await;
    shutdown.drain();
    worker.await.unwrap().unwrap();
    world.check().await.unwrap();
}
