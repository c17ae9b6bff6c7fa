//! The loop that moves bytes: readers of the features topic, one predictor, the store, the predictions topic.
//!
//! It decides nothing. A failing store or log is tried again for ever (what is to be written stays in memory, the readers
//! wait); every other failure ends the predictor with its error.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use market::{FeatureRow, NewRecord, RowName};
use registry::Registry;
use runtime::{RetryPolicy, Shutdown, retry};
use tick_log::{Topic, partition_of};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    Components, PredictorError, Settings, Summary,
    follow::{Read, follow},
    forecast::Frame,
    limits::{ALIASES_EVERY, QUEUED_BATCHES},
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
            Some(ended) = readers.join_next() => {
                ended.map_err(|_| PredictorError::Reader { topic: shell.settings.features_topic.clone() })??;
            }
        }
    }
    // The channel closes when the last reader has dropped its end; one of them may still have an error to tell.
    while let Some(ended) = readers.join_next().await {
        ended.map_err(|_| PredictorError::Reader { topic: shell.settings.features_topic.clone() })??;
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

/// A predictor at work: what it decides with, and where its bytes go.
pub(crate) struct Shell {
    pub(crate) settings: Settings,
    pub(crate) components: Components,
    pub(crate) predictions: Arc<dyn Topic>,
    pub(crate) shutdown: Shutdown,
    pub(crate) machine: Machine,
    pub(crate) serving: Serving,
    pub(crate) metrics: PredictionMetrics,
    pub(crate) position: Position,
    /// Records below these offsets were there when we started: their forecasts may be in the store.
    pub(crate) replay_below: BTreeMap<u32, u64>,
    /// Partitions whose end was not reached yet.
    pub(crate) behind: BTreeMap<u32, bool>,
    pub(crate) moved: Option<Instant>,
}

impl Shell {
    pub(crate) fn bar_name(&self) -> String {
        self.settings.bar.to_string()
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

    /// Store first, then topic: a follower never knows more than the store.
    pub(crate) async fn write(
        &mut self,
        output: Output,
        record_ms: Option<i64>,
    ) -> Result<(), PredictorError> {
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

    pub(crate) fn is_caught_up(&self) -> bool {
        self.behind.values().all(|behind| !behind)
    }
}
