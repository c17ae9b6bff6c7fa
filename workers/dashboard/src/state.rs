//! What every route shares.

use std::sync::Arc;

use feature_store::FeatureStore;
use market::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tick_log::Topic;
use tokio::sync::Semaphore;

use crate::health::HealthSource;
use crate::settings::Settings;
use crate::stream::Hub;

/// Components and state behind the routes.
pub(crate) struct App {
    pub settings: Settings,
    pub store: Arc<dyn FeatureStore>,
    pub ticks: Option<Arc<dyn Topic>>,
    pub health: Arc<dyn HealthSource>,
    pub hub: Arc<Hub>,
    pub store_state: StoreState,
    /// Bytes of tick bodies that may still be taken up.
    pub body_budget: Arc<Semaphore>,
}

impl App {
    /// The health object: measurements of the source, and what the dashboard measures itself.
    pub fn health(&self) -> Value {
        let freshness: Vec<_> = self
            .hub
            .freshness()
            .into_iter()
            .map(|(symbol, seen)| json!({ "symbol": symbol, "last_row_end": seen.end, "at": seen.at }))
            .collect();
        let mut health = json!(self.health.measure());
        if let Some(object) = health.as_object_mut() {
            object.insert("now".to_owned(), json!(self.hub.now()));
            object.insert("store".to_owned(), json!(self.store_state.get()));
            object.insert("freshness".to_owned(), json!(freshness));
            object.insert("stream_clients".to_owned(), json!(self.hub.clients()));
        }
        health
    }
}

/// Whether the feature store answers, as last seen.
#[derive(Default)]
pub(crate) struct StoreState(Mutex<StoreReport>);

/// The same as shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct StoreReport {
    /// Absent before the first look.
    pub ok: Option<bool>,
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// When it last failed to.
    pub failed_at: Option<Timestamp>,
    /// Why it last failed.
    pub reason: Option<String>,
}

impl StoreState {
    pub fn answered(&self, at: Timestamp) {
        let mut state = self.0.lock();
        state.ok = Some(true);
        state.answered_at = Some(at);
    }

    pub fn failed(&self, at: Timestamp, reason: String) {
        let mut state = self.0.lock();
        if state.ok != Some(false) {
            tracing::warn!(%reason, "the feature store does not answer");
        }
        state.ok = Some(false);
        state.failed_at = Some(at);
        state.reason = Some(reason);
    }

    fn get(&self) -> StoreReport {
        self.0.lock().clone()
    }
}
