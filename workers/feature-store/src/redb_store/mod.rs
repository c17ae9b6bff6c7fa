//! The embedded feature store: one redb file.
//!
//! Writes go through one thread that commits them in groups (`group`); reads run beside it, each on one moment of the
//! file. Layouts: `keys` and `codec`.
//!
//! Durability: every commit is `Immediate`, so a call that returned is on disk. Rows that were not acknowledged may be
//! lost with a crash; their writer replays them. Commits keep redb's allocator state with them ("quick repair"), so
//! opening after a kill does not read the whole file.

mod codec;
mod database;
mod group;
mod keys;
mod predictions;
mod rows;
mod small;

use std::{path::Path, sync::Arc, thread::JoinHandle};

use async_trait::async_trait;
use market::{AliasEvent, AliasKey, FeatureRow, PredictionRow, RunRow, Symbol, Timestamp};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use self::{
    database::{Failure, File, Reader, Writer},
    group::{Known, Request},
    predictions::Put,
    rows::Encoded,
};
use crate::{
    FeatureStore, PredictionQuery, RowQuery, RowSink, StoreError, limits,
    port::{check_prediction, check_row},
};

/// A feature store in one file, owned by one process.
pub struct RedbStore {
    file: Arc<File>,
    sender: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
}

impl RedbStore {
    /// Opens or creates the file at `path`; makes its directory if need be.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let file = Arc::new(File::open(path.as_ref())?);
        let (sender, writer) = group::start(file.clone()).map_err(|e| file.error(redb::Error::Io(e)))?;
        Ok(Self { file, sender: Some(sender), writer: Some(writer) })
    }

    async fn send(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Request,
    ) -> Result<(), StoreError> {
        let closed = || StoreError::Closed { file: self.file.path().into() };
        let (done, answer) = oneshot::channel();
        let sender = self.sender.as_ref().ok_or_else(closed)?;
        sender.send(request(done)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        mut work: impl FnMut(&Writer<'_>, &mut Known) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = Arc::new(Mutex::new(None));
        let result = slot.clone();
        let job = Box::new(move |writer: &Writer<'_>, known: &mut Known| {
            *slot.lock() = Some(work(writer, known)?);
            Ok(())
        });
        self.send(|done| Request::Write { bytes, job, done }).await?;
        let made = result.lock().take();
        made.ok_or_else(|| StoreError::Bug {
            file: self.file.path().into(),
            why: "a write was answered and left no result".into(),
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let file = self.file.clone();
        let read = spawn_blocking(move || file.read(work)).await;
        read.unwrap_or_else(|_| Err(StoreError::Closed { file: self.file.path().into() }))
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!(file = %self.file.path().display(), "the store's writer ended early; please report this");
        }
    }
}

#[async_trait]
impl RowSink for RedbStore {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        rows.iter().try_for_each(check_row)?;
        let encoded: Vec<_> = rows.iter().map(Encoded::new).collect();
        let bytes = encoded.iter().map(Encoded::bytes).sum();
        self.write(bytes, move |writer, known| rows::upsert(writer, known, &encoded)).await
    }
}

#[async_trait]
impl FeatureStore for RedbStore {
    async fn rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError> {
        let query = query.clone();
        self.read(move |reader| rows::read(reader, &query)).await
    }

    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        let series = self.read(|reader| rows::series(reader, None, None)).await?;
        let mut symbols: Vec<_> = series.into_iter().map(|(_, symbol)| symbol).collect();
        symbols.sort();
        symbols.dedup();
        Ok(symbols)
    }

    async fn put_predictions(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.put(rows, Put::Prediction).await
    }

    async fn put_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.put(rows, Put::Outcome).await
    }

    async fn predictions(&self, query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError> {
        let query = query.clone();
        self.read(move |reader| predictions::read(reader, &query)).await
    }

    async fn alias_history(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        let key = key.clone();
        self.read(move |reader| small::alias_history(reader, &key)).await
    }

    async fn alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |reader| small::alias_keys(reader, &pipeline)).await
    }

    async fn append_alias(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError> {
        let (key, event) = (key.clone(), event.clone());
        self.write(0, move |writer, _| small::append_alias(writer, &key, &event)).await
    }

    async fn put_run(&self, run: &RunRow) -> Result<(), StoreError> {
        let run = run.clone();
        self.write(0, move |writer, _| small::put_run(writer, &run)).await
    }

    async fn runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        let pipeline = pipeline.to_owned();
        self.read(move |reader| small::runs(reader, &pipeline)).await
    }

    async fn put_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_vec());
        self.write(value.len(), move |writer, _| small::put_note(writer, &key, &value)).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_owned();
        self.read(move |reader| small::note(reader, &key)).await
    }

    async fn expire(
        &self,
        features_before: Option<Timestamp>,
        predictions_before: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        if let Some(cut) = features_before {
            gone += self.write(0, move |writer, _| rows::expire(writer, keys::first_day(cut))).await?;
        }
        if let Some(cut) = predictions_before {
            loop {
                // In portions, so that other writes get their turn.
                let portion =
                    self.write(0, move |writer, _| predictions::expire(writer, keys::first_day(cut))).await?;
                gone += portion;
                if portion < limits::EXPIRE_ROWS as u64 {
                    break;
                }
            }
        }
        Ok(gone)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.send(|done| Request::Close { done }).await
    }
}

impl RedbStore {
    async fn put(&self, rows: &[PredictionRow], put: Put) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        rows.iter().try_for_each(check_prediction)?;
        let rows = rows.to_vec();
        let bytes = rows.len() * 128;
        self.write(bytes, move |writer, known| predictions::put(writer, known, &rows, put)).await
    }
}
