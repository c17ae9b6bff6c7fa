//! One world: a log, a lake, a feature store and a clock, with everything that is to be known about them afterwards.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ingest::Settings;
use lake::MemoryLake;
use market::NewRecord;
use parking_lot::Mutex;
use tick_log::{Log, MemoryLog, Topic};
use tokio::task::JoinHandle;
use windowing::Semantics;

use crate::{
    dice::Dice,
    error::{Broken, Doing},
    faults::{Break, Faults},
    ledger::Ledger,
    ports::Table,
    run::Play,
    settings,
    ticks::Ticks,
    time::SimTime,
    trace::Trace,
    witness::Witness,
};

/// Clones are the same world.
#[derive(Clone)]
pub struct World {
    /// What reproduces it.
    pub seed: u64,
    /// Its time.
    pub time: SimTime,
    /// What happened.
    pub trace: Trace,
    /// Its chance.
    pub dice: Dice,
    /// What was injected.
    pub faults: Faults,
    /// What the servers saw.
    pub witness: Witness,
    /// What was appended.
    pub ledger: Ledger,
    /// The log's server.
    pub log: MemoryLog,
    /// The lake's files.
    pub lake: MemoryLake,
    /// The feature store's rows.
    pub table: Table,
    /// What workers are told when they start, unless they are told otherwise.
    settings: Arc<Mutex<Settings>>,
    /// Every semantics that was ever in force, by hash.
    semantics: Arc<Mutex<BTreeMap<String, Arc<Semantics>>>>,
    store_away: Arc<AtomicBool>,
    broken: Option<Break>,
}

impl World {
    /// The world of a seed, with empty topics.
    pub async fn new(play: &Play<'_>) -> Result<Self, Broken> {
        let Play { seed, scenario, broken, live } = *play;
        let time = SimTime::start();
        let drawn = Dice::new(seed, "settings");
        let mut settings = settings::draw(&drawn);
        (scenario.set)(&drawn, &mut settings);
        let world = Self {
            seed,
            time,
            trace: Trace::new(time, live),
            dice: Dice::new(seed, "world"),
            faults: Faults::default(),
            witness: Witness::default(),
            ledger: Ledger::default(),
            log: MemoryLog::with_clock(time.clock(0)),
            lake: MemoryLake::new(),
            table: Table::default(),
            semantics: Arc::default(),
            settings: Arc::new(Mutex::new(settings.clone())),
            store_away: Arc::default(),
            broken,
        };
        world.in_force(&settings.semantics);
        for topic in [&settings.ticks_topic, &settings.features_topic] {
            world.log.create_topic(topic, world.partitions(), None).await.doing("creating a topic")?;
        }
        Ok(world)
    }

    /// What workers are told when they start now.
    pub fn settings(&self) -> Settings {
        self.settings.lock().clone()
    }

    /// Workers that start from now on are told this.
    pub fn set(&self, settings: Settings) {
        self.in_force(&settings.semantics);
        *self.settings.lock() = settings;
    }

    /// Partitions of the topic.
    pub fn partitions(&self) -> u32 {
        self.settings.lock().semantics.partitions
    }

    /// True where this promise is broken on purpose.
    pub fn breaks(&self, what: Break) -> bool {
        self.broken == Some(what)
    }

    /// These semantics may be found in commits from now on.
    fn in_force(&self, semantics: &Arc<Semantics>) {
        self.semantics.lock().insert(semantics.hash(), semantics.clone());
    }

    /// The semantics of that hash.
    pub fn semantics(&self, hash: &str) -> Option<Arc<Semantics>> {
        self.semantics.lock().get(hash).cloned()
    }

    /// The feature store goes away, or comes back.
    pub fn store_goes(&self, away: bool) {
        self.trace.say("store", if away { "goes away" } else { "is back" });
        self.store_away.store(away, Ordering::Relaxed);
    }

    /// True while the feature store is away.
    pub fn is_store_away(&self) -> bool {
        self.store_away.load(Ordering::Relaxed) && !self.faults.are_over()
    }

    /// The topic of ticks, as the server has it.
    pub async fn ticks(&self) -> Result<Arc<dyn Topic>, Broken> {
        self.log.topic(&self.settings().ticks_topic).await.doing("opening the topic of ticks")
    }

    /// Appends so many records to each partition, in small batches, over time.
    pub fn produce(&self, name: &str, per_partition: u64) -> JoinHandle<Result<(), Broken>> {
        let (world, dice) = (self.clone(), Dice::new(self.seed, name));
        tokio::spawn(async move { world.append(dice, per_partition).await })
    }

    async fn append(&self, dice: Dice, per_partition: u64) -> Result<(), Broken> {
        let topic = self.ticks().await?;
        let mut producers: Vec<(u32, Ticks, u64)> =
            (0..self.partitions()).map(|p| (p, Ticks::new(p, dice.clone()), per_partition)).collect();
        while !producers.is_empty() {
            tokio::time::sleep(dice.millis(1, 1_500 / u64::from(self.partitions()))).await;
            let at = dice.below(producers.len() as u64) as usize;
            let Some((p, ticks, left)) = producers.get_mut(at) else { continue };
            let count = dice.between(1, 12).min(*left);
            let records: Vec<NewRecord> = (0..count).map(|_| ticks.next(self.time.now_ms())).collect();
            let appended = topic.append(*p, records.clone()).await.doing("appending ticks")?;
            self.ledger.took(&topic.id(), *p, appended, records);
            *left -= count;
            if *left == 0 {
                producers.remove(at);
            }
        }
        Ok(())
    }

    /// True when everything in the log is committed.
    pub async fn is_committed(&self) -> Result<bool, Broken> {
        let topic = self.ticks().await?;
        let id = topic.id();
        for p in 0..self.partitions() {
            let high = topic.bounds(p).await.doing("asking for the log's end")?.high;
            let newest = self.witness.records(p).pop();
            if newest.is_none_or(|newest| newest.commit.topic_id != id || newest.commit.end != high) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits for simulated time to pass.
    pub async fn pause(&self, from_ms: u64, to_ms: u64) {
        tokio::time::sleep(self.dice.millis(from_ms, to_ms)).await;
    }

    /// Waits until something holds, at most so long.
    pub async fn until(
        &self,
        what: &str,
        patience: Duration,
        mut holds: impl AsyncFnMut() -> Result<bool, Broken>,
    ) -> Result<(), Broken> {
        let by = tokio::time::Instant::now() + patience;
        while !holds().await? {
            if tokio::time::Instant::now() >= by {
                return Err(Broken::Stuck(format!("waited {patience:?} for: {what}")));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }
}
