//! One small pipeline: a log of honest and hostile ticks over midnight, a lake and a store that ingest fills.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use feature_store::{FeatureStore, MemoryStore};
use ingest::{Components, Error, OnGap, Roll, Settings, Status, dump::Dump};
use lake::{Lake, MemoryLake, history};
use market::{NewRecord, Span, Timestamp};
use operations::{
    fsck::{FsckOptions, FsckReport, fsck},
    replay::{ReplayOptions, ReplayReport, Write, replay},
    silent,
};
use runtime::Shutdown;
use tick_log::{Log, MemoryLog, StaticOwnership};
use windowing::{Dedup, Semantics, WindowSpec};

pub const PARTITIONS: u32 = 2;
pub const TICKS: &str = "ticks";
const SYMBOLS: [[&str; 3]; PARTITIONS as usize] = [["AAPL", "MSFT", "日経"], ["AMZN", "GOOG", "東証"]];
const DEADLINE: Duration = Duration::from_secs(60);
/// 23:59:30 of some day.
const START_MS: i64 = 1_700_006_370_000;

/// A small generator: the seed reproduces everything.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

pub fn semantics() -> Semantics {
    let span = Span::from_secs;
    Semantics {
        tick_span: Some(span(1)),
        watermark: span(2),
        max_future: span(10),
        dedup: Dedup::default(),
        allow_ohlc_disorder: false,
        max_symbols: 100,
        partitions: PARTITIONS,
        windows: vec![
            WindowSpec { name: "sma_5".into(), size: span(15), slide: span(5) },
            WindowSpec { name: "sma_20".into(), size: span(60), slide: span(15) },
        ],
        bars: vec![span(5), span(60)],
        indicators: vec!["default".into()],
        calendar: indicators::Calendar::Always,
        keyed: true,
    }
}

#[derive(Clone)]
pub struct World {
    pub log: Arc<dyn Log>,
    pub lake: MemoryLake,
    pub store: Arc<dyn FeatureStore>,
    pub clock: Arc<AtomicI64>,
    pub settings: Settings,
}

