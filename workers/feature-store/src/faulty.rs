//! A feature store that fails on purpose: before a call takes effect, or after it did.

use std::sync::Arc;

use async_trait::async_trait;
use market::{AliasEvent, AliasKey, FeatureRow, PredictionRow, RunRow, Symbol, Timestamp};

use crate::{FeatureStore, PredictionQuery, RowQuery, RowSink, StoreError};

/// Which call is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// [`FeatureStore::upsert_rows`].
    UpsertRows,
    /// [`FeatureStore::put_predictions`] and [`FeatureStore::put_outcomes`].
    PutPredictions,
    /// [`FeatureStore::append_alias`].
    AppendAlias,
    /// [`FeatureStore::put_run`] and [`FeatureStore::put_note`].
    Put,
    /// Everything that only reads.
    Read,
    /// [`FeatureStore::expire`] and [`FeatureStore::close`].
    Keep,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// It fails and had no effect.
    Before,
    /// It has its effect and fails.
    After,
}

/// Wraps a store; a plan decides what becomes of each call.
pub struct FaultyStore {
    inner: Arc<dyn FeatureStore>,
    plan: Box<dyn Fn(Op) -> Fault + Send + Sync>,
}

impl FaultyStore {
    /// Wraps `inner`. The plan is asked once a call, in the order of calls.
    pub fn new(inner: Arc<dyn FeatureStore>, plan: impl Fn(Op) -> Fault + Send + Sync + 'static) -> Self {
        Self { inner, plan: Box::new(plan) }
    }

    async fn run<T>(
        &self,
        op: Op,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fail = || StoreError::Unavailable { file: "injected".into(), why: format!("a fault in {op:?}") };
        match (self.plan)(op) {
            Fault::None => call.await,
            Fault::Before => Err(fail()),
            Fault::After => {
                call.await?;
                Err(fail())
            }
        }
    }
}

#[async_trait]
impl RowSink for FaultyStore {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        self.run(Op::UpsertRows, self.inner.upsert_rows(rows)).await
    }
}

#[async_trait]
impl FeatureStore for FaultyStore {
    async fn rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError> {
        self.run(Op::Read, self.inner.rows(query)).await
    }

    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        self.run(Op::Read, self.inner.symbols()).await
    }

    async fn put_predictions(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.run(Op::PutPredictions, self.inner.put_predictions(rows)).await
    }

    async fn put_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.run(Op::PutPredictions, self.inner.put_outcomes(rows)).await
    }

    async fn predictions(&self, query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError> {
        self.run(Op::Read, self.inner.predictions(query)).await
    }

    async fn alias_history(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        self.run(Op::Read, self.inner.alias_history(key)).await
    }

    async fn alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        self.run(Op::Read, self.inner.alias_keys(pipeline)).await
    }

    async fn append_alias(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError> {
        self.run(Op::AppendAlias, self.inner.append_alias(key, event)).await
    }

    async fn put_run(&self, run: &RunRow) -> Result<(), StoreError> {
        self.run(Op::Put, self.inner.put_run(run)).await
    }

    async fn runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        self.run(Op::Read, self.inner.runs(pipeline)).await
    }

    async fn put_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.run(Op::Put, self.inner.put_note(key, value)).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(Op::Read, self.inner.note(key)).await
    }

    async fn expire(
        &self,
        features_before: Option<Timestamp>,
        predictions_before: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        self.run(Op::Keep, self.inner.expire(features_before, predictions_before)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.run(Op::Keep, self.inner.close()).await
    }
}
