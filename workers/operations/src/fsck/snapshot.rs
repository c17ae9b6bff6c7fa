//! One look at a lake. The order of the calls makes it fair to what is in flight: a committed file is at its temporary
//! name when that is listed, or at its final name when that is listed later.

use std::collections::BTreeMap;

use commitlog::{Layout, Table};
use lake::history;

use crate::{OperationsError, files::Files, lineage::Lineage, shelf};

/// What was there.
pub(super) struct Snapshot {
    pub lineages: Vec<Lineage>,
    /// Files below `_tmp`, with their lengths.
    pub tmp: BTreeMap<String, u64>,
    /// Files below every other directory of the pipeline, with their lengths.
    pub files: BTreeMap<String, u64>,
    /// What readers see of raw ticks and dead letters: final path to where it is.
    pub visible: BTreeMap<String, String>,
}

impl Snapshot {
    pub async fn take(files: &Files<'_>, root: &str, layout: &Layout) -> Result<Self, OperationsError> {
        let mut lineages = Vec::new();
        for p in shelf::partitions(files, layout).await? {
            lineages.push(Lineage::read(files, layout, p).await?);
        }
        let tmp = sizes(files, &tmp_dir(layout)).await?;
        let mut all = BTreeMap::new();
        let bars = layout.table(&Table::Bars(String::new()));
        let dirs = [
            layout.logs(),
            layout.table(&Table::Raw),
            layout.table(&Table::Dead),
            layout.table(&Table::Pending),
            bars.trim_end_matches("/name=").to_owned(),
        ];
        for dir in dirs {
            all.extend(sizes(files, &dir).await?);
        }
        let mut visible = BTreeMap::new();
        // A damaged newest record is a finding; what it hides cannot be looked at.
        if lineages.iter().all(|l| l.damaged.keys().max() < l.commits.keys().max()) {
            for table in [Table::Raw, Table::Dead] {
                visible.extend(history::files(files.lake(), root, &table).await?);
            }
        }
        Ok(Self { lineages, tmp, files: all, visible })
    }
}

/// Directory of everything uncommitted.
pub(super) fn tmp_dir(layout: &Layout) -> String {
    let first = layout.tmp(0);
    first.rsplit_once('/').map_or(first.clone(), |(dir, _)| dir.to_owned())
}

async fn sizes(files: &Files<'_>, dir: &str) -> Result<BTreeMap<String, u64>, OperationsError> {
    Ok(files.list(dir).await?.into_iter().map(|e| (e.path, e.bytes)).collect())
}
