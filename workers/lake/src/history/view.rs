//! The files of a table at one moment, although commits and compactions go on meanwhile.
//!
//! The order of looking is what makes it right:
//! 1. the logs: the newest commit of every partition, and which compactions are done;
//! 2. the table's directory;
//! 3. the compactions again: those not done at step 1 are read and applied.
//!
//! A compaction that was done at step 1 had left nothing but its merged files at step 2. One that is placed after step
//! 3 had not begun to rename or delete at step 2. One in between is applied, whatever step 2 saw of it.

use std::collections::{BTreeMap, BTreeSet};

use commitlog::{FileRef, Table};

use super::{HistoryError, newest};
use crate::{
    Lake, LakeError,
    compact::{
        names::{Link, Names},
        record::Record,
    },
};

/// Final path -> where to read.
pub(super) async fn files(
    lake: &dyn Lake,
    root: &str,
    table: &Table,
) -> Result<BTreeMap<String, String>, HistoryError> {
    let names = Names::new(root);
    let layout = names.layout();
    let logs = lake.list(&layout.logs()).await?;
    let heads = newest(lake, layout, &logs).await?;
    let done: BTreeSet<(String, u64)> = logs
        .iter()
        .filter_map(|entry| match names.link(&entry.path) {
            Some(Link::Done { date, seq }) => Some((date, seq)),
            _ => None,
        })
        .collect();
    let listed = lake.list(&layout.table(table)).await?;
    let mut files: BTreeMap<String, String> = listed
        .into_iter()
        .filter(|e| e.path.ends_with(".parquet"))
        .map(|e| (e.path.clone(), e.path))
        .collect();
    for FileRef { path, tmp, .. } in heads.into_iter().flat_map(|c| c.files).filter(|f| f.table == *table) {
        files.entry(path).or_insert(tmp);
    }
    // In the order of dates and numbers: a later compaction may take an earlier one's files away.
    for entry in lake.list(names.chains()).await? {
        let Some(Link::Commit { date, seq }) = names.link(&entry.path) else { continue };
        if done.contains(&(date, seq)) {
            continue;
        }
        let record = match lake.read(&entry.path).await {
            Ok(bytes) => Record::decode(&entry.path, &bytes)?,
            // Cleared with its date: retention has taken the files.
            Err(LakeError::NotFound { .. }) => continue,
            Err(e) => return Err(e.into()),
        };
        for path in &record.removes {
            files.remove(path);
        }
        for file in record.adds.into_iter().filter(|f| f.table == *table) {
            files.entry(file.path).or_insert(file.tmp);
        }
    }
    Ok(files)
}
