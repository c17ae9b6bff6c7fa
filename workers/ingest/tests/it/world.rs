//! One small world: a log with hostile and honest ticks over midnight, a lake, a store, and workers that can be killed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use commitlog::{Commit, Layout, LogName, invariants, limits::COMMITS_KEPT};
use feature_store::{FeatureStore, MemoryStore};
use ingest::{Components, Error, Roll, Settings, Status, Summary, dump::Dump};
use lake::{Lake, MemoryLake, history};
use market::{NewRecord, Span};
use runtime::Shutdown;
use tick_log::{Log, MemoryLog, StaticOwnership};
use windowing::{Dedup, Semantics, WindowSpec};

pub const PARTITIONS: u32 = 2;
const TICKS: &str = "ticks";
/// A symbol stands in one partition, as the key promises.
const SYMBOLS: [[&str; 3]; PARTITIONS as usize] = [["AAPL", "MSFT", "日経"], ["AMZN", "GOOG", "東証"]];
const DEADLINE: Duration = Duration::from_secs(60);

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
    /// A log of `records` per partition, from 23:59:30 on.
    pub async fn new(seed: u64, records: u64) -> Self {
        const START_MS: i64 = 1_700_006_370_000;
        let clock = Arc::new(AtomicI64::new(START_MS));
        let shared = clock.clone();
        let log: Arc<dyn Log> =
            Arc::new(MemoryLog::with_clock(Arc::new(move || shared.load(Ordering::Relaxed))));
        let settings = Settings::new("market", Arc::new(semantics()));
        log.create_topic(TICKS, PARTITIONS, None).await.unwrap();
        log.create_topic(&settings.features_topic, PARTITIONS, None).await.unwrap();
        let store: Arc<dyn FeatureStore> = Arc::new(MemoryStore::new());
        let world = Self { log, lake: MemoryLake::new(), store, clock, settings };
        world.append(seed, records).await;
        world
    }

    /// So many records more for every partition, from now on.
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
                    1 => format!(r#"{{"symbol":"{symbol}"}}"#).into_bytes(),
                    2 | 3 if !last.is_empty() => last.clone(),
                    4 => tick(symbol, ts + 3_600_000, &mut dice),
                    5 => tick(symbol, ts - 30_000, &mut dice),
                    _ => tick(symbol, ts, &mut dice),
                };
                last.clone_from(&value);
                ticks
                    .append(p, vec![NewRecord { key: Some(symbol.as_bytes().to_vec()), value }])
                    .await
                    .unwrap();
            }
        }
    }

    /// Lets time pass, and the log drop what is older than that.
    pub async fn forget(&self, millis: u64) {
        self.clock.fetch_add(millis as i64, Ordering::Relaxed);
        let kept = Some(Duration::from_millis(millis / 2));
        self.log.create_topic(TICKS, PARTITIONS, kept).await.unwrap();
    }

    /// The same log before empty stores.
    pub fn fresh(&self) -> Self {
        Self { lake: MemoryLake::new(), store: Arc::new(MemoryStore::new()), ..self.clone() }
    }

    /// The same log and store before a copy of what the lake holds now.
    pub async fn copied(&self) -> Self {
        let lake = MemoryLake::new();
        for entry in self.lake.list("").await.unwrap() {
            lake.create(&entry.path, self.lake.read(&entry.path).await.unwrap()).await.unwrap();
        }
        Self { lake, ..self.clone() }
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

    /// Runs a worker over `lake` until everything is read, then drains it.
    pub async fn run(&self, lake: Arc<dyn Lake>) -> Result<Summary, Error> {
        self.run_with(self.components(lake)).await
    }

    /// [`World::run`] with parts of the caller's.
    pub async fn run_with(&self, components: Components) -> Result<Summary, Error> {
        let (status, shutdown) = (components.status.clone(), Shutdown::new());
        let worker = ingest::run(self.settings.clone(), components, shutdown.clone());
        tokio::pin!(worker);
        let ticks = self.log.topic(TICKS).await.unwrap();
        let began = Instant::now();
        loop {
            tokio::select! {
                ended = &mut worker => return ended,
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

    /// I1 and the chain of every partition, from what the lake holds. A recorded gap is the only excuse.
    pub async fn check(&self) -> Result<(), invariants::Violation> {
        let ticks = self.log.topic(TICKS).await.unwrap();
        let raw = history::raw(&self.lake, "").await.unwrap();
        let dead = history::dead(&self.lake, "").await.unwrap();
        for p in 0..PARTITIONS {
            let stored = raw.iter().filter(|r| r.partition == p).map(|r| r.offset);
            let stored = stored.chain(dead.iter().filter(|r| r.partition == p).map(|r| r.offset));
            let commits = self.commits(p).await;
            let lost = |o: &u64| commits.iter().filter_map(|c| c.gap).any(|g| (g.from..g.to).contains(o));
            let log = (0..ticks.bounds(p).await.unwrap().high).filter(|o| !lost(o));
            invariants::exactly_once(stored, log)?;
            commits.windows(2).try_for_each(|pair| invariants::comes_later(&pair[0], &pair[1]))?;
            // Upkeep sweeps old records; the newest ones are all there.
            let newest = commits.last().map_or(0, |c| c.seq);
            let kept = newest.saturating_sub(COMMITS_KEPT)..=newest;
            let seqs = commits.iter().map(|c| c.seq).filter(|seq| kept.contains(seq));
            assert!(commits.is_empty() || seqs.eq(kept.clone()), "partition {p} has holes in {kept:?}");
        }
        Ok(())
    }

    /// The newest commit of every partition.
    pub async fn heads(&self) -> Vec<Commit> {
        history::commits(&self.lake, "").await.unwrap()
    }

    /// Every commit record of a partition, by number.
    pub async fn commits(&self, p: u32) -> Vec<Commit> {
        let layout = Layout::new(&self.settings.root);
        let mut commits = Vec::new();
        for entry in self.lake.list(&layout.log(p)).await.unwrap() {
            if let Some(LogName::Commit(_)) = layout.parse_log(p, &entry.path) {
                let bytes = self.lake.read(&entry.path).await.unwrap();
                commits.push(Commit::decode(&entry.path, &bytes).unwrap());
            }
        }
        commits
    }

    pub async fn assert_tidy(&self) {
        assert_eq!(self.lake.list("_tmp").await.unwrap(), [], "_tmp is empty after a clean drain");
        assert_eq!(self.lake.list("_pending").await.unwrap(), [], "nothing waits for the store");
    }
}

/// Waits for something to become true.
pub async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < DEADLINE, "waited for: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
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
    let ts = market::Timestamp::from_millis(ms);
    let close = 100.0 + dice.roll(1_000) as f64 / 7.0;
    let (high, volume) = (close + 1.0, dice.roll(50));
    format!(
        r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{high},"low":{close},"close":{close},"volume":{volume}}}"#
    )
    .into_bytes()
}

/// Commits every few records, so that small logs have many.
pub fn small(settings: &mut Settings, dice: &mut Dice) {
    settings.roll = Roll { rows: 5 + dice.roll(60), ..Roll::default() };
    settings.read_bytes = 1 + dice.roll(4_000) as usize;
}
