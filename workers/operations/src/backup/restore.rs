//! A backup back into an empty lake and an empty feature store.
//!
//! Order: everything is verified, then files are placed, commit records last, so that nothing looks committed that is not
//! there; then what only the store had; then rows, computed again with the T they were first made with. A marker names
//! the backup until the end: an interrupted restore goes on with the same backup and is refused with another.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use commitlog::{Layout, Table};
use feature_store::FeatureStore;
use futures::{StreamExt, TryStreamExt, stream};
use lake::{Lake, history, tables};
use serde::Serialize;

use super::{
    MANIFEST, copy,
    items::{self, StoreItem},
    manifest::{Item, Manifest},
};
use crate::{
    OperationsError, Progress,
    files::Files,
    limits,
    progress::step,
    replay::{ReplayOptions, ReplayReport, Write, replay},
};

/// Names the backup that is being restored.
const MARKER: &str = "_restore.json";
/// Directory of files that have not got their names yet.
const PRIVATE: &str = "_restore";
/// Everything of a pipeline in a lake, below its root.
const DIRS: [&str; 7] = ["_log", "_tmp", "_pending", "raw", "dead-letters", "bars", "models"];

/// What is expected of the backup.
#[derive(Debug, Clone, Default)]
pub struct RestoreOptions {
    /// The pipeline's name: a backup of another one is refused.
    pub pipeline: String,
    /// Wall clock, in milliseconds.
    pub now_ms: i64,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreReport {
    /// Files of the lake.
    pub files: u64,
    /// Bytes of the lake.
    pub bytes: u64,
    /// Rows of the store that the lake does not lead to.
    pub store_rows: u64,
    /// Bars put back from the lake, where retention has taken their ticks.
    pub bars: u64,
    /// Windows and bars computed again.
    pub rows: ReplayReport,
}

/// Puts the backup in directory `dir` of `from` into an empty lake and store.
pub async fn restore(
    from: &dyn Lake,
    dir: &str,
    lake: &dyn Lake,
    root: &str,
    store: &dyn FeatureStore,
    options: &RestoreOptions,
    progress: &Progress,
) -> Result<RestoreReport, OperationsError> {
    let job = Job {
        from: Files::new(from),
        to: Files::new(lake),
        dir: copy::prefix(dir),
        root: copy::prefix(root),
        fresh: AtomicU64::new(0),
    };
    let (manifest, mark) = job.manifest(root, &options.pipeline).await?;
    job.verify(&manifest, progress).await?;
    job.begin(store, &options.pipeline, &mark).await?;
    let mut report = RestoreReport::default();
    let (commits, others): (Vec<&Item>, Vec<&Item>) = manifest
        .files
        .iter()
        .filter(|f| f.path.starts_with("lake/"))
        .partition(|f| f.path.ends_with(".commit"));
    (report.files, report.bytes) =
        ((commits.len() + others.len()) as u64, commits.iter().chain(&others).map(|f| f.bytes).sum());
    job.place(&others, "files", progress).await?;
    job.place(&commits, "commits", progress).await?;
    job.alone(&manifest).await?;
    for item in manifest.files.iter().filter(|f| f.path.starts_with("store/")) {
        let lines = StoreItem::decode(&item.path, &copy::checked(&job.from, &job.dir, item).await?)?;
        report.store_rows += lines.len() as u64;
        items::write(store, &item.path, lines).await?;
    }
    let again = ReplayOptions { write: Write::AsMade, now_ms: options.now_ms, ..ReplayOptions::default() };
    report.rows = replay(lake, root, store, &again, progress).await?;
    if report.rows.partitions.iter().any(|p| p.base.is_some()) {
        report.bars = job.bars(root, store).await?;
    }
    job.alone(&manifest).await?;
    job.clear().await?;
    job.to.delete(&format!("{}{MARKER}", job.root)).await?;
    Ok(report)
}

struct Job<'a> {
    from: Files<'a>,
    to: Files<'a>,
    dir: String,
    root: String,
    fresh: AtomicU64,
}