impl World {
    /// A log of `records` per partition that nobody has read.
    pub async fn new(seed: u64, records: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(START_MS));
        let shared = clock.clone();
        let log: Arc<dyn Log> =
            Arc::new(MemoryLog::with_clock(Arc::new(move || shared.load(Ordering::Relaxed))));
        let mut settings = Settings::new("market", Arc::new(semantics()));
        settings.roll = Roll { rows: 25, ..Roll::default() };
        settings.on_gap = OnGap::Record;
        log.create_topic(TICKS, PARTITIONS, None).await.unwrap();
        log.create_topic(&settings.features_topic, PARTITIONS, None).await.unwrap();
        let store: Arc<dyn FeatureStore> = Arc::new(MemoryStore::new());
        let world = Self { log, lake: MemoryLake::new(), store, clock, settings };
        world.append(seed, records).await;
        world
    }

    /// A log that ingest has read.
    pub async fn ran(seed: u64, records: u64) -> Self {
        let world = Self::new(seed, records).await;
        world.run().await.unwrap();
        world
    }

    /// So many records more for every partition.
    pub async fn append(&self, seed: u64, records: u64) {
        let ticks = self.log.topic(TICKS).await.unwrap();
        let mut dice = Dice(seed);
        for p in 0..PARTITIONS {
            let mut last = Vec::new();
            for _ in 0..records {
                let now = self.clock.fetch_add(dice.roll(700) as i64, Ordering::Relaxed);
                let symbol = SYMBOLS[p as usize][dice.roll(3) as usize];
                let ts = now - dice.roll(3_000) as i64;
                let value = match dice.roll(20) {
                    0 => b"{\"symbol\": 1".to_vec(),
                    1 | 2 if !last.is_empty() => last.clone(),
                    3 => tick(symbol, ts + 3_600_000, &mut dice),
                    4 => tick(symbol, ts - 30_000, &mut dice),
                    _ => tick(symbol, ts, &mut dice),
                };
                last.clone_from(&value);
                let key = Some(symbol.as_bytes().to_vec());
                ticks.append(p, vec![NewRecord { key, value }]).await.unwrap();
            }
        }
    }

    /// Lets time pass, and the log drop what is older than that.
    pub async fn forget(&self, millis: u64) {
        self.clock.fetch_add(millis as i64, Ordering::Relaxed);
        let kept = Some(Duration::from_millis(millis / 2));
        self.log.create_topic(TICKS, PARTITIONS, kept).await.unwrap();
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// The same log before empty stores.
    pub fn fresh(&self) -> Self {
        Self { lake: MemoryLake::new(), store: Arc::new(MemoryStore::new()), ..self.clone() }
    }

    pub fn components(&self, lake: Arc<dyn Lake>) -> Components {
        let clock = self.clock.clone();
        Components {
            log: self.log.clone(),
            ownership: Arc::new(StaticOwnership::new(0..PARTITIONS)),
            lake,
            store: self.store.clone(),
            metrics: runtime::Metrics::new(),
            status: Arc::new(Status::new()),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            entropy: ingest::system_entropy(),
        }
    }

    /// Runs a worker until everything is read, then drains it.
    pub async fn run(&self) -> Result<(), Error> {
        self.run_on(Arc::new(self.lake.clone())).await
    }

    /// [`World::run`] over another lake.
    pub async fn run_on(&self, lake: Arc<dyn Lake>) -> Result<(), Error> {
        let components = self.components(lake);
        let (status, shutdown) = (components.status.clone(), Shutdown::new());
        let worker = ingest::run(self.settings.clone(), components, shutdown.clone());
        tokio::pin!(worker);
        let ticks = self.log.topic(TICKS).await.unwrap();
        let began = Instant::now();
        loop {
            tokio::select! {
                ended = &mut worker => return ended.map(drop),
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
            let mut done = status.partitions().len() == PARTITIONS as usize;
            for p in status.partitions() {
                done &= p.offset == ticks.bounds(p.partition).await.unwrap().high;
            }
            if done {
                shutdown.drain();
            }
            assert!(began.elapsed() < DEADLINE, "not done: {:?}", status.partitions());
        }
    }

    pub async fn dump(&self) -> Dump {
        ingest::dump::canonical(&self.lake, &self.settings.root, &*self.store).await.unwrap()
    }

    /// A check without a pause before its second look.
    pub fn check_options(&self) -> FsckOptions {
        FsckOptions { second_look: Duration::ZERO, ..FsckOptions::new(self.now_ms()) }
    }

    pub async fn fsck(&self, options: &FsckOptions) -> FsckReport {
        fsck(&self.lake, &self.settings.root, Some(&*self.store), options, &silent).await.unwrap()
    }

    pub async fn replay(&self, write: Write) -> ReplayReport {
        let options = ReplayOptions { write, now_ms: self.now_ms(), ..ReplayOptions::default() };
        replay(&self.lake, &self.settings.root, &*self.store, &options, &silent).await.unwrap()
    }

    /// The newest commit of a partition.
    pub async fn head(&self, p: u32) -> commitlog::Commit {
        let heads = history::commits(&self.lake, &self.settings.root).await.unwrap();
        heads.into_iter().find(|c| c.partition == p).unwrap()
    }

    /// Takes a file away, or cuts its end off: what disks and hands do.
    pub async fn cut(&self, path: &str) {
        let bytes = self.lake.read(path).await.unwrap();
        self.lake.damage(path, bytes.slice(..bytes.len() - 3));
    }

    /// The newest file below a directory whose path has `part` in it.
    pub async fn file(&self, dir: &str, part: &str) -> String {
        let listed = self.lake.list(dir).await.unwrap();
        listed.into_iter().rfind(|e| e.path.contains(part)).unwrap().path
    }
}

/// Fails with the first line that differs.
pub fn assert_same(got: &Dump, want: &Dump, what: &str) {
    let (mut got, mut want) = (got.lines(), want.lines());
    loop {
        match (got.next(), want.next()) {
            (None, None) => return,
            (got, want) => assert_eq!(got, want, "{what}"),
        }
    }
}

fn tick(symbol: &str, ms: i64, dice: &mut Dice) -> Vec<u8> {
    let ts = Timestamp::from_millis(ms);
    let close = 100.0 + dice.roll(1_000) as f64 / 7.0;
    let (high, volume) = (close + 1.0, dice.roll(50));
    format!(
        r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{high},"low":{close},"close":{close},"volume":{volume}}}"#
    )
    .into_bytes()
}
