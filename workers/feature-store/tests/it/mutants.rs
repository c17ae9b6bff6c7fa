//! Tests of the contract itself: a store that breaks one promise fails the suite.

use std::sync::Arc;

use async_trait::async_trait;
use feature_store::{FeatureStore, MemoryStore, PredictionQuery, RowQuery, RowSink, StoreError, conformance};
use market::{AliasEvent, AliasKey, FeatureRow, PredictionRow, RunRow, Symbol, Timestamp};

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Break {
    Nothing,
    /// A row that is there is never covered.
    FirstRowWins,
    /// One row of a call is forgotten.
    ForgetsARow,
    /// Provisional rows are given for finals.
    GivesProvisional,
    /// The limit is counted from the wrong end.
    LimitsTheWrongEnd,
    /// An outcome makes a forecast.
    OutcomeMakesForecast,
    /// A swap is taken whatever its number.
    SwapsWithoutLooking,
    /// A call is applied in two halves.
    Halves,
}

struct Broken {
    inner: MemoryStore,
    how: Break,
}

#[async_trait]
impl RowSink for Broken {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        let mut rows = rows.to_vec();
        match self.how {
            Break::FirstRowWins => {
                let there = self.inner.rows(&RowQuery::default()).await?;
                let key = |r: &FeatureRow| (r.symbol.clone(), r.name.clone(), r.window_start);
                rows.retain(|row| there.iter().all(|other| key(other) != key(row)));
            }
            Break::ForgetsARow if rows.len() > 2 => drop(rows.pop()),
            Break::Halves if rows.len() > 2 => {
                let rest = rows.split_off(rows.len() / 2);
                self.inner.upsert_rows(&rest).await?;
                tokio::task::yield_now().await;
            }
            _ => {}
        }
        self.inner.upsert_rows(&rows).await
    }
}

#[async_trait]
impl FeatureStore for Broken {
    async fn rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError> {
        let mut query = query.clone();
        match self.how {
            Break::GivesProvisional => query.finals_only = false,
            Break::LimitsTheWrongEnd => {
                query.newest_first = !query.newest_first;
                let mut rows = self.inner.rows(&query).await?;
                rows.reverse();
                return Ok(rows);
            }
            _ => {}
        }
        self.inner.rows(&query).await
    }

    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        self.inner.symbols().await
    }

    async fn put_predictions(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.inner.put_predictions(rows).await
    }

    async fn put_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        if self.how == Break::OutcomeMakesForecast {
            self.inner.put_predictions(rows).await?;
        }
        self.inner.put_outcomes(rows).await
    }

    async fn predictions(&self, query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError> {
        self.inner.predictions(query).await
    }

    async fn alias_history(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        self.inner.alias_history(key).await
    }

    async fn alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        self.inner.alias_keys(pipeline).await
    }

    async fn append_alias(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError> {
        let taken = self.inner.append_alias(key, event).await?;
        Ok(taken || self.how == Break::SwapsWithoutLooking)
    }

    async fn put_run(&self, run: &RunRow) -> Result<(), StoreError> {
        self.inner.put_run(run).await
    }

    async fn runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        self.inner.runs(pipeline).await
    }

    async fn put_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.inner.put_note(key, value).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.note(key).await
    }

    async fn expire(&self, rows: Option<Timestamp>, made: Option<Timestamp>) -> Result<u64, StoreError> {
        self.inner.expire(rows, made).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

fn make(how: Break) -> Arc<dyn FeatureStore> {
    Arc::new(Broken { inner: MemoryStore::new(), how })
}

#[tokio::test]
async fn the_contract_sees_each_broken_promise() {
    for how in [
        Break::FirstRowWins,
        Break::ForgetsARow,
        Break::GivesProvisional,
        Break::LimitsTheWrongEnd,
        Break::OutcomeMakesForecast,
        Break::SwapsWithoutLooking,
    ] {
        let run =
            tokio::spawn(
                async move { conformance::suite_of_a_cluster(move || async move { make(how) }).await },
            );
        assert!(run.await.is_err(), "{how:?} was not seen");
    }
}

#[tokio::test]
async fn a_call_in_two_halves_is_a_clusters_right_alone() {
    conformance::suite(|| async { make(Break::Nothing) }).await;
    conformance::suite_of_a_cluster(|| async { make(Break::Halves) }).await;
    let run = tokio::spawn(async { conformance::suite(|| async { make(Break::Halves) }).await });
    assert!(run.await.is_err(), "an embedded store promises whole calls");
}
