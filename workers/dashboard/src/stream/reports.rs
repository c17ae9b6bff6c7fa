//! Reports between the topics: runs, aliases and measurements, looked at every two seconds and sent when they change.
//!
//! The measurements are sent every time: they are also the heartbeat by which a browser knows that the line is alive.

use std::collections::HashMap;
use std::sync::Arc;

use feature_store::{FeatureStore, RowQuery, StoreError};
use market::{FeatureRow, Timestamp};
use serde_json::json;

use super::event::Event;
use crate::limits::{MAX_SYMBOLS, POLL_EVERY, POLL_TIMEOUT};
use crate::state::App;

/// Looks until the hub closes.
pub(crate) async fn report(app: Arc<App>) {
    let mut known = Known::default();
    let mut remembered = false;
    loop {
        let looked =
            tokio::time::timeout(POLL_TIMEOUT, known.changes(&*app.store, &app.settings.pipeline)).await;
        let mut events = match looked {
            Ok(Ok(events)) => {
                app.store_state.answered(app.hub.now());
                events
            }
            Ok(Err(reason)) => {
                app.store_state.failed(app.hub.now(), reason);
                Vec::new()
            }
            Err(_) => {
                app.store_state
                    .failed(app.hub.now(), format!("no answer within {} s", POLL_TIMEOUT.as_secs()));
                Vec::new()
            }
        };
        // Symbols that have been quiet since before this process began are as old as their last row.
        if !remembered && let Ok(Ok(rows)) = tokio::time::timeout(POLL_TIMEOUT, newest_rows(&app)).await {
            app.hub.remember(&rows);
            remembered = true;
        }
        events.push(Event {
            name: "health",
            key: "health".to_owned(),
            data: app.health().to_string().into(),
            place: None,
        });
        app.hub.publish(events, None);
        if app.hub.pause(POLL_EVERY).await {
            return;
        }
    }
}

/// The newest row of every symbol in the smallest bar size.
async fn newest_rows(app: &App) -> Result<Vec<FeatureRow>, StoreError> {
    let mut rows = Vec::new();
    for symbol in app.store.symbols().await?.into_iter().take(MAX_SYMBOLS) {
        let query = RowQuery {
            symbol: Some(symbol),
            name: app.settings.bars.first().cloned(),
            finals_only: true,
            limit: Some(1),
            newest_first: true,
            ..RowQuery::default()
        };
        rows.extend(app.store.rows(&query).await?);
    }
    Ok(rows)
}

/// What has been reported.
#[derive(Default)]
struct Known {
    runs: HashMap<String, Timestamp>,
    swaps: HashMap<(String, u32), u64>,
}

impl Known {
    async fn changes(&mut self, store: &dyn FeatureStore, pipeline: &str) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for run in store.runs(pipeline).await.map_err(|e| e.to_string())? {
            if self.runs.insert(run.name.clone(), run.updated_at) != Some(run.updated_at) {
                events.push(Event {
                    name: "run",
                    key: format!("run {}", run.name),
                    data: json!(run).to_string().into(),
                    place: None,
                });
            }
        }
        for key in store.alias_keys(pipeline).await.map_err(|e| e.to_string())? {
            let history = store.alias_history(&key).await.map_err(|e| e.to_string())?;
            let Some(newest) = history.iter().map(|e| e.seq).max() else { continue };
            if self.swaps.insert((key.bar.to_string(), key.horizon), newest) != Some(newest) {
                events.push(Event {
                    name: "alias",
                    key: format!("alias {} {}", key.bar, key.horizon),
                    data: json!({ "bar": key.bar, "horizon": key.horizon, "seq": newest }).to_string().into(),
                    place: None,
                });
            }
        }
        Ok(events)
    }
}
