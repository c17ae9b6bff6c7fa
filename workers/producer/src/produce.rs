//! The role that makes ticks: history flat out, then one second a second.
//!
//! Two kinds of notes are kept with the log:
//! - `producer/<topic>/start` (JSON): the instant of the very first start and what was counted back from it, the beginning
//!   of the history and the regimes' switches. Later starts read it, so "90 minutes before the start" stays one instant.
//! - `producer/<topic>/<partition>`: the event time up to which the partition has its ticks, and where the walk of each of
//!   its symbols stands ([`crate::model::Level`]). It is set by the append that makes it true.
//!
//! A producer that was away for a day makes the day's ticks first: there is no gap in event time, ever.

use std::{collections::BTreeMap, sync::Arc};

use market::{NewRecord, Span, Symbol, Tick, Timestamp, encode_tick};
use runtime::Shutdown;
use serde::{Deserialize, Serialize};
use tick_log::{Clock, Log, LogError, Topic};

use crate::{
    ProduceError, SymbolSpec, Truth, limits,
    model::{Grid, Model, Source},
};

mod checkpoint;

use checkpoint::Checkpoint;

const MINUTE_MICROS: i64 = 60_000_000;

/// What is made.
#[derive(Debug, Clone, PartialEq)]
pub struct ProduceSettings {
    /// The bar that the truths hold for: the predictor's.
    pub bar: Span,
    /// `source.tickSpan`: a tick belongs to the bar with its last instant.
    pub tick_span: Option<Span>,
    /// Ticks a second, over all symbols.
    pub ticks_per_second: u32,
    /// Symbols and their processes.
    pub symbols: Vec<SymbolSpec>,
    /// Equal seeds make equal ticks.
    pub seed: u64,
    /// How far the first start goes back.
    pub backfill: Option<Span>,
    /// Ends after so many ticks of this run; absent: never.
    pub count: Option<u64>,
}

/// What it works with.
#[derive(Clone)]
pub struct Components {
    /// Keeps the notes.
    pub log: Arc<dyn Log>,
    /// Takes the ticks.
    pub topic: Arc<dyn Topic>,
    /// Wall clock in milliseconds.
    pub clock: Clock,
    /// Told after every append.
    pub progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Ticks appended in this run.
    pub ticks: u64,
    /// Event time up to which everything has been made, exclusive.
    pub through: Timestamp,
    /// True once the present has been reached.
    pub live: bool,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProduceSummary {
    /// Ticks appended.
    pub ticks: u64,
    /// Event time up to which everything has been made, exclusive.
    pub through: Timestamp,
    /// True when an earlier run had begun.
    pub resumed: bool,
}

/// What the first start settled for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// When it was.
    pub started: Timestamp,
    /// Where the history begins.
    pub origin: Timestamp,
    /// When regimes change, by symbol.
    pub switches: BTreeMap<String, Timestamp>,
}

impl ProduceSettings {
    /// Refuses settings that cannot be.
    pub fn validate(&self) -> Result<(), ProduceError> {
        let fail = |text: String| Err(ProduceError::Settings(text));
        if self.symbols.is_empty() || self.symbols.len() > limits::SYMBOLS {
            return fail(format!("{} symbols; 1..={} are possible", self.symbols.len(), limits::SYMBOLS));
        }
        if self.ticks_per_second == 0 || self.ticks_per_second > limits::TICKS_PER_SECOND {
            return fail(format!("ticksPerSecond must be in 1..={}", limits::TICKS_PER_SECOND));
        }
        if self.backfill.is_some_and(|b| b.micros() > limits::BACKFILL_DAYS * 86_400_000_000) {
            return fail(format!("backfill: at most {}d", limits::BACKFILL_DAYS));
        }
        for (i, s) in self.symbols.iter().enumerate() {
            if self.symbols[..i].iter().any(|o| o.symbol == s.symbol) {
                return fail(format!("symbol {:?} is listed twice", s.symbol));
            }
            if !(s.phi > -1.0 && s.phi < 1.0) {
                return fail(format!("{}: phi must lie between -1 and 1", s.symbol));
            }
            if !(s.volatility > 0.0 && s.volatility <= 100.0) {
                return fail(format!("{}: volatility must be above 0 and at most 100", s.symbol));
            }
        }
        Ok(())
    }

