//! `/livez /readyz /metrics /status`: what an orchestrator, a scraper and a person ask a role.
//!
//! Liveness is "its loop turns": a role beats its heart, and silence beyond a limit fails `/livez`. A slow sink is no
//! reason to beat less: never restart for it. Readiness is the conjunction of named conditions.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::Metrics;

type Status = Arc<dyn Fn() -> Value + Send + Sync>;

/// What the endpoints say. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct AdminState {
    shared: Arc<Shared>,
}

struct Shared {
    metrics: Metrics,
    hearts: Mutex<BTreeMap<String, (Instant, Duration)>>,
    conditions: Mutex<BTreeMap<String, bool>>,
    status: Mutex<BTreeMap<String, Status>>,
}

/// The heart of one loop. Dropping it ends the supervision of that loop.
pub struct Heartbeat {
    shared: Arc<Shared>,
    name: String,
}

impl Heartbeat {
    /// The loop has turned.
    pub fn beat(&self) {
        if let Some((last, _)) = self.shared.hearts.lock().get_mut(&self.name) {
            *last = Instant::now();
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.shared.hearts.lock().remove(&self.name);
    }
}

/// One condition of readiness; false until it is set.
pub struct Readiness {
    shared: Arc<Shared>,
    name: String,
}

impl Readiness {
    /// Sets the condition.
    pub fn set(&self, ready: bool) {
        self.shared.conditions.lock().insert(self.name.clone(), ready);
    }
}

impl AdminState {
    /// Nothing supervised yet: live, ready, an empty status.
    pub fn new(metrics: Metrics) -> Self {
        Self {
            shared: Arc::new(Shared {
                metrics,
                hearts: Mutex::default(),
                conditions: Mutex::default(),
                status: Mutex::default(),
            }),
        }
    }

    /// The registry behind `/metrics`.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Supervises a loop: silent for longer than `limit`, it fails `/livez`.
    pub fn heartbeat(&self, name: &str, limit: Duration) -> Heartbeat {
        self.shared.hearts.lock().insert(name.into(), (Instant::now(), limit));
        Heartbeat { shared: self.shared.clone(), name: name.into() }
    }

    /// Adds a condition to `/readyz`.
    pub fn readiness(&self, name: &str) -> Readiness {
        self.shared.conditions.lock().insert(name.into(), false);
        Readiness { shared: self.shared.clone(), name: name.into() }
    }

    /// Adds a section to `/status`; `value` is asked at every request.
    pub fn status(&self, section: &str, value: impl Fn() -> Value + Send + Sync + 'static) {
        self.shared.status.lock().insert(section.into(), Arc::new(value));
    }

    /// The object that `/status` answers: one key a section.
    pub fn status_value(&self) -> Value {
        let sections: Vec<_> =
            self.shared.status.lock().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Value::Object(sections.into_iter().map(|(name, value)| (name, value())).collect())
    }

    fn silent(&self) -> Vec<String> {
        let hearts = self.shared.hearts.lock();
        hearts
            .iter()
            .filter(|(_, (last, limit))| last.elapsed() > *limit)
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn unready(&self) -> Vec<String> {
        let conditions = self.shared.conditions.lock();
        conditions.iter().filter(|(_, ready)| !**ready).map(|(name, _)| name.clone()).collect()
    }

    /// The four endpoints, to be served alone or merged into a larger router.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/status", get(status))
            .with_state(self.clone())
    }
}

fn verdict(failing: &[String]) -> (StatusCode, Json<Value>) {
    let code = if failing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "ok": failing.is_empty(), "failing": failing })))
}

async fn livez(State(admin): State<AdminState>) -> impl IntoResponse {
    verdict(&admin.silent())
}

async fn readyz(State(admin): State<AdminState>) -> impl IntoResponse {
    verdict(&admin.unready())
}

async fn metrics(State(admin): State<AdminState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], admin.metrics().text())
}

async fn status(State(admin): State<AdminState>) -> impl IntoResponse {
    Json(admin.status_value())
}
