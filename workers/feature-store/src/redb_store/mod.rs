//! The embedded feature store: one redb file.

use std::path::Path;

use async_trait::async_trait;
use market::{AliasEvent, AliasKey, FeatureRow, PredictionRow, RunRow, Symbol, Timestamp};

use crate::{FeatureStore, PredictionQuery, RowQuery, StoreError};

/// A feature store in one file, owned by one process.
pub struct RedbStore {}

impl RedbStore {
    /// Opens or creates the file at `path`.
    pub fn open(_path: impl AsRef<Path>) -> Result<Self, StoreError> {
        todo!()
    }
}

#[async_trait]
impl FeatureStore for RedbStore {
    async fn upsert_rows(&self, _rows: &[FeatureRow]) -> Result<(), StoreError> {
        todo!()
    }
    async fn rows(&self, _query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError> {
        todo!()
    }
    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        todo!()
    }
    async fn put_predictions(&self, _rows: &[PredictionRow]) -> Result<(), StoreError> {
        todo!()
    }
    async fn put_outcomes(&self, _rows: &[PredictionRow]) -> Result<(), StoreError> {
        todo!()
    }
    async fn predictions(&self, _query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError> {
        todo!()
    }
    async fn alias_history(&self, _key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        todo!()
    }
    async fn alias_keys(&self, _pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        todo!()
    }
    async fn append_alias(&self, _key: &AliasKey, _event: &AliasEvent) -> Result<bool, StoreError> {
        todo!()
    }
    async fn put_run(&self, _run: &RunRow) -> Result<(), StoreError> {
        todo!()
    }
    async fn runs(&self, _pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        todo!()
    }
    async fn put_note(&self, _key: &str, _value: &[u8]) -> Result<(), StoreError> {
        todo!()
    }
    async fn note(&self, _key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }
    async fn expire(&self, _f: Option<Timestamp>, _p: Option<Timestamp>) -> Result<u64, StoreError> {
        todo!()
    }
    async fn close(&self) -> Result<(), StoreError> {
        todo!()
    }
}
