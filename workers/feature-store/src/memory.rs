//! A feature store without a disk: the same guarantees for as long as the process lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use market::{AliasEvent, AliasKey, FeatureRow, PredictionRow, RowName, RunRow, Symbol, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    FeatureStore, PredictionQuery, RowQuery, RowSink, StoreError,
    port::{check_prediction, check_row, merge_prediction},
};

type RowKey = (RowName, Symbol, Timestamp);
type PredictionKey = (RowName, Symbol, u32, Timestamp, u64);

/// A feature store in memory. Cheap to clone; clones share everything.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Default)]
struct Tables {
    rows: BTreeMap<RowKey, FeatureRow>,
    symbols: BTreeSet<Symbol>,
    predictions: BTreeMap<PredictionKey, PredictionRow>,
    aliases: BTreeMap<AliasKey, Vec<AliasEvent>>,
    runs: BTreeMap<(String, String), RunRow>,
    notes: BTreeMap<String, Vec<u8>>,
    closed: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.tables.lock();
        if tables.closed { Err(StoreError::Closed { file: "memory".into() }) } else { Ok(tables) }
    }
}

fn prediction_key(row: &PredictionRow) -> PredictionKey {
    (row.bar.clone(), row.symbol.clone(), row.horizon, row.target_ts, row.version)
}

#[async_trait]
impl RowSink for MemoryStore {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        rows.iter().try_for_each(check_row)?;
        let mut tables = self.tables()?;
        for row in rows {
            let key = (row.name.clone(), row.symbol.clone(), row.window_start);
            if tables.rows.get(&key).is_none_or(|old| old.write_ts <= row.write_ts) {
                tables.rows.insert(key, row.clone());
            }
            if !tables.symbols.contains(&row.symbol) {
                tables.symbols.insert(row.symbol.clone());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl FeatureStore for MemoryStore {
    async fn rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError> {
        let tables = self.tables()?;
        let mut rows: Vec<_> = tables.rows.values().filter(|r| query.matches(r)).cloned().collect();
        query.arrange(&mut rows);
        Ok(rows)
    }

    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        Ok(self.tables()?.symbols.iter().cloned().collect())
    }

    async fn put_predictions(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        rows.iter().try_for_each(check_prediction)?;
        let mut tables = self.tables()?;
        for row in rows {
            let key = prediction_key(row);
            let kept =
                tables.predictions.get(&key).map_or_else(|| row.clone(), |old| merge_prediction(old, row));
            tables.predictions.insert(key, kept);
        }
        Ok(())
    }

    async fn put_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        let mut tables = self.tables()?;
        for row in rows {
            if let Some(kept) = tables.predictions.get_mut(&prediction_key(row)) {
                kept.outcome = row.outcome;
            }
        }
        Ok(())
    }

    async fn predictions(&self, query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError> {
        let tables = self.tables()?;
        let mut rows: Vec<_> = tables.predictions.values().filter(|r| query.matches(r)).cloned().collect();
        query.arrange(&mut rows);
        Ok(rows)
    }

    async fn alias_history(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        Ok(self.tables()?.aliases.get(key).cloned().unwrap_or_default())
    }

    async fn alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        Ok(self.tables()?.aliases.keys().filter(|k| k.pipeline == pipeline).cloned().collect())
    }

    async fn append_alias(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError> {
        let mut tables = self.tables()?;
        let next = tables.aliases.get(key).map_or(1, |h| h.len() as u64 + 1);
        if event.seq != next {
            return Ok(false);
        }
        tables.aliases.entry(key.clone()).or_default().push(event.clone());
        Ok(true)
    }

    async fn put_run(&self, run: &RunRow) -> Result<(), StoreError> {
        self.tables()?.runs.insert((run.pipeline.clone(), run.name.clone()), run.clone());
        Ok(())
    }

    async fn runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        let mut runs: Vec<_> =
            self.tables()?.runs.values().filter(|r| r.pipeline == pipeline).cloned().collect();
        runs.sort_by(|a, b| (a.started_at, &a.name).cmp(&(b.started_at, &b.name)));
        Ok(runs)
    }

    async fn put_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.tables()?.notes.insert(key.into(), value.into());
        Ok(())
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables()?.notes.get(key).cloned())
    }

    async fn expire(
        &self,
        features_before: Option<Timestamp>,
        predictions_before: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let mut tables = self.tables()?;
        let before = tables.rows.len() + tables.predictions.len();
        if let Some(cut) = features_before {
            tables.rows.retain(|_, row| Timestamp::from_micros(row.write_ts).day() >= cut.day());
        }
        if let Some(cut) = predictions_before {
            tables.predictions.retain(|_, row| row.made_at.day() >= cut.day());
        }
        Ok((before - tables.rows.len() - tables.predictions.len()) as u64)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.tables.lock().closed = true;
        Ok(())
    }
}
