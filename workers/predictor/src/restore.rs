//! What a predictor takes up from the store: position, pending predictions, rolling skills, forecasts made before.

use std::collections::BTreeMap;

use feature_store::{PredictionQuery, RowQuery};
use market::{FeatureRow, PredictionRow, Symbol, Timestamp};
use runtime::{RetryPolicy, retry};
use tick_log::Topic;

use crate::{
    PredictorError,
    limits::{POSITION_EVERY, SKILL_RELOADED},
    machine::{Output, Step, Stored},
    position::Position,
    shell::Shell,
};

impl Shell {
    /// Takes up where the last predictor ended: position, pending predictions, rolling skills.
    pub(crate) async fn restore(&mut self, features: &dyn Topic) -> Result<(), PredictorError> {
        let key = Position::key(&self.settings.pipeline, &self.bar_name());
        let note = self.components.store.note(&key).await?;
        self.position = note
            .and_then(|bytes| Position::decode(&bytes, &features.id()))
            .unwrap_or_else(|| Position { topic: features.id(), ..Position::default() });
        for partition in 0..features.partitions() {
            self.replay_below.insert(partition, features.bounds(partition).await?.high);
        }
        let bar = Some(self.bar_name());
        let recent = PredictionQuery {
            bar: bar.clone(),
            limit: Some(SKILL_RELOADED),
            newest_first: true,
            ..Default::default()
        };
        for row in self.components.store.predictions(&recent).await?.iter().rev() {
            self.machine.resume_skill(row);
        }
        let pending = PredictionQuery { bar, pending_only: true, ..Default::default() };
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
        let query = RowQuery {
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

    /// Forecasts that the store has of the bars in `steps`.
    pub(crate) async fn stored(&self, steps: &[Step]) -> Result<Stored, PredictorError> {
        let mut spans: BTreeMap<&Symbol, (Timestamp, Timestamp)> = BTreeMap::new();
        for bar in steps.iter().filter_map(Step::predicted) {
            let span = spans.entry(&bar.symbol).or_insert((bar.window_end, bar.window_end));
            *span = (span.0.min(bar.window_end), span.1.max(bar.window_end));
        }
        let mut stored = Stored::new();
        let farthest = self.settings.horizons.iter().copied().max().unwrap_or(1);
        for (symbol, (from, to)) in spans {
            let to = self.settings.calendar.advance(to, farthest, self.settings.bar) + self.settings.bar;
            let query = PredictionQuery {
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

    pub(crate) async fn save_position(&mut self, at_once: bool) -> Result<(), PredictorError> {
        if !at_once && self.moved.is_some_and(|moved| moved.elapsed() < POSITION_EVERY) {
            return Ok(());
        }
        self.moved = Some(std::time::Instant::now());
        self.position.ends = self.machine.ends();
        let key = Position::key(&self.settings.pipeline, &self.bar_name());
        let (value, store) = (self.position.encode(), &self.components.store);
        retry(RetryPolicy::default(), &self.shutdown, "writing the position", || async {
            store.put_note(&key, &value).await.map_err(PredictorError::from)
        })
        .await
    }
}
