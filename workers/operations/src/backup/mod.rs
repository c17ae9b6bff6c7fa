//! A consistent copy of one pipeline, and its way back.
//!
//! A backup is a directory of any lake: `lake/…` (commits, states, raw ticks, dead letters, bars, models of one
//! consistent view), `store/…` (alias histories, runs, notes, forecasts) and, written last, [`Manifest`]: every path with
//! length and SHA-256. Windows and bars of the feature store are not in it: a restore computes them again.
//!
//! Invariants: a backup with a manifest is whole and was read back; files are immutable, so an interrupted backup or
//! restore goes on where it was; a restore never touches a target that holds anything else.
//!
//! What it deliberately does not do: it does not copy the log (Kafka keeps its own), and it is not incremental.

mod copy;
mod items;
mod manifest;
mod restore;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use bytes::Bytes;
use commitlog::FormatError;
use feature_store::FeatureStore;
use futures::{StreamExt, stream};
use lake::Lake;
use market::Timestamp;
use serde::Serialize;

pub use self::manifest::{Head, Item, Manifest};
pub use self::restore::{RestoreOptions, RestoreReport, restore};
use self::{copy::Put, view::Part};
use crate::{OperationsError, Progress, files::Files, limits, progress::step};

/// Name of the manifest in the directory of a backup.
pub const MANIFEST: &str = "manifest.txt";
/// Directory of files that have not got their names yet.
const PARTIAL: &str = "_partial";

/// What to back up.
#[derive(Debug, Clone, Default)]
pub struct BackupOptions {
    /// The pipeline's name.
    pub pipeline: String,
    /// Keys of the store's notes: a store cannot list them.
    pub notes: Vec<String>,
    /// Wall clock, in milliseconds.
    pub now_ms: i64,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupReport {
    /// Files in it.
    pub files: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Files that this run wrote; the others were there already.
    pub written: u64,
    /// Rows of the feature store in it.
    pub store_rows: u64,
    /// Where every partition stood.
    pub heads: Vec<Head>,
}

/// Copies one consistent view of a pipeline into the directory `dir` of `to`. Interrupted, it goes on when it is called
/// again; finished, it is refused.
pub async fn backup(
    lake: &dyn Lake,
    root: &str,
    store: &dyn FeatureStore,
    to: &dyn Lake,
    dir: &str,
    options: &BackupOptions,
    progress: &Progress,
) -> Result<BackupReport, OperationsError> {
    let job =
        Job { from: Files::new(lake), to: Files::new(to), dir: copy::prefix(dir), fresh: AtomicU64::new(0) };
    let manifest = format!("{}{MANIFEST}", job.dir);
    if job.to.stat(&manifest).await?.is_some() {
        return Err(OperationsError::BackupExists { manifest });
    }
    job.clear().await?;
    let mut report = BackupReport::default();
    let items = std::sync::Mutex::new(BTreeMap::new());
    let written = AtomicU64::new(0);
    // The store first: whatever version an alias names is on the lake by then.
    step(progress, "feature store", 0, 1);
    report.store_rows = items::read(store, &options.pipeline, &options.notes, |path, bytes| {
        let (job, items, written) = (&job, &items, &written);
        async move {
            if job.put(&path, &bytes).await? == Put::Written {
                written.fetch_add(1, Ordering::Relaxed);
            }
            keep(items, copy::item(&path, &bytes));
            Ok(())
        }
    })
    .await?;
    let models = format!("{}models/{}", copy::prefix(root), options.pipeline);
    let mut gone = None;
    for _ in 0..limits::VIEWS {
        let view = view::take(&job.from, root, &models).await?;
        let wanted: BTreeSet<String> = view.parts.keys().map(|path| in_backup(root, path)).collect();
        // What an earlier view held and this one does not is no part of the backup.
        let lost = |path: &String| path.starts_with("lake/") && !wanted.contains(path);
        lock(&items).retain(|path, _| !lost(path));
        gone = job.copy(root, &view.parts, &items, &written, progress).await?;
        if gone.is_none() {
            report.heads = view.heads;
            break;
        }
    }
    if let Some(what) = gone {
        return Err(OperationsError::Moving { what });
    }
    let files: Vec<Item> = lock(&items).values().cloned().collect();
    (report.files, report.bytes) = (files.len() as u64, files.iter().map(|f| f.bytes).sum());
    report.written = written.load(Ordering::Relaxed);
    let record = Manifest {
        pipeline: options.pipeline.clone(),
        root: root.trim_matches('/').to_owned(),
        made_at: Timestamp::from_millis(options.now_ms),
        heads: report.heads.clone(),
        files,
    };
    job.put(MANIFEST, &Bytes::from(record.encode())).await?;
    job.clear().await?;
    Ok(report)
}

type Items = std::sync::Mutex<BTreeMap<String, Item>>;

fn lock(items: &Items) -> std::sync::MutexGuard<'_, BTreeMap<String, Item>> {
    // Nothing panics while it holds the lock.
    items.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn keep(items: &Items, item: Item) {
    lock(items).insert(item.path.clone(), item);
}

/// Where a file of the lake is in a backup: by its path below the root.
fn in_backup(root: &str, path: &str) -> String {
    format!("lake/{}", path.strip_prefix(&copy::prefix(root)).unwrap_or(path))
}

struct Job<'a> {
    from: Files<'a>,
    to: Files<'a>,
    dir: String,
    /// Names of private files are never used twice.
    fresh: AtomicU64,
}

