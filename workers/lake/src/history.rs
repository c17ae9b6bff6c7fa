//! The committed view: what all partitions have stored, as a reader may rely on it.
//!
//! A file is committed from the moment its commit record stands; its rename to the final name follows. So a reader
//! takes what stands at final names, and the files of each partition's *newest* commit wherever they are.

use std::collections::BTreeMap;

use bytes::Bytes;
use commitlog::{Commit, FileRef, FormatError, Layout, Table, recovery};
use market::{ErrorKind, FeatureRow, Span, Symbol, Timestamp};
use windowing::Counters;

use crate::{
    Lake, LakeError,
    tables::{self, OwnedDeadLetter, OwnedRawRow, TableError},
};

/// Partitions whose greatest event time is further behind the greatest of all do not decide what `now` is.
const NOW_SLACK: Span = Span::from_secs(86_400);

/// Why the committed view cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HistoryError {
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A commit record is damaged.
    #[error(transparent)]
    Commit(#[from] FormatError),
    /// A table's file is damaged.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl HistoryError {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            HistoryError::Lake(e) => e.kind(),
            HistoryError::Commit(e) => e.kind(),
            HistoryError::Table(e) => e.kind(),
        }
    }
}

/// Where one partition stands, as its newest commit says.
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionHead {
    /// The partition.
    pub partition: u32,
    /// Number of the newest commit.
    pub seq: u64,
    /// Generation of the source topic.
    pub generation: u32,
    /// First offset that is not committed.
    pub end: u64,
    /// Watermark at `end`.
    pub watermark: Option<Timestamp>,
    /// Greatest event time at `end`.
    pub max_ts: Option<Timestamp>,
    /// T at `end`.
    pub write_ts: i64,
    /// Greatest record time at `end`, in milliseconds.
    pub record_ms: i64,
    /// Counts since the first record.
    pub counters: Counters,
    /// Everything up to here has arrived, as far as event time can promise: the watermark.
    pub complete_to: Option<Timestamp>,
}

/// The newest commit of every partition, by partition.
pub async fn commits(lake: &dyn Lake, root: &str) -> Result<Vec<Commit>, HistoryError> {
    let layout = Layout::new(root);
    let mut logs: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for entry in lake.list(&layout.logs()).await? {
        if let Some(p) = layout.partition_of_log(&entry.path) {
            logs.entry(p).or_default().push(entry.path);
        }
    }
    let mut newest = Vec::new();
    for (p, paths) in logs {
        if let Some(seq) = recovery::newest(&layout, p, paths.iter().map(String::as_str)) {
            let path = layout.commit(p, seq);
            newest.push(Commit::decode(&path, &lake.read(&path).await?)?);
        }
    }
    Ok(newest)
}

/// Where every partition stands.
pub async fn partitions(lake: &dyn Lake, root: &str) -> Result<Vec<PartitionHead>, HistoryError> {
    let heads = commits(lake, root).await?.into_iter().map(|c| PartitionHead {
        partition: c.partition,
        seq: c.seq,
        generation: c.generation,
        end: c.end,
        watermark: c.watermark,
        max_ts: c.max_ts,
        write_ts: c.write_ts,
        record_ms: c.record_ms,
        // Opaque to the commit log; a later release's extra counts are ignored.
        counters: serde_json::from_value(c.counters).unwrap_or_default(),
        complete_to: c.watermark,
    });
    Ok(heads.collect())
}

/// What `now` means for a reader of history: the least committed watermark over the partitions whose greatest event
/// time is within a day of the greatest of all. Partitions without ticks do not count.
pub async fn resolve_now(lake: &dyn Lake, root: &str) -> Result<Option<Timestamp>, HistoryError> {
    Ok(now_of(&partitions(lake, root).await?))
}

/// [`resolve_now`] of heads already read.
pub fn now_of(heads: &[PartitionHead]) -> Option<Timestamp> {
    let greatest = heads.iter().filter_map(|h| h.max_ts).max()?;
    let near = |h: &&PartitionHead| h.max_ts.is_some_and(|at| at >= greatest - NOW_SLACK);
    heads.iter().filter(near).filter_map(|h| h.watermark).min()
}

/// The committed files of a table, by final path: where each is to be read for the moment. Who reads one that has gone
/// from there looks at its final path.
pub async fn files(
    lake: &dyn Lake,
    root: &str,
    table: &Table,
) -> Result<BTreeMap<String, String>, HistoryError> {
    let layout = Layout::new(root);
    let newest = commits(lake, root).await?;
    let listed = lake.list(&layout.table(table)).await?;
    let mut files: BTreeMap<String, String> = listed
        .into_iter()
        .filter(|e| e.path.ends_with(".parquet"))
        .map(|e| (e.path.clone(), e.path))
        .collect();
    for FileRef { path, tmp, .. } in newest.into_iter().flat_map(|c| c.files).filter(|f| f.table == *table) {
        files.entry(path).or_insert(tmp);
    }
    Ok(files)
}

/// Reads one file, at its final name if it has been renamed meanwhile. `None`: retention took it.
async fn read(lake: &dyn Lake, at: &str, path: &str) -> Result<Option<Bytes>, HistoryError> {
    for candidate in [at, path] {
        match lake.read(candidate).await {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(LakeError::NotFound { .. }) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(None)
}

/// Committed final bars of one size with `from <= window_start < to`, in (symbol, window_start) order, each once: of
/// two values of a bar the one with the greater T. An empty `symbols` means all.
pub async fn bars(
    lake: &dyn Lake,
    root: &str,
    name: &str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    symbols: &[Symbol],
) -> Result<Vec<FeatureRow>, HistoryError> {
    let mut rows: BTreeMap<(Symbol, Timestamp), FeatureRow> = BTreeMap::new();
    for (path, at) in files(lake, root, &Table::Bars(name.to_owned())).await? {
        let Some(bytes) = read(lake, &at, &path).await? else { continue };
        for row in tables::read_bars_between(bytes, from, to).map_err(|e| e.at(&path))? {
            let inside =
                from.is_none_or(|f| row.window_start >= f) && to.is_none_or(|t| row.window_start < t);
            if !inside || !(symbols.is_empty() || symbols.contains(&row.symbol)) {
                continue;
            }
            let key = (row.symbol.clone(), row.window_start);
            match rows.get(&key) {
                Some(other) if other.write_ts >= row.write_ts => {}
                _ => {
                    rows.insert(key, row);
                }
            }
        }
    }
    Ok(rows.into_values().collect())
}

/// Committed raw rows, in (generation, partition, offset) order.
pub async fn raw(lake: &dyn Lake, root: &str) -> Result<Vec<OwnedRawRow>, HistoryError> {
    let mut rows = Vec::new();
    for (path, at) in files(lake, root, &Table::Raw).await? {
        if let Some(bytes) = read(lake, &at, &path).await? {
            rows.extend(tables::read_raw(bytes).map_err(|e| e.at(&path))?);
        }
    }
    rows.sort_by_key(|r| (r.generation, r.partition, r.offset));
    Ok(rows)
}

/// Committed dead letters, in (generation, partition, offset) order.
pub async fn dead(lake: &dyn Lake, root: &str) -> Result<Vec<OwnedDeadLetter>, HistoryError> {
    let mut rows = Vec::new();
    for (path, at) in files(lake, root, &Table::Dead).await? {
        if let Some(bytes) = read(lake, &at, &path).await? {
            rows.extend(tables::read_dead(bytes).map_err(|e| e.at(&path))?);
        }
    }
    rows.sort_by_key(|r| (r.generation, r.partition, r.offset));
    Ok(rows)
}