impl Job<'_> {
    /// The manifest, and what the marker says of it.
    async fn manifest(&self, root: &str, pipeline: &str) -> Result<(Manifest, Bytes), OperationsError> {
        let path = format!("{}{MANIFEST}", self.dir);
        let Some(bytes) = self.from.find(&path).await? else {
            return Err(OperationsError::NoBackup { manifest: path });
        };
        let manifest = Manifest::decode(&path, &bytes)?;
        // Commit records name files with their root.
        let (found, asked) = (place(&manifest.pipeline, &manifest.root), place(pipeline, root));
        if found != asked {
            return Err(OperationsError::Foreign { found, asked });
        }
        let mark = serde_json::json!({ "backup": copy::sha256(&bytes), "made_at": manifest.made_at });
        Ok((manifest, Bytes::from(mark.to_string())))
    }

    async fn verify(&self, manifest: &Manifest, progress: &Progress) -> Result<(), OperationsError> {
        let done = AtomicUsize::new(0);
        stream::iter(&manifest.files)
            .map(Ok)
            .try_for_each_concurrent(limits::FILES_IN_FLIGHT, |item| {
                let done = &done;
                async move {
                    let _room = self.from.room(item.bytes).await;
                    copy::checked(&self.from, &self.dir, item).await?;
                    step(progress, "verify", done.fetch_add(1, Ordering::Relaxed) + 1, manifest.files.len());
                    Ok(())
                }
            })
            .await
    }

    /// Makes sure that the target holds nothing, or what an interrupted restore of this backup left; marks it.
    async fn begin(
        &self,
        store: &dyn FeatureStore,
        pipeline: &str,
        mark: &Bytes,
    ) -> Result<(), OperationsError> {
        let path = format!("{}{MARKER}", self.root);
        let full = |target, found: String| Err(OperationsError::NotEmpty { target, found });
        if let Some(there) = self.to.find(&path).await? {
            if there != *mark {
                return full("the lake", format!("{path}: the restore of another backup"));
            }
            return self.clear().await;
        }
        for dir in DIRS {
            if let Some(entry) = self.to.list(&format!("{}{dir}", self.root)).await?.first() {
                return full("the lake", entry.path.clone());
            }
        }
        if let Some(symbol) = store.symbols().await?.first() {
            return full("the feature store", format!("rows of {symbol}"));
        }
        if let Some(key) = store.alias_keys(pipeline).await?.first() {
            return full("the feature store", format!("aliases of {}", key.bar));
        }
        if let Some(run) = store.runs(pipeline).await?.first() {
            return full("the feature store", format!("run {}", run.name));
        }
        copy::put(&self.to, &path, &self.private(), mark).await.map(drop)
    }

    fn private(&self) -> String {
        format!("{}{PRIVATE}/{:08}", self.root, self.fresh.fetch_add(1, Ordering::Relaxed))
    }

    async fn place(&self, items: &[&Item], what: &str, progress: &Progress) -> Result<(), OperationsError> {
        let done = AtomicUsize::new(0);
        stream::iter(items)
            .map(Ok)
            .try_for_each_concurrent(limits::FILES_IN_FLIGHT, |item| {
                let done = &done;
                async move {
                    let _room = self.to.room(item.bytes).await;
                    let bytes = copy::checked(&self.from, &self.dir, item).await?;
                    copy::put(&self.to, &self.target(item), &self.private(), &bytes).await?;
                    step(progress, what, done.fetch_add(1, Ordering::Relaxed) + 1, items.len());
                    Ok(())
                }
            })
            .await
    }

    fn target(&self, item: &Item) -> String {
        format!("{}{}", self.root, item.path.strip_prefix("lake/").unwrap_or(&item.path))
    }

    /// Makes sure that no worker has begun to write beside the restore.
    async fn alone(&self, manifest: &Manifest) -> Result<(), OperationsError> {
        let ours: std::collections::BTreeSet<String> =
            manifest.files.iter().map(|i| self.target(i)).collect();
        for entry in self.to.list(&format!("{}_log", self.root)).await? {
            if !ours.contains(&entry.path) {
                let found = format!("{}, written while it was restored: stop ingest", entry.path);
                return Err(OperationsError::NotEmpty { target: "the lake", found });
            }
        }
        Ok(())
    }

    /// Final bars as the lake keeps them: for the time whose ticks are gone.
    async fn bars(&self, root: &str, store: &dyn FeatureStore) -> Result<u64, OperationsError> {
        let layout = Layout::new(root);
        let mut count = 0;
        let dir = layout.table(&Table::Bars(String::new()));
        for entry in self.to.list(dir.trim_end_matches("/name=")).await? {
            let name = entry.path.strip_prefix(&dir).and_then(|rest| rest.split('/').next());
            let Some(name) = name else { continue };
            let table = Table::Bars(name.to_owned());
            // A compaction's inputs may still be there: only what readers see counts.
            if !history::files(self.to.lake(), root, &table).await?.contains_key(&entry.path) {
                continue;
            }
            let rows = tables::read_bars(self.to.read(&entry.path).await?).map_err(|e| e.at(&entry.path))?;
            for rows in rows.chunks(limits::UPSERT_ROWS) {
                store.upsert_rows(rows).await?;
                count += rows.len() as u64;
            }
        }
        Ok(count)
    }

    async fn clear(&self) -> Result<(), OperationsError> {
        for entry in self.to.list(&format!("{}{PRIVATE}", self.root)).await? {
            self.to.delete(&entry.path).await?;
        }
        Ok(())
    }
}

fn place(pipeline: &str, root: &str) -> String {
    format!("pipeline {pipeline} with lake root /{}", root.trim_matches('/'))
}
