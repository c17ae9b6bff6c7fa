//! The ingest worker on its stores: how fast, and how soon.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use feature_store::{FeatureStore, MemoryStore, RedbStore};
use ingest::{Components, Settings, Status};
use lake::{Lake, LocalLake, MemoryLake};
use market::{FeatureRow, Span};
use runtime::{Metrics, Shutdown};
use tempfile::TempDir;
use tick_log::{Clock, Log, MemoryLog, SegmentLog, SegmentOptions, StaticOwnership, Topic};
use windowing::Semantics;

use crate::{
    figures::{Measured, Side},
    ticks::{DENSITY, Ticks},
};

/// An ingest worker's surroundings, on disk or in memory. The log's clock follows the event time of what is appended.
struct World {
    components: Components,
    settings: Settings,
    ticks: Arc<dyn Topic>,
    now_ms: Arc<AtomicI64>,
    _dir: TempDir,
}

impl World {
    async fn new(side: Side, semantics: Semantics) -> Result<Self, Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let now_ms = Arc::new(AtomicI64::new(0));
        let followed = now_ms.clone();
        let clock: Clock = Arc::new(move || followed.load(Ordering::Relaxed));
        let (log, lake, store): (Arc<dyn Log>, Arc<dyn Lake>, Arc<dyn FeatureStore>) = match side {
            Side::Own => {
                let options = SegmentOptions { clock, ..SegmentOptions::default() };
                let log = SegmentLog::open(dir.path().join("log"), options)?;
                let store = RedbStore::open(dir.path().join("features.redb"))?;
                (Arc::new(log), Arc::new(LocalLake::open(dir.path().join("lake"))?), Arc::new(store))
            }
            Side::Peer => (
                Arc::new(MemoryLog::with_clock(clock)),
                Arc::new(MemoryLake::default()),
                Arc::new(MemoryStore::new()),
            ),
        };
        let partitions = semantics.partitions;
        let settings = Settings::new("bench", Arc::new(semantics));
        let ticks = log.create_topic(&settings.ticks_topic, partitions, None).await?;
        log.create_topic(&settings.features_topic, partitions, None).await?;
        let components = Components {
            log,
            ownership: Arc::new(StaticOwnership::new(0..partitions)),
            lake,
            store,
            metrics: Metrics::new(),
            status: Arc::new(Status::new()),
            clock: tick_log::system_clock(),
            entropy: ingest::system_entropy(),
        };
        Ok(Self { components, settings, ticks, now_ms, _dir: dir })
    }

    async fn append(&self, source: &mut Ticks, n: u64) -> Result<(), Box<dyn Error>> {
        let records = source.records(n, self.ticks.partitions());
        self.now_ms.store(source.now().micros() / 1_000, Ordering::Relaxed);
        for (partition, records) in (0..).zip(records) {
            if !records.is_empty() {
                self.ticks.append(partition, records).await?;
            }
        }
        Ok(())
    }

    fn read(&self) -> u64 {
        self.components.status.counters().read
    }
}

/// Forgets the peak of memory so far: filling the log is not what is measured.
fn forget_peak() {
    // Where the system refuses, the peak is too high rather than too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// 12 partitions, 500 symbols: everything from the log to committed Parquet and acknowledged features.
pub fn segment_to_features(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    const TICKS: u64 = 1_200_000;
    const CHUNK: u64 = 20_000;
    let ticks = if quick { TICKS / 10 } else { TICKS };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let semantics = Semantics { partitions: 12, ..Semantics::default() };
        let world = World::new(side, semantics).await?;
        let mut source = Ticks::new(500, DENSITY);
        for _ in 0..ticks / CHUNK {
            world.append(&mut source, CHUNK).await?;
        }
        forget_peak();
        let before = runtime::usage().cpu;
        let shutdown = Shutdown::new();
        let run = ingest::run(world.settings.clone(), world.components.clone(), shutdown.clone());
        let watch = async {
            while world.read() < ticks {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            shutdown.drain();
        };
        let (summary, ()) = tokio::join!(run, watch);
        let cpu = runtime::usage().cpu - before;
        let counters = summary?.counters;
        if counters.stored != ticks || counters.rows.is_empty() {
            return Err(format!("{} of {ticks} ticks stored: {:?}", counters.stored, counters.dead).into());
        }
        Ok(Measured::new(ticks as f64 / cpu.as_secs_f64(), cpu))
    })
}

