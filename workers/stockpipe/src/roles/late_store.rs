//! A feature store that may not be there yet: ingest writes raw ticks while Cassandra is away, also when it was away at
//! the start.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use async_trait::async_trait;
use feature_store::cassandra::CassandraError;
use feature_store::{FeatureStore, RowSink, StoreError};
use market::{ErrorKind, FeatureRow};
use parking_lot::Mutex;
use runtime::Shutdown;

use super::{PAUSE_MAX, SAY_AGAIN};
use crate::Failure;

/// Connects in the background; until then every call is `Unavailable`, which writers of rows wait out.
pub struct LateStore {
    store: OnceLock<Arc<dyn FeatureStore>>,
    /// Contact points, for errors.
    contact: String,
    /// Why it is not connected.
    reason: Mutex<Failure>,
}

impl LateStore {
    /// A store whose first connection failed with `first`. `connect` is tried until it succeeds or `shutdown` drains; a
    /// failure that waiting does not heal is what every call says from then on.
    pub fn start<F>(
        contact: String,
        first: Failure,
        shutdown: Shutdown,
        connect: impl Fn() -> F + Send + Sync + 'static,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Arc<dyn FeatureStore>, Failure>> + Send + 'static,
    {
        let late = Arc::new(Self { store: OnceLock::new(), contact, reason: Mutex::new(first) });
        tokio::spawn({
            let late = late.clone();
            async move {
                let mut said: Option<(String, Instant)> = None;
                loop {
                    let text = late.reason.lock().text.clone();
                    if said.as_ref().is_none_or(|(before, at)| *before != text || at.elapsed() >= SAY_AGAIN) {
                        tracing::error!("{text}; raw ticks are stored meanwhile, rows wait for it");
                        said = Some((text, Instant::now()));
                    }
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE_MAX) => {}
                        () = shutdown.draining() => return,
                    }
                    match connect().await {
                        Ok(store) => {
                            // Nobody else sets it.
                            let _ = late.store.set(store);
                            tracing::info!("the feature store answers");
                            return;
                        }
                        Err(failure) => *late.reason.lock() = failure,
                    }
                }
            }
        });
        late
    }

    fn get(&self) -> Result<&Arc<dyn FeatureStore>, StoreError> {
        self.store.get().ok_or_else(|| {
            let reason = self.reason.lock();
            let why = reason.text.clone();
            match reason.kind {
                ErrorKind::Retry | ErrorKind::Unavailable => {
                    StoreError::Cassandra(Box::new(CassandraError::Unreachable {
                        contact: self.contact.clone(),
                        why,
                    }))
                }
                _ => StoreError::Invalid { what: self.contact.clone(), why },
            }
        })
    }
}

#[async_trait]
impl RowSink for LateStore {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        self.get()?.upsert_rows(rows).await
    }
}
