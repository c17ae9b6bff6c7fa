//! The committed view: what all partitions have stored, as a reader may rely on it.
//!
//! A file is committed from the moment its commit record stands; its rename to the final name follows. So a reader
//! takes what stands at final names, and the files of each partition's *newest* commit wherever they are. A compaction
//! swaps files by one record of its own: see `view`, which is the set of files at one moment. A file that goes under a
//! reader makes it look again, so rows are never seen twice nor left out.

mod view;

use std::collections::BTreeMap;

use bytes::Bytes;
use commitlog::{Commit, FormatError, Layout, Table, recovery};
use futures::{StreamExt, TryStreamExt, stream};
use market::{ErrorKind, FeatureRow, Span, Symbol, Timestamp};
use windowing::Counters;

use crate::{
    Entry, Lake, LakeError,
    limits::{HISTORY_READS, VIEW_ATTEMPTS},
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
    newest(lake, &layout, &lake.list(&layout.logs()).await?).await
}

/// The newest commit of every partition among the files of the logs.
async fn newest(lake: &dyn Lake, layout: &Layout, listed: &[Entry]) -> Result<Vec<Commit>, HistoryError> {
    let mut logs: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for entry in listed {
        if let Some(p) = layout.partition_of_log(&entry.path) {
            logs.entry(p).or_default().push(&entry.path);
        }
    }
    let newest = logs.into_iter().filter_map(|(p, paths)| Some((p, recovery::newest(layout, p, paths)?)));
    let reading = newest.map(|(p, seq)| layout.commit(p, seq)).map(|path| async move {
        let bytes = lake.read(&path).await?;
        Ok(Commit::decode(&path, &bytes)?)
    });
    stream::iter(reading.collect::<Vec<_>>()).buffered(HISTORY_READS).try_collect().await
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

/// The committed files of a table at one moment, by final path: where each is to be read for the moment. Who reads one
/// that has gone from there looks at its final path, and asks again where it has gone from that too.
pub async fn files(
    lake: &dyn Lake,
    root: &str,
    table: &Table,
) -> Result<BTreeMap<String, String>, HistoryError> {
    view::files(lake, root, table).await
}

/// What `decode` makes of every committed file of a table, by final path.
async fn load<T: Send>(
    lake: &dyn Lake,
    root: &str,
    table: &Table,
    decode: impl Fn(&str, Bytes) -> Result<Vec<T>, HistoryError>,
) -> Result<BTreeMap<String, Vec<T>>, HistoryError> {
    let mut have: BTreeMap<String, Vec<T>> = BTreeMap::new();
    let mut view = files(lake, root, table).await?;
    for _ in 0..VIEW_ATTEMPTS {
        let missing: Vec<(String, String)> = view
            .iter()
            .filter(|(path, _)| !have.contains_key(*path))
            .map(|(path, at)| (path.clone(), at.clone()))
            .collect();
        let reading = missing.into_iter().map(|(path, at)| async move {
            let found = read(lake, &at, &path).await?;
            Ok::<_, HistoryError>((path, found))
        });
        let mut arriving = stream::iter(reading).buffer_unordered(HISTORY_READS);
        let mut gone = Vec::new();
        while let Some((path, found)) = arriving.try_next().await? {
            match found {
                Some(bytes) => {
                    have.insert(path.clone(), decode(&path, bytes)?);
                }
                None => gone.push(path),
            }
        }
        if gone.is_empty() {
            return Ok(have);
        }
        // Compaction or retention took files away. The new view tells which: what it names still is retention's, which
        // is on its way to the rest.
        let now = files(lake, root, table).await?;
        have.retain(|path, _| now.contains_key(path));
        if now == view {
            return Ok(have);
        }
        view = now;
    }
    Err(LakeError::Unavailable {
        path: Layout::new(root).table(table),
        reason: "files are merged or removed faster than they can be read".to_owned(),
    }
    .into())
}

/// Reads one file, at its final name if it has been renamed meanwhile. `None`: it has gone.
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
    let inside = |row: &FeatureRow| {
        from.is_none_or(|f| row.window_start >= f)
            && to.is_none_or(|t| row.window_start < t)
            && (symbols.is_empty() || symbols.contains(&row.symbol))
    };
    let table = Table::Bars(name.to_owned());
    let files = load(lake, root, &table, |path, bytes| {
        let mut rows = tables::read_bars_between(bytes, from, to).map_err(|e| e.at(path))?;
        rows.retain(inside);
        Ok(rows)
    });
    let mut rows: BTreeMap<(Symbol, Timestamp), FeatureRow> = BTreeMap::new();
    for row in files.await?.into_values().flatten() {
        let key = (row.symbol.clone(), row.window_start);
        match rows.get(&key) {
            Some(other) if other.write_ts >= row.write_ts => {}
            _ => {
                rows.insert(key, row);
            }
        }
    }
    Ok(rows.into_values().collect())
}

/// Committed raw rows, in (generation, partition, offset) order.
pub async fn raw(lake: &dyn Lake, root: &str) -> Result<Vec<OwnedRawRow>, HistoryError> {
    let files =
        load(lake, root, &Table::Raw, |path, bytes| Ok(tables::read_raw(bytes).map_err(|e| e.at(path))?));
    let mut rows: Vec<_> = files.await?.into_values().flatten().collect();
    rows.sort_by_key(|r| (r.generation, r.partition, r.offset));
    Ok(rows)
}

/// Committed dead letters, in (generation, partition, offset) order.
pub async fn dead(lake: &dyn Lake, root: &str) -> Result<Vec<OwnedDeadLetter>, HistoryError> {
    let files =
        load(lake, root, &Table::Dead, |path, bytes| Ok(tables::read_dead(bytes).map_err(|e| e.at(path))?));
    let mut rows: Vec<_> = files.await?.into_values().flatten().collect();
    rows.sort_by_key(|r| (r.generation, r.partition, r.offset));
    Ok(rows)
}
