//! A case through the real ingest worker, on a log, a lake and a feature store in memory.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use feature_store::{FeatureStore, MemoryStore, RowQuery};
use ingest::{Components, Roll, Settings, Status};
use lake::{Lake, MemoryLake, history, tables::read_raw};
use market::{FeatureRow, NewRecord};
use runtime::{Metrics, Shutdown};
use tick_log::{Clock, Log, MemoryLog, StaticOwnership, Topic};
use windowing::Semantics;

/// What cannot take longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// One partition with nothing in it yet. A worker can be started on it again and again.
pub struct World {
    components: Components,
    settings: Settings,
    ticks: Arc<dyn Topic>,
    record_ms: Arc<AtomicI64>,
    lake: Arc<MemoryLake>,
    store: Arc<MemoryStore>,
}

/// What is stored.
#[derive(Debug)]
pub struct Stored {
    /// Windows, in closing order.
    pub rows: Vec<FeatureRow>,
    /// Raw rows that are committed: partition and offset.
    pub raw: Vec<u64>,
    /// Rows of every file under the raw path, committed or not: what a reader of the directory sees.
    pub raw_in_directory: u64,
    /// Dead letters by reason.
    pub dead: BTreeMap<String, u64>,
}

impl World {
    /// The manual's windows and watermark, one partition. `rows` is the size of a commit.
    pub async fn new(rows: u64) -> Result<Self, Box<dyn Error>> {
        let record_ms = Arc::new(AtomicI64::new(0));
        let now = record_ms.clone();
        let clock: Clock = Arc::new(move || now.load(Ordering::Relaxed));
        let log = Arc::new(MemoryLog::with_clock(clock));
        let semantics = Semantics { bars: Vec::new(), ..Semantics::default() };
        let mut settings = Settings::new("case", Arc::new(semantics));
        settings.roll = Roll { rows, ..Roll::default() };
        // Small reads: a batch of the log is one of many.
        settings.read_bytes = 4_096;
        let ticks = log.create_topic(&settings.ticks_topic, 1, None).await?;
        log.create_topic(&settings.features_topic, 1, None).await?;
        let (lake, store) = (Arc::new(MemoryLake::default()), Arc::new(MemoryStore::new()));
        let components = Components {
            log,
            ownership: Arc::new(StaticOwnership::new([0])),
            lake: lake.clone(),
            store: store.clone(),
            metrics: Metrics::new(),
            status: Arc::new(Status::new()),
            clock: tick_log::system_clock(),
            entropy: ingest::system_entropy(),
        };
        Ok(Self { components, settings, ticks, record_ms, lake, store })
    }

    /// Appends one record that arrives at an instant.
    pub async fn append(&self, record_ms: i64, value: &str) -> Result<(), Box<dyn Error>> {
        self.record_ms.store(record_ms, Ordering::Relaxed);
        self.ticks.append(0, vec![NewRecord { key: None, value: value.as_bytes().to_vec() }]).await?;
        Ok(())
    }

    /// Another worker: nothing is shared with an earlier one but the stores.
    fn components(&self) -> Components {
        let mut components = self.components.clone();
        components.status = Arc::new(Status::new());
        components.metrics = Metrics::new();
        components.ownership = Arc::new(StaticOwnership::new([0]));
        components
    }

    /// A worker that reads everything there is and ends as on SIGTERM.
    pub async fn work(&self) -> Result<(), Box<dyn Error>> {
        let components = self.components();
        let (status, shutdown) = (components.status.clone(), Shutdown::new());
        let end = self.ticks.bounds(0).await?.high;
        let deadline = Instant::now() + DEADLINE;
        let watch = async {
            while status.partitions().first().is_none_or(|p| p.offset < end) && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            shutdown.drain();
        };
        let (summary, ()) =
            tokio::join!(ingest::run(self.settings.clone(), components, shutdown.clone()), watch);
        let read = summary?.counters.read;
        if read < end {
            return Err(format!("{read} of {end} records were read within {DEADLINE:?}").into());
        }
        Ok(())
    }

    /// A worker that is gone once it has read `records`, in the middle of whatever it was doing.
    pub async fn work_and_be_killed(&self, records: u64) -> Result<(), Box<dyn Error>> {
        let components = self.components();
        let status = components.status.clone();
        let deadline = Instant::now() + DEADLINE;
        let read = async {
            while status.counters().read < records && Instant::now() < deadline {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = ingest::run(self.settings.clone(), components, Shutdown::new()) => {
                Err(format!("the worker ended before it was killed: {ended:?}").into())
            }
            () = read => Ok(()),
        }
    }

    /// What the stores hold.
    pub async fn stored(&self) -> Result<Stored, Box<dyn Error>> {
        let mut rows = self.store.rows(&RowQuery::default()).await?;
        rows.sort_by_key(|r| (r.last_offset, r.index));
        let raw = history::raw(&*self.lake, "").await?.iter().map(|r| r.borrow().offset).collect();
        let mut dead = BTreeMap::new();
        for letter in history::dead(&*self.lake, "").await? {
            *dead.entry(letter.borrow().reason.as_str().to_owned()).or_default() += 1;
        }
        let mut raw_in_directory = 0;
        for file in self.lake.list("raw/ticks").await? {
            raw_in_directory += read_raw(self.lake.read(&file.path).await?)?.len() as u64;
        }
        Ok(Stored { rows, raw, raw_in_directory, dead })
    }
}