/// 20 symbols, 4 partitions, 1,000 ticks a second, event time five times as fast as the clock: from the append of the
/// tick that closes a window to its row being stored and announced. The announcement comes after the store's
/// acknowledgement, so it bounds what a reader waits.
pub fn window_visible(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    const PER_EVENT_SECOND: u64 = 200;
    const BATCH: u64 = 10;
    const PACE: Duration = Duration::from_millis(10);
    let batches = if quick { 600 } else { 2_000 };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let watermark = Span::from_secs(1);
        let world = World::new(side, Semantics { partitions: 4, watermark, ..Semantics::default() }).await?;
        let features = world.components.log.topic(&world.settings.features_topic).await?;
        let shutdown = Shutdown::new();
        let run =
            tokio::spawn(ingest::run(world.settings.clone(), world.components.clone(), shutdown.clone()));
        let followers: Vec<_> =
            (0..4).map(|p| tokio::spawn(follow(features.clone(), p, shutdown.clone()))).collect();
        let before = runtime::usage().cpu;
        // By partition: what the watermark became, and when the append that moved it began.
        let mut moved: Vec<BTreeMap<i64, Instant>> = vec![BTreeMap::new(); 4];
        let mut source = Ticks::new(20, PER_EVENT_SECOND);
        let mut pace = tokio::time::interval(PACE);
        for _ in 0..batches {
            pace.tick().await;
            let mut newest = BTreeMap::new();
            let mut records = vec![Vec::new(); 4];
            for _ in 0..BATCH {
                let ts = source.now();
                for (partition, more) in source.records(1, 4).into_iter().enumerate() {
                    if !more.is_empty() {
                        newest.insert(partition, (ts - watermark).micros());
                        records[partition].extend(more);
                    }
                }
            }
            world.now_ms.store(source.now().micros() / 1_000, Ordering::Relaxed);
            let start = Instant::now();
            for (partition, records) in (0_u32..).zip(records) {
                if let Some(watermark) = newest.get(&(partition as usize)) {
                    moved[partition as usize].insert(*watermark, start);
                    world.ticks.append(partition, records).await?;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let cpu = runtime::usage().cpu - before;
        shutdown.drain();
        run.await??;
        shutdown.cancel();
        let mut waits = Vec::new();
        for (follower, moved) in followers.into_iter().zip(&moved) {
            for (row, seen) in follower.await? {
                let closed_by = moved.range(row.window_end.micros()..).next();
                waits.extend(closed_by.map(|(_, start)| seen.saturating_duration_since(*start)));
            }
        }
        waits.sort();
        let p99 = waits.get(waits.len() * 99 / 100).ok_or("no window was closed")?;
        Ok(Measured::new(p99.as_secs_f64() * 1e3, cpu))
    })
}

/// Final rows of one partition of the features topic, and when each was seen. The first second is warm-up.
async fn follow(topic: Arc<dyn Topic>, partition: u32, shutdown: Shutdown) -> Vec<(FeatureRow, Instant)> {
    let (mut seen, mut at, begun) = (Vec::new(), 0, Instant::now());
    while !shutdown.is_cancelled() {
        let wait = Duration::from_millis(200);
        let Ok(batch) = topic.read(partition, at, 1024 * 1024, wait).await else { break };
        let now = Instant::now();
        for record in batch.iter() {
            if let Ok(row) = serde_json::from_slice::<FeatureRow>(record.value)
                && row.is_final
                && begun.elapsed() > Duration::from_secs(1)
            {
                seen.push((row, now));
            }
        }
        at = batch.next_offset;
    }
    seen
}