    /// The truth of each symbol, in the order of the settings.
    pub fn truths(&self, horizons: &[u32]) -> Vec<(String, Truth)> {
        self.truths_since(None, horizons)
    }

    /// The same with the instants of the first start, where there was one.
    pub fn truths_since(&self, start: Option<&Start>, horizons: &[u32]) -> Vec<(String, Truth)> {
        self.symbols
            .iter()
            .map(|s| {
                let name = s.symbol.to_string();
                let switch = start.and_then(|start| start.switches.get(&name).copied());
                (name, Truth::of(s, switch, horizons))
            })
            .collect()
    }

    fn grid(&self) -> Grid {
        Grid {
            bar: self.bar,
            tick_span: self.tick_span,
            ticks_per_second: self.ticks_per_second,
            symbols: self.symbols.len(),
        }
    }
}

/// Reads the first start's note, or makes it now. A regime that was added later is counted from the first start, too.
pub async fn settle_start(
    settings: &ProduceSettings,
    log: &dyn Log,
    topic: &str,
    clock: &Clock,
) -> Result<Start, ProduceError> {
    let key = format!("producer/{topic}/start");
    let damaged = |why: serde_json::Error| ProduceError::Note { key: key.clone(), why: why.to_string() };
    let (mut start, mut changed) = match log.note(&key).await? {
        Some(bytes) => (serde_json::from_slice::<Start>(&bytes).map_err(damaged)?, false),
        None => {
            let started = Timestamp::from_millis(clock());
            let back = settings.backfill.map_or(started, |b| started - b);
            let origin = back.max(Timestamp::default()).floor(settings.bar);
            (Start { started, origin, switches: BTreeMap::new() }, true)
        }
    };
    for s in &settings.symbols {
        let name = s.symbol.to_string();
        if let (Model::Regime, Some(before), false) =
            (s.model, s.switch_before, start.switches.contains_key(&name))
        {
            start.switches.insert(name, start.started - before);
            changed = true;
        }
    }
    if changed {
        log.put_note(&key, serde_json::to_vec(&start).map_err(damaged)?).await?;
    }
    Ok(start)
}

/// Makes ticks until `count` or the shutdown ends it.
pub async fn run(
    settings: ProduceSettings,
    components: Components,
    shutdown: Shutdown,
) -> Result<ProduceSummary, ProduceError> {
    settings.validate()?;
    let start =
        settle_start(&settings, components.log.as_ref(), components.topic.name(), &components.clock).await?;
    let mut producer = Producer::restore(settings, components, &start).await?;
    let resumed = producer.resumed;
    loop {
        let due = producer.due();
        if producer.next >= due || shutdown.is_draining() {
            if shutdown.is_draining() || producer.is_done() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(producer.pause()) => {}
                () = shutdown.draining() => {}
            }
            continue;
        }
        producer.append_until(due, &shutdown).await?;
        if producer.is_done() {
            break;
        }
    }
    Ok(ProduceSummary { ticks: producer.ticks, through: producer.through(), resumed })
}

struct Producer {
    settings: ProduceSettings,
    components: Components,
    grid: Grid,
    source: Source,
    partition_of: Vec<u32>,
    /// The first tick that is not made, by partition.
    done: BTreeMap<u32, i64>,
    /// The next tick.
    next: i64,
    ticks: u64,
    resumed: bool,
}

