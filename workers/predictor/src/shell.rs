//! The loop that moves bytes: readers of the features topic, one predictor, the store, the predictions topic.
//!
//! It decides nothing. A failing store or log is tried again for ever (what is to be written stays in memory, the readers
//! wait); every other failure ends the predictor with its error.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use market::{FeatureRow, NewRecord, PredictionRow, RecordBatch, RowName, Symbol, Timestamp};
use registry::Registry;
use runtime::{RetryPolicy, Shutdown, retry};
use serde_json::{Value, json};
use tick_log::{LogError, Topic, partition_of};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    Components, PredictorError, Settings, Summary,
    forecast::Frame,
    limits::{ALIASES_EVERY, DRAIN_READS, POSITION_EVERY, QUEUED_BATCHES, READ_BYTES, READ_WAIT},
    machine::{Machine, Output, Step, Stored},
    metrics::PredictionMetrics,
    position::Position,
    serving::Serving,
};

impl runtime::Classified for PredictorError {
    fn kind(&self) -> market::ErrorKind {
        PredictorError::kind(self)
    }
}

/// One read of one partition.
struct Read {
    batch: RecordBatch,
    /// The next offset to be written when it was read.
    high: u64,
    /// The end was reached and nothing came for a while, or nothing more is waited for: while a backlog is still being
    /// written, the end is reached many times and means nothing.
    quiet: bool,
}

/// Predicts until `shutdown` drains. What was read is finished first: nothing is half-written.
pub async fn run(
    settings: Settings,
    components: Components,
    shutdown: Shutdown,
) -> Result<Summary, PredictorError> {
    check(&settings)?;
    let bar_name: RowName = settings.bar.to_string().into();
    let registry = Registry::new(
        components.lake.clone(),
        components.store.clone(),
        &settings.root,
        &settings.pipeline,
        &bar_name,
    )?;
    let features = components.log.topic(&settings.features_topic).await?;
    let predictions = components.log.topic(&settings.predictions_topic).await?;
    let frame = Frame { bar: settings.bar, bar_name, calendar: settings.calendar.clone() };
    let mut shell = Shell {
        machine: Machine::new(frame, settings.horizons.clone()),
        serving: Serving::new(registry, settings.horizons.clone()),
        metrics: PredictionMetrics::new(&components.metrics)?,
        position: Position::default(),
        replay_below: BTreeMap::new(),
        behind: (0..features.partitions()).map(|p| (p, true)).collect(),
        moved: None,
        settings,
        components,
        predictions,
        shutdown: shutdown.clone(),
    };
    shell.restore(features.as_ref()).await?;

    let (sender, mut reads) = mpsc::channel(QUEUED_BATCHES);
    let mut readers = JoinSet::new();
    for partition in 0..features.partitions() {
        let from = shell.position.next.get(&partition).copied();
        readers.spawn(follow(features.clone(), partition, from, sender.clone(), shutdown.clone()));
    }
    drop(sender);
    let mut idle = tokio::time::interval(ALIASES_EVERY);
    idle.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            read = reads.recv() => match read {
                Some(read) => shell.take(read).await?,
                None => break,
            },
            _ = idle.tick() => shell.idle().await?,
        }
    }
    // The channel closes when the last reader has ended: drained, or failed.
    while let Some(ended) = readers.join_next().await {
        match ended {
            Ok(result) => result?,
            Err(_) => {
                return Err(PredictorError::Reader {
                    topic: shell.settings.features_topic.clone(),
                    partition: 0,
                });
            }
        }
    }
    shell.save_position(true).await?;
    shell.show();
    Ok(shell.machine.summary())
}

fn check(settings: &Settings) -> Result<(), PredictorError> {
    let bad = |what: &str, remedy: &str| {
        Err(PredictorError::BadInput { what: what.to_owned(), remedy: remedy.to_owned() })
    };
    if settings.horizons.is_empty() || settings.horizons.contains(&0) {
        return bad("predictor.horizons has no horizon, or a zero", "name bars ahead, as in [1, 5]");
    }
    Ok(())
}

