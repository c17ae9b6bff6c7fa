//! Rows and a dashboard to test with.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use dashboard::{Components, Handle, Settings, Window, health::Measurements};
use feature_store::{FeatureStore, MemoryStore};
use http_body_util::BodyExt;
use market::{FeatureRow, NewRecord, Ohlcv, Outcome, PredictionRow, Role, Symbol, Timestamp};
use serde_json::Value;
use tick_log::{Log, MemoryLog, Topic};
use tower::ServiceExt;

pub const MINUTE: i64 = 60_000_000;

pub fn settings() -> Settings {
    Settings {
        pipeline: "market".into(),
        bars: vec!["1m".into()],
        windows: vec![Window { name: "sma_5".into(), size: "15s".into(), slide: "5s".into() }],
        indicator_columns: vec!["sma_20".into()],
        predictor_bar: Some("1m".into()),
        horizons: vec![1],
        truths: vec![],
        min_rows: 2_000,
        watermark_seconds: 5.0,
        allow_ohlc_disorder: false,
        base_path: String::new(),
        credentials: None,
        version: "0".into(),
        listen: ([127, 0, 0, 1], 0).into(),
    }
}

/// Stores and topics that outlive a dashboard.
pub struct World {
    pub store: Arc<MemoryStore>,
    pub ticks: Arc<dyn Topic>,
    pub features: Arc<dyn Topic>,
    pub predictions: Arc<dyn Topic>,
}

impl World {
    pub async fn new() -> Self {
        let log = MemoryLog::new();
        Self {
            store: Arc::new(MemoryStore::new()),
            ticks: log.create_topic("ticks", 3, None).await.unwrap(),
            features: log.create_topic("market.features", 2, None).await.unwrap(),
            predictions: log.create_topic("market.predictions", 2, None).await.unwrap(),
        }
    }

    pub async fn dashboard(&self, settings: Settings) -> (Router, Handle) {
        self.on(settings, Arc::clone(&self.store) as Arc<dyn FeatureStore>).await
    }

    pub async fn on(&self, settings: Settings, store: Arc<dyn FeatureStore>) -> (Router, Handle) {
        let components = Components {
            ticks: Some(Arc::clone(&self.ticks)),
            features: Arc::clone(&self.features),
            predictions: Arc::clone(&self.predictions),
            store,
            health: Arc::new(Measurements::default),
            clock: Arc::new(|| Timestamp::from_micros(1_000 * MINUTE)),
        };
        dashboard::router(settings, components).await
    }

    /// The `i`-th event in all: bars and forecasts over both partitions of both topics.
    pub async fn publish(&self, i: i64) -> String {
        let partition = (i % 2) as u32;
        let (topic, value, key) = if i % 3 == 0 {
            let row = forecast(i);
            (&self.predictions, serde_json::to_vec(&row).unwrap(), format!("prediction {}", row.target_ts))
        } else {
            let row = bar("A", i, true);
            (&self.features, serde_json::to_vec(&row).unwrap(), format!("bar {}", row.window_start))
        };
        topic.append(partition, vec![NewRecord { key: None, value }]).await.unwrap();
        key
    }
}

pub fn bar(symbol: &str, i: i64, is_final: bool) -> FeatureRow {
    let close = 100.0 + i as f64;
    FeatureRow {
        symbol: Symbol::parse(symbol).unwrap(),
        name: "1m".into(),
        window_start: Timestamp::from_micros(i * MINUTE),
        window_end: Timestamp::from_micros((i + 1) * MINUTE),
        sma: close,
        n: 60,
        prices: Ohlcv { open: close, high: close + 1.0, low: close - 1.0, close, volume: 5.0 },
        vwap: None,
        is_final,
        revision: 1,
        partial: false,
        generation: 1,
        part: 0,
        last_offset: i as u64,
        index: 0,
        write_ts: i * MINUTE + i64::from(is_final),
        indicators: vec![Some(close)],
        features: Some(vec![1.0, 2.0]),
        schema_hash: 3,
    }
}

pub fn forecast(i: i64) -> PredictionRow {
    PredictionRow {
        symbol: Symbol::parse("A").unwrap(),
        bar: "1m".into(),
        horizon: 1,
        made_at: Timestamp::from_micros(i * MINUTE),
        as_of: Timestamp::from_micros(i * MINUTE),
        target_ts: Timestamp::from_micros((i + 1) * MINUTE),
        close: 100.0,
        y_pred: 1e-4,
        lo: None,
        hi: None,
        y_naive: 0.0,
        version: 1,
        role: Role::Champion,
        flags: vec![],
        outcome: Outcome::Pending,
    }
}

pub async fn send(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

pub async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    body(send(router, Request::get(path).body(Body::empty()).unwrap()).await).await
}

pub async fn body(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