impl Producer {
    async fn restore(
        settings: ProduceSettings,
        components: Components,
        start: &Start,
    ) -> Result<Self, ProduceError> {
        let grid = settings.grid();
        let topic = &components.topic;
        let partition_of: Vec<u32> = settings
            .symbols
            .iter()
            .map(|s| tick_log::partition_of(s.symbol.as_str().as_bytes(), topic.partitions()))
            .collect();
        let (mut done, mut levels, mut resumed) = (BTreeMap::new(), BTreeMap::new(), false);
        for partition in partition_of.iter().copied() {
            if done.contains_key(&partition) {
                continue;
            }
            let key = Checkpoint::key(topic.name(), partition);
            let from = match components.log.note(&key).await? {
                Some(bytes) => {
                    let note = Checkpoint::decode(&bytes)
                        .ok_or_else(|| ProduceError::Note { key, why: "its bytes do not fit".into() })?;
                    levels.extend(note.levels);
                    resumed = true;
                    note.next
                }
                None => start.origin,
            };
            done.insert(partition, grid.first_at(from));
        }
        let next = done.values().copied().min().unwrap_or_default();
        let source = Source::new(
            grid,
            &settings.symbols,
            |symbol: &Symbol| start.switches.get(symbol.as_str()).copied(),
            |symbol: &Symbol| levels.get(&checkpoint::name_hash(symbol)).copied(),
            settings.seed,
            next,
        );
        Ok(Self { settings, components, grid, source, partition_of, done, next, ticks: 0, resumed })
    }

    /// The first tick that the clock does not allow yet.
    fn due(&self) -> i64 {
        self.grid.end_at(Timestamp::from_millis((self.components.clock)()))
    }

    fn is_done(&self) -> bool {
        self.settings.count.is_some_and(|count| self.ticks >= count)
    }

    fn through(&self) -> Timestamp {
        self.grid.ts(self.next)
    }

    /// Until the next tick is due.
    fn pause(&self) -> std::time::Duration {
        let due = self.through().micros().saturating_add(self.grid.tick_span.map_or(0, Span::micros));
        let now = (self.components.clock)().saturating_mul(1_000);
        let wait = due.saturating_sub(now).clamp(0, MINUTE_MICROS) as u64;
        std::time::Duration::from_micros(wait).clamp(limits::PACE_MIN, limits::PACE_MAX)
    }

    /// Makes and appends the ticks up to `due`, at most one batch of them.
    async fn append_until(&mut self, due: i64, shutdown: &Shutdown) -> Result<(), ProduceError> {
        let mut until = due.min(self.next + limits::BATCH_TICKS as i64);
        let mut batches: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
        let (mut g, mut made) = (self.next, 0);
        while g < until {
            if self.settings.count.is_some_and(|count| self.ticks + made >= count) {
                until = g;
                break;
            }
            let symbol = g.rem_euclid(self.settings.symbols.len() as i64) as usize;
            let partition = self.partition_of[symbol];
            if self.done.get(&partition).is_none_or(|done| g >= *done) {
                let tick = self.source.tick(g);
                batches.entry(partition).or_default().push(self.record(&tick));
                made += 1;
            }
            g += 1;
        }
        for (partition, records) in batches {
            self.append(partition, records, until, shutdown).await?;
            self.done.insert(partition, until);
        }
        self.ticks += made;
        self.next = until;
        let live = self.next >= self.due();
        (self.components.progress)(Progress { ticks: self.ticks, through: self.through(), live });
        Ok(())
    }

    fn record(&self, tick: &crate::model::MadeTick) -> NewRecord {
        let symbol = self.settings.symbols[tick.symbol].symbol.as_str();
        let value = encode_tick(&Tick { symbol: symbol.into(), ts: tick.ts, prices: tick.prices, id: None });
        NewRecord { key: Some(symbol.as_bytes().to_vec()), value }
    }

    /// Appends with the partition's checkpoint. After an unknown outcome the note says whether it happened.
    async fn append(
        &self,
        partition: u32,
        records: Vec<NewRecord>,
        until: i64,
        shutdown: &Shutdown,
    ) -> Result<(), ProduceError> {
        let next = self.grid.ts(until);
        let levels = (0..self.settings.symbols.len())
            .filter(|s| self.partition_of[*s] == partition)
            .map(|s| (checkpoint::name_hash(&self.settings.symbols[s].symbol), self.source.level(s)))
            .collect();
        let value = Checkpoint { next, levels }.encode();
        let key = Checkpoint::key(self.components.topic.name(), partition);
        crate::durable::append(
            &self.components.log,
            &self.components.topic,
            partition,
            records,
            &key,
            value,
            shutdown,
        )
        .await
        .map_err(|e: LogError| e.into())
    }
}
