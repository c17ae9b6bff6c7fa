//! One attempt at one number of a date's chain: merges groups into new files, then swaps them in.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use commitlog::FileRef;
use futures::{StreamExt, TryStreamExt, stream};

use super::{CompactError, Report, chain, names::Names, plan::Group, record::Record};
use crate::{
    Lake, LakeError,
    limits::{COMPACTION_AT_ONCE, COMPACTION_FILES, COMPACTION_INLINE_BYTES},
    tables::{self, Merged, TableError},
};

/// How an attempt ended.
pub(super) enum Outcome {
    /// It stands at this number, and nothing is left to do.
    Done(u64),
    /// There was nothing to swap.
    Nothing,
    /// Another process has the number.
    Taken,
}

/// Files written and not swapped in yet.
pub(super) struct Attempt<'a> {
    lake: &'a dyn Lake,
    names: &'a Names,
    record: Record,
    bytes_before: u64,
}

impl<'a> Attempt<'a> {
    pub fn new(lake: &'a dyn Lake, names: &'a Names, date: &str, seq: u64, nonce: Option<&str>) -> Self {
        let half = || RandomState::new().hash_one(std::process::id());
        let nonce = nonce.map_or_else(|| format!("{:016x}{:016x}", half(), half()), str::to_owned);
        let record = Record { date: date.to_owned(), seq, nonce, adds: Vec::new(), removes: Vec::new() };
        Self { lake, names, record, bytes_before: 0 }
    }

    /// Whether the record has room for another group.
    pub fn takes(&self, group: &Group) -> bool {
        self.record.removes.is_empty() || self.record.removes.len() + group.files.len() <= COMPACTION_FILES
    }

    /// Merges a group. What cannot be read or has gone meanwhile is left alone and named.
    pub async fn add(&mut self, group: &Group, left: &mut Vec<String>) -> Result<(), CompactError> {
        let Some(first) = group.files.first() else { return Ok(()) };
        let lake = self.lake;
        let paths: Vec<String> = group.files.iter().map(|f| f.path.clone()).collect();
        let reading = paths.into_iter().map(|path| async move { lake.read(&path).await });
        let inputs: Vec<Bytes> = match stream::iter(reading).buffered(COMPACTION_AT_ONCE).try_collect().await
        {
            Ok(inputs) => inputs,
            Err(LakeError::NotFound { path }) => {
                left.push(format!("{path} has gone meanwhile: retention or another compaction"));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        let table = first.table.clone();
        let bytes: usize = inputs.iter().map(Bytes::len).sum();
        let merging = move || tables::merge(&table, &inputs);
        // A few milliseconds are not worth another thread.
        let merged = match bytes {
            0..COMPACTION_INLINE_BYTES => merging(),
            _ => tokio::task::spawn_blocking(merging)
                .await
                .map_err(|stopped| CompactError::Stopped(stopped.to_string()))?,
        };
        let merged = match merged {
            Ok(merged) => merged,
            Err(TableError::Damaged { reason, .. }) => {
                left.push(format!("{} and its neighbours cannot be merged ({reason})", first.path));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        for merged in merged {
            self.write(group, merged).await?;
        }
        Ok(())
    }

    /// Writes a merged file and reads it again: it is swapped in only if it came back as it went.
    async fn write(&mut self, group: &Group, merged: Merged) -> Result<(), CompactError> {
        let parts = &group.files[merged.inputs.clone()];
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(()) };
        let (name, record) = (&first.name, &mut self.record);
        let dir = self.names.attempt(&record.date, record.seq, &record.nonce);
        let tmp = format!("{dir}/{:05}.part", record.adds.len());
        self.lake.create(&tmp, merged.bytes.clone()).await?;
        if self.lake.read(&tmp).await? != merged.bytes {
            return Err(CompactError::Torn { path: tmp });
        }
        let (from, to) = (name.offsets.start, last.name.offsets.end);
        let layout = self.names.layout();
        let path = layout.data(&first.table, &record.date, name.generation, name.partition, from, to);
        record.adds.push(FileRef {
            table: first.table.clone(),
            tmp,
            path,
            rows: merged.extent.rows,
            bytes: merged.bytes.len() as u64,
            crc: crc32c::crc32c(&merged.bytes),
            min_ts: merged.extent.min_ts,
            max_ts: merged.extent.max_ts,
            min_offset: merged.extent.min_offset,
            max_offset: merged.extent.max_offset,
        });
        record.removes.extend(parts.iter().map(|f| f.path.clone()));
        self.bytes_before += parts.iter().map(|f| f.bytes).sum::<u64>();
        Ok(())
    }

    /// Swaps the files in.
    pub async fn commit(self, report: &mut Report) -> Result<Outcome, CompactError> {
        let record = &self.record;
        if record.adds.is_empty() {
            return Ok(Outcome::Nothing);
        }
        if !chain::place(self.lake, self.names, record).await? {
            let dir = self.names.attempt(&record.date, record.seq, &record.nonce);
            for path in record.adds.iter().map(|f| f.tmp.clone()).chain([format!("{dir}/record")]) {
                self.lake.delete(&path).await?;
            }
            return Ok(Outcome::Taken);
        }
        chain::finish(self.lake, self.names, record, false).await?;
        report.dates.insert(record.date.clone());
        report.records += 1;
        report.files_before += record.removes.len() as u64;
        report.files_after += record.adds.len() as u64;
        report.rows += record.adds.iter().map(|f| f.rows).sum::<u64>();
        report.bytes_before += self.bytes_before;
        report.bytes_after += record.adds.iter().map(|f| f.bytes).sum::<u64>();
        Ok(Outcome::Done(record.seq))
    }
}
