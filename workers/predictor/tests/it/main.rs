//! The predictor on memory stores: a log of final bars in, forecasts and outcomes out.
//!
//! A session starts a predictor whose drain was asked for already: it reads what is there, to the end, and returns. So
//! every test says exactly which bars were there between two starts, and nothing waits for a clock.

mod restarts;
mod served;
mod truth;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use feature_store::{FeatureStore, MemoryStore, PredictionQuery};
use forest::{Body, Linear, Model, Section};
use indicators::Calendar;
use lake::{Lake, MemoryLake};
use market::{Alias, FeatureRow, NewRecord, PredictionRow, Span, Symbol, Timestamp};
use predictor::{Components, PredictorError, Settings, Status, Summary};
use registry::{DatasetSummary, HorizonSummary, Publication, Registry, SwapRequest, VersionSummary, file};
use runtime::Shutdown;
use tick_log::{Log, MemoryLog};

pub(crate) const BAR: Span = Span::from_secs(60);

/// Embedded stores in memory, and a clock that the test moves.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) log: MemoryLog,
    pub(crate) lake: Arc<dyn Lake>,
    pub(crate) store: Arc<dyn FeatureStore>,
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) status: Arc<Status>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let log = MemoryLog::new();
        log.create_topic("market.features", 1, None).await.unwrap();
        log.create_topic("market.predictions", 1, None).await.unwrap();
        Self {
            log,
            lake: Arc::new(MemoryLake::new()),
            store: Arc::new(MemoryStore::new()),
            now: Arc::default(),
            status: Arc::new(Status::new()),
        }
    }

    pub(crate) fn settings(&self, horizons: &[u32]) -> Settings {
        Settings {
            pipeline: "market".to_owned(),
            root: "/data".to_owned(),
            bar: BAR,
            horizons: horizons.to_vec(),
            calendar: Calendar::Always,
            features_topic: "market.features".to_owned(),
            predictions_topic: "market.predictions".to_owned(),
        }
    }

    pub(crate) fn components(&self) -> Components {
        let now = self.now.clone();
        Components {
            log: Arc::new(self.log.clone()),
            lake: self.lake.clone(),
            store: self.store.clone(),
            clock: Arc::new(move || Timestamp::from_micros(now.load(Ordering::SeqCst))),
            metrics: runtime::Metrics::new(),
            status: self.status.clone(),
        }
    }

    pub(crate) fn set_now(&self, now: Timestamp) {
        self.now.store(now.micros(), Ordering::SeqCst);
    }

    /// Stores and publishes final rows, as ingest does.
    pub(crate) async fn publish(&self, rows: &[FeatureRow]) {
        self.store.upsert_rows(rows).await.unwrap();
        let records = rows.iter().map(|row| NewRecord {
            key: Some(row.symbol.as_str().as_bytes().to_vec()),
            value: serde_json::to_vec(row).unwrap(),
        });
        let topic = self.log.topic("market.features").await.unwrap();
        topic.append(0, records.collect()).await.unwrap();
    }

    pub(crate) async fn try_session(&self, horizons: &[u32]) -> Result<Summary, PredictorError> {
        let shutdown = Shutdown::new();
        shutdown.drain();
        predictor::run(self.settings(horizons), self.components(), shutdown).await
    }

    pub(crate) async fn session(&self, horizons: &[u32]) -> Summary {
        self.try_session(horizons).await.unwrap()
    }

    pub(crate) async fn predictions(&self) -> Vec<PredictionRow> {
        self.store.predictions(&PredictionQuery::default()).await.unwrap()
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::new(self.lake.clone(), self.store.clone(), "/data", "market", "1m").unwrap()
    }

    /// Publishes the perfect model of an autoregression, phi times the last return, and makes it champion after
    /// `watermark`.
    pub(crate) async fn champion(
        &self,
        uid: &str,
        phi: f64,
        schema: (u64, usize),
        watermark: Timestamp,
    ) -> u64 {
        let mut coefficients = vec![0.0; schema.1];
        coefficients[0] = phi;
        let linear = Linear { intercept: 0.0, coefficients, log_close: 0.0 };
        let model = Model::new(schema.0, schema.1, vec![Section::new(1, "", Body::Linear(linear))]).unwrap();
        let symbols = |names: &[&str]| names.iter().map(|n| Symbol::parse(n).unwrap()).collect::<Vec<_>>();
        let summary = VersionSummary {
            run: uid.to_owned(),
            created_at: watermark,
            schema_hash: schema.0,
            engine: "smartcore 0.7.0".to_owned(),
            model_sha256: model.sha256(),
            dataset: DatasetSummary { rows: 1, from: Timestamp::MIN, to: watermark, hash: String::new() },
            horizons: vec![HorizonSummary {
                horizon: 1,
                kind: "linear".to_owned(),
                passed: true,
                skill: 0.2,
                skill_lower: 0.1,
                rmse: 0.001,
                served: symbols(&["AR"]),
                refused: symbols(&["GBM"]),
            }],
        };
        let mut summary = summary;
        summary.dataset.from = Timestamp::from_micros(0);
        let files = vec![(file::MODEL.to_owned(), Bytes::from(model.encode()))];
        let publication = Publication { run_uid: uid.to_owned(), summary, files };
        let version = self.registry().publish(publication).await.unwrap().version;
        self.swap(version, watermark).await;
        version
    }

    pub(crate) async fn swap(&self, version: u64, watermark: Timestamp) {
        let request = SwapRequest {
            horizon: 1,
            alias: Alias::Champion,
            version: Some(version),
            watermark: Some(watermark),
            bar: BAR,
            at: watermark,
            actor: "test".to_owned(),
            reason: "test".to_owned(),
        };
        self.registry().swap(&request).await.unwrap();
    }
}
