//! The stored rows of one partition, raw ticks and dead letters together, in the order of the log.
//!
//! Files are taken by the ranges in their names: those whose ranges overlap are read together and merged, so memory is
//! bounded by the largest commit (or compacted file), never by the history.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use commitlog::{Layout, Table};
use lake::{
    history,
    tables::{self, OwnedDeadLetter, OwnedRawRow},
};

use crate::{OperationsError, files::Files};

/// What the name of a data file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub generation: u32,
    pub partition: u32,
    pub start: u64,
    pub end: u64,
}

impl Extent {
    /// Of `…/g01-p00003-<start>-<end>….parquet`.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?.strip_suffix(".parquet")?;
        let mut parts = name.split('-');
        let generation = parts.next()?.strip_prefix('g')?.parse().ok()?;
        let partition = parts.next()?.strip_prefix('p')?.parse().ok()?;
        let (start, end) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (start <= end).then_some(Self { generation, partition, start, end })
    }
}

/// A row as it is stored.
#[derive(Debug, Clone)]
pub(crate) enum StoredRow {
    Raw(OwnedRawRow),
    Dead(OwnedDeadLetter),
}

impl StoredRow {
    /// Generation and offset: the order of the log.
    pub fn at(&self) -> (u32, u64) {
        match self {
            StoredRow::Raw(row) => (row.generation, row.offset),
            StoredRow::Dead(row) => (row.generation, row.offset),
        }
    }
}

/// Files that are read together.
#[derive(Debug, Clone)]
struct Bundle {
    generation: u32,
    end: u64,
    /// Where to read, the final name, and whether it holds raw ticks.
    files: Vec<(String, String, bool)>,
}

/// The committed files of every partition.
pub(crate) struct Shelves {
    partitions: BTreeMap<u32, Vec<Bundle>>,
}

impl Shelves {
    /// Sorts out the committed files of raw ticks and dead letters.
    pub async fn open(files: &Files<'_>, root: &str) -> Result<Self, OperationsError> {
        let mut all: Vec<(Extent, String, String, bool)> = Vec::new();
        for table in [Table::Raw, Table::Dead] {
            for (path, at) in history::files(files.lake(), root, &table).await? {
                if let Some(extent) = Extent::of(&path) {
                    all.push((extent, at, path, table == Table::Raw));
                }
            }
        }
        all.sort_by_key(|(e, ..)| (e.partition, e.generation, e.start, e.end));
        let mut partitions: BTreeMap<u32, Vec<Bundle>> = BTreeMap::new();
        for (extent, at, path, raw) in all {
            let bundles = partitions.entry(extent.partition).or_default();
            match bundles.last_mut() {
                Some(last) if last.generation == extent.generation && extent.start < last.end => {
                    last.end = last.end.max(extent.end);
                    last.files.push((at, path, raw));
                }
                _ => bundles.push(Bundle {
                    generation: extent.generation,
                    end: extent.end,
                    files: vec![(at, path, raw)],
                }),
            }
        }
        Ok(Self { partitions })
    }

    /// The rows of a partition from (generation, offset) on.
    pub fn from(&self, partition: u32, from: (u32, u64)) -> Shelf {
        let all = self.partitions.get(&partition).map(Vec::as_slice).unwrap_or_default();
        let bundles = all.iter().filter(|b| (b.generation, b.end) > from).cloned().collect::<Vec<_>>();
        Shelf { partition, from, bundles: bundles.into() }
    }
}

/// The rows of one partition from somewhere on.
#[derive(Clone)]
pub(crate) struct Shelf {
    partition: u32,
    from: (u32, u64),
    bundles: Arc<[Bundle]>,
}

impl Shelf {
    /// Bundles in all.
    pub fn len(&self) -> usize {
        self.bundles.len()
    }

    /// The rows of the `i`-th bundle, in the order of the log.
    pub async fn rows(&self, files: &Files<'_>, i: usize) -> Result<Vec<StoredRow>, OperationsError> {
        let mut rows = Vec::new();
        let Some(bundle) = self.bundles.get(i) else { return Ok(rows) };
        for (at, path, raw) in &bundle.files {
            let bytes = read(files, at, path).await?;
            if *raw {
                let raw = tables::read_raw(bytes).map_err(|e| e.at(path))?;
                rows.extend(raw.into_iter().map(StoredRow::Raw));
            } else {
                let dead = tables::read_dead(bytes).map_err(|e| e.at(path))?;
                rows.extend(dead.into_iter().map(StoredRow::Dead));
            }
        }
        let ours = |row: &StoredRow| match row {
            StoredRow::Raw(r) => r.partition == self.partition,
            StoredRow::Dead(r) => r.partition == self.partition,
        };
        rows.retain(|row| ours(row) && row.at() >= self.from);
        rows.sort_by_key(StoredRow::at);
        if let Some(twice) = rows.windows(2).find(|pair| pair[0].at() == pair[1].at()) {
            let (generation, offset) = twice[0].at();
            return Err(OperationsError::Contradiction {
                partition: self.partition,
                reason: format!("offset {offset} of generation {generation} is stored twice"),
            });
        }
        Ok(rows)
    }
}

/// A file where it was, or at its final name if it has been renamed meanwhile.
async fn read(files: &Files<'_>, at: &str, path: &str) -> Result<Bytes, OperationsError> {
    if let Some(bytes) = files.find(at).await? {
        return Ok(bytes);
    }
    files.find(path).await?.ok_or_else(|| OperationsError::Moving { what: path.to_owned() })
}

/// Numbers of the partitions that have a log.
pub(crate) async fn partitions(files: &Files<'_>, layout: &Layout) -> Result<Vec<u32>, OperationsError> {
    let listed = files.list(&layout.logs()).await?;
    let mut found: Vec<u32> = listed.iter().filter_map(|e| layout.partition_of_log(&e.path)).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