impl Job<'_> {
    async fn put(&self, path: &str, bytes: &Bytes) -> Result<Put, OperationsError> {
        let private = format!("{}{PARTIAL}/{:08}", self.dir, self.fresh.fetch_add(1, Ordering::Relaxed));
        copy::put(&self.to, &format!("{}{path}", self.dir), &private, bytes).await
    }

    /// Deletes private files of this run or of one that was interrupted.
    async fn clear(&self) -> Result<(), OperationsError> {
        for entry in self.to.list(&format!("{}{PARTIAL}", self.dir)).await? {
            self.to.delete(&entry.path).await?;
        }
        Ok(())
    }

    /// Copies the parts that are not copied yet. A part that has gone is named: then the view is taken anew.
    async fn copy(
        &self,
        root: &str,
        parts: &BTreeMap<String, Part>,
        items: &Items,
        written: &AtomicU64,
        progress: &Progress,
    ) -> Result<Option<String>, OperationsError> {
        let done = AtomicUsize::new(0);
        let copies = stream::iter(parts).map(|(path, part)| {
            let done = &done;
            async move {
                let name = in_backup(root, path);
                if !lock(items).contains_key(&name) {
                    let Some(bytes) = self.source(path, part).await? else { return Ok(Some(path.clone())) };
                    if self.put(&name, &bytes).await? == Put::Written {
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                    keep(items, copy::item(&name, &bytes));
                }
                step(progress, "files", done.fetch_add(1, Ordering::Relaxed) + 1, parts.len());
                Ok::<_, OperationsError>(None)
            }
        });
        let mut copies = copies.buffer_unordered(limits::FILES_IN_FLIGHT);
        let mut gone = None;
        while let Some(copied) = copies.next().await {
            gone = gone.or(copied?);
        }
        Ok(gone)
    }

    /// The bytes of a part, wherever it is by now.
    async fn source(&self, path: &str, part: &Part) -> Result<Option<Bytes>, OperationsError> {
        let length = match self.from.stat(&part.at).await? {
            Some(length) => length,
            None => self.from.stat(path).await?.unwrap_or_default(),
        };
        let _room = self.from.room(length).await;
        let found = match self.from.find(&part.at).await? {
            Some(bytes) => Some(bytes),
            None => self.from.find(path).await?,
        };
        let Some(bytes) = found else { return Ok(None) };
        if part.crc.is_some_and(|crc| crc != crc32c::crc32c(&bytes)) {
            let reason = "its checksum is not the commit's".to_owned();
            return Err(FormatError::Damaged { file: path.to_owned(), reason }.into());
        }
        Ok(Some(bytes))
    }
}