/// Reads one partition from `from` (the oldest record where absent or gone) until the drain, and then what is there.
async fn follow(
    topic: Arc<dyn Topic>,
    partition: u32,
    from: Option<u64>,
    sender: mpsc::Sender<Read>,
    shutdown: Shutdown,
) -> Result<(), PredictorError> {
    let low = topic.bounds(partition).await?.low;
    let mut next = from.unwrap_or(low).max(low);
    let mut last_reads = None;
    loop {
        if shutdown.is_cancelled() {
            return Ok(());
        }
        let draining = shutdown.is_draining();
        if draining {
            let left = last_reads.get_or_insert(DRAIN_READS);
            if *left == 0 {
                return Ok(());
            }
            *left -= 1;
        }
        let wait = if draining { Duration::ZERO } else { READ_WAIT };
        let read = async {
            let batch = topic.read(partition, next, READ_BYTES, wait).await?;
            let high = topic.bounds(partition).await?.high;
            let quiet = batch.next_offset >= high && (draining || batch.is_empty());
            Ok::<_, LogError>(Read { batch, high, quiet })
        };
        let read = tokio::select! {
            read = read => read,
            () = shutdown.draining(), if !draining => continue,
        };
        match read {
            Ok(read) => {
                next = read.batch.next_offset;
                let done = draining && read.quiet;
                if sender.send(read).await.is_err() || done {
                    return Ok(());
                }
            }
            // Retention was faster than we: the forecasts of those bars would be LATE anyway.
            Err(LogError::OffsetOutOfRange { low, high, .. }) => {
                tracing::warn!(
                    partition,
                    from = next,
                    low,
                    "bars were removed before they were predicted from"
                );
                next = if next < low { low } else { high };
            }
            Err(error) if error.kind() == market::ErrorKind::Unavailable => {
                tracing::warn!(partition, "trying again: {error}");
                tokio::select! {
                    () = tokio::time::sleep(READ_WAIT) => {}
                    () = shutdown.cancelled() => return Ok(()),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

struct Shell {
    settings: Settings,
    components: Components,
    predictions: Arc<dyn Topic>,
    shutdown: Shutdown,
    machine: Machine,
    serving: Serving,
    metrics: PredictionMetrics,
    position: Position,
    /// Records below these offsets were there when we started: their forecasts may be in the store.
    replay_below: BTreeMap<u32, u64>,
    /// Partitions whose end was not reached yet.
    behind: BTreeMap<u32, bool>,
    moved: Option<Instant>,
}

impl Shell {
    fn bar_name(&self) -> String {
        self.settings.bar.to_string()
    }

    /// Takes up where the last predictor ended: position, pending predictions, rolling skills.
    async fn restore(&mut self, features: &dyn Topic) -> Result<(), PredictorError> {
        let key = Position::key(&self.settings.pipeline, &self.bar_name());
        let note = self.components.store.note(&key).await?;
        self.position = note
            .and_then(|bytes| Position::decode(&bytes, &features.id()))
            .unwrap_or_else(|| Position { topic: features.id(), ..Position::default() });
        for partition in 0..features.partitions() {
            self.replay_below.insert(partition, features.bounds(partition).await?.high);
        }
        let bar = Some(self.bar_name());
        let recent = feature_store::PredictionQuery {
            bar: bar.clone(),
            limit: Some(crate::limits::SKILL_RELOADED),
            newest_first: true,
            ..Default::default()
        };
        for row in self.components.store.predictions(&recent).await?.iter().rev() {
            self.machine.resume_skill(row);
        }
        let pending = feature_store::PredictionQuery { bar, pending_only: true, ..Default::default() };
        let mut by_symbol: BTreeMap<Symbol, Vec<PredictionRow>> = BTreeMap::new();
        for row in self.components.store.predictions(&pending).await? {
            by_symbol.entry(row.symbol.clone()).or_default().push(row);
        }
        for (symbol, rows) in by_symbol {
            self.resume_symbol(symbol, rows).await?;
        }
        let mut output = Output::default();
        for (part, end) in self.position.ends.clone() {
            self.machine.resume_end(part, end, &mut output);
        }
        self.write(output, None).await
    }

    async fn resume_symbol(
        &mut self,
        symbol: Symbol,
        pending: Vec<PredictionRow>,
    ) -> Result<(), PredictorError> {
        // Bars below the known watermark only: what lies after it is read from the log again.
        let query = feature_store::RowQuery {
            symbol: Some(symbol),
            name: Some(self.bar_name()),
            from: pending.iter().map(|row| row.as_of).min().map(|as_of| as_of - self.settings.bar),
            finals_only: true,
            ..Default::default()
        };
        let bars = self.components.store.rows(&query).await?;
        let Some(part) = bars.last().map(|bar| bar.part) else { return Ok(()) };
        for row in pending {
            let inside = |bar: &&FeatureRow| row.as_of < bar.window_end && bar.window_end <= row.target_ts;
            let last = bars.iter().rev().find(inside).map(|bar| (bar.window_end, bar.prices.close));
            self.machine.resume(part, row, last);
        }
        Ok(())
    }

    async fn take(&mut self, read: Read) -> Result<(), PredictorError> {
        let partition = read.batch.partition;
        let replaying = self.position.next.get(&partition).copied().unwrap_or(0)
            < self.replay_below.get(&partition).copied().unwrap_or(0);
        let now = (self.components.clock)();
        let mut newest_record = None;
        let mut rows = Vec::with_capacity(read.batch.len());
        for record in read.batch.iter() {
            match serde_json::from_slice::<FeatureRow>(record.value) {
                Ok(row) => {
                    if self.machine.is_bar(&row) {
                        newest_record = Some(record.record_ms);
                    }
                    rows.push(row);
                }
                // Not ours, or of a later version: a reader of rows has nothing to do with it.
                Err(error) => tracing::warn!(partition, offset = record.offset, "no feature row: {error}"),
            }
        }
        let mut steps = self.machine.hold(partition, rows, now);
        if read.quiet {
            steps.extend(self.machine.release(partition));
        }
        self.carry_out(steps, replaying || !self.is_caught_up(), newest_record).await?;
        self.metrics.lag(partition, read.high.saturating_sub(read.batch.next_offset));
        if read.batch.next_offset >= read.high {
            self.behind.insert(partition, false);
        }
        if self.machine.is_settled(partition) {
            self.position.next.insert(partition, read.batch.next_offset);
            self.save_position(false).await?;
        }
        Ok(())
    }

    async fn carry_out(
        &mut self,
        steps: Vec<Step>,
        maybe_stored: bool,
        record_ms: Option<i64>,
    ) -> Result<(), PredictorError> {
        if steps.is_empty() {
            return Ok(());
        }
        let policy = RetryPolicy::default();
        let shutdown = self.shutdown.clone();
        let stored = if maybe_stored { self.stored(&steps).await? } else { Stored::new() };
        let serving = tokio::sync::Mutex::new(&mut self.serving);
        retry(policy, &shutdown, "reading aliases", || async {
            serving.lock().await.prepare(&steps).await.map_err(PredictorError::from)
        })
        .await?;
        let now = (self.components.clock)();
        let output = self.machine.apply(steps, &self.serving, &stored, now);
        self.write(output, record_ms).await
    }

    /// Forecasts that the store has of the bars in `steps`.
    async fn stored(&self, steps: &[Step]) -> Result<Stored, PredictorError> {
        let mut spans: BTreeMap<&Symbol, (Timestamp, Timestamp)> = BTreeMap::new();
        for bar in steps.iter().filter_map(Step::predicted) {
            let span = spans.entry(&bar.symbol).or_insert((bar.window_end, bar.window_end));
            *span = (span.0.min(bar.window_end), span.1.max(bar.window_end));
        }
        let mut stored = Stored::new();
        let farthest = self.settings.horizons.iter().copied().max().unwrap_or(1);
        for (symbol, (from, to)) in spans {
            let to = self.settings.calendar.advance(to, farthest, self.settings.bar) + self.settings.bar;
            let query = feature_store::PredictionQuery {
                symbol: Some(symbol.clone()),
                bar: Some(self.bar_name()),
                from: Some(from),
                to: Some(to),
                ..Default::default()
            };
            for row in self.components.store.predictions(&query).await? {
                stored.insert((row.symbol.clone(), row.target_ts, row.horizon), row);
            }
        }
        Ok(stored)
    }

    /// Store first, then topic: a follower never knows more than the store.
    async fn write(&mut self, output: Output, record_ms: Option<i64>) -> Result<(), PredictorError> {
        let Output { predictions, outcomes } = output;
        let policy = RetryPolicy::default();
        let store = &self.components.store;
        if !predictions.is_empty() {
            retry(policy, &self.shutdown, "writing predictions", || async {
                store.put_predictions(&predictions).await.map_err(PredictorError::from)
            })
            .await?;
            if let Some(record_ms) = record_ms {
                let waited = (self.components.clock)().micros() - record_ms.saturating_mul(1_000);
                self.metrics.stored(waited.max(0) as f64 / 1e6);
            }
        }
        if !outcomes.is_empty() {
            retry(policy, &self.shutdown, "writing outcomes", || async {
                store.put_outcomes(&outcomes).await.map_err(PredictorError::from)
            })
            .await?;
        }
        let mut records: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
        for row in predictions.iter().chain(&outcomes) {
            let key = row.symbol.as_str().as_bytes().to_vec();
            let partition = partition_of(&key, self.predictions.partitions());
            let value = serde_json::to_vec(row).unwrap_or_default();
            records.entry(partition).or_default().push(NewRecord { key: Some(key), value });
        }
        for (partition, records) in records {
            // An append of unknown outcome may be repeated: followers keep one row a key.
            retry(policy, &self.shutdown, "publishing predictions", || async {
                self.predictions
                    .append(partition, records.clone())
                    .await
                    .map(|_| ())
                    .map_err(PredictorError::from)
            })
            .await?;
        }
        self.metrics.count(self.machine.summary());
        Ok(())
    }

    async fn save_position(&mut self, at_once: bool) -> Result<(), PredictorError> {
        if !at_once && self.moved.is_some_and(|moved| moved.elapsed() < POSITION_EVERY) {
            return Ok(());
        }
        self.moved = Some(Instant::now());
        self.position.ends = self.machine.ends();
        let key = Position::key(&self.settings.pipeline, &self.bar_name());
        let (value, store) = (self.position.encode(), &self.components.store);
        retry(RetryPolicy::default(), &self.shutdown, "writing the position", || async {
            store.put_note(&key, &value).await.map_err(PredictorError::from)
        })
        .await
    }

    async fn idle(&mut self) -> Result<(), PredictorError> {
        // A store that is away is met again at the next bar; nothing depends on this look.
        match self.serving.refresh().await {
            Ok(true) => {
                for (horizon, champion, _, from) in self.serving.newest() {
                    let from = from.map(|at| at.to_string()).unwrap_or_default();
                    tracing::info!(horizon, champion, from, "versions in service");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::warn!("alias histories: {error}"),
        }
        self.show();
        Ok(())
    }

    fn is_caught_up(&self) -> bool {
        self.behind.values().all(|behind| !behind)
    }

    fn show(&mut self) {
        self.metrics.count(self.machine.summary());
        self.metrics.serving(&self.serving, self.machine.skills());
        let served: Vec<Value> = self
            .serving
            .newest()
            .into_iter()
            .map(|(horizon, champion, previous, from)| {
                let live = champion.and_then(|version| self.machine.skills().pooled(version, horizon));
                json!({
                    "horizon": horizon,
                    "champion": champion,
                    "previous": previous,
                    "effectiveFrom": from.filter(|at| *at > Timestamp::MIN).map(|at| at.to_string()),
                    "live": live.as_ref().map(skill_json),
                })
            })
            .collect();
        let symbols: Vec<Value> = self.machine.skills().by_symbol().iter().map(skill_json).collect();
        let failures: Vec<Value> = self
            .serving
            .failures()
            .into_iter()
            .map(|(version, error)| json!({"version": version, "error": error}))
            .collect();
        let rest = json!({
            "pipeline": self.settings.pipeline,
            "bar": self.bar_name(),
            "served": served,
            "live": symbols,
            "failedModels": failures,
            "position": self.position,
        });
        let now = (self.components.clock)();
        self.components.status.set(self.machine.summary(), self.is_caught_up(), rest, now);
    }
}

fn skill_json(live: &crate::LiveSkill) -> Value {
    json!({
        "symbol": live.symbol.as_ref().map(Symbol::as_str),
        "horizon": live.horizon,
        "version": live.version,
        "n": live.n,
        "skill": live.skill,
        "rmse": live.rmse,
    })
}
