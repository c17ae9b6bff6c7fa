//! Compaction: the many small files of a closed arrival date become few large ones, and no reader ever sees a row twice
//! or not at all.
//!
//! A date is closed for a partition once the partition's newest commit is of a later date: dates never go back, so no
//! file of that date will come any more, and all of them stand at their final names. Neighbouring files of one
//! partition, generation and table are put behind one another, which keeps (partition, offset) order, read again and
//! compared row by row. One record then swaps them: see `chain` for its steps and [`crate::history`] for how readers
//! follow it.
//!
//! Any number of processes may compact at once; a date's chain gives each number to one of them, and the others look
//! again at what that one has left. A crash at any step is
//! finished by the next run, or abandoned: an attempt whose number another has taken can never be committed.
//!
//! Never touched: files that a rebuild of the duplicate set needs, files of foreign names, files whose ranges overlap or
//! that cannot be read. They are named in the report; the rest of the date goes on.

mod chain;
mod merge;
pub(crate) mod names;
mod plan;
pub(crate) mod record;

use std::collections::{BTreeMap, BTreeSet};

use commitlog::{FormatError, Table};
use market::ErrorKind;
use serde::Serialize;

use crate::{
    Lake, LakeError,
    history::{self, HistoryError},
    limits::{COMPACTION_FILES, COMPACTION_ROUNDS, COMPACTION_TARGET_BYTES},
    tables::TableError,
};
use chain::Chains;
use merge::Attempt;
use names::{DataName, Names};
use plan::{Candidate, Group, groups};

/// What to compact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Largest sum of the lengths of files that are put together, in bytes. Memory is about twice as much.
    pub target_bytes: u64,
    /// Only these partitions: an owner's share. `None`: all.
    pub partitions: Option<BTreeSet<u32>>,
    /// Only these arrival dates. `None`: every closed one.
    pub dates: Option<BTreeSet<String>>,
    /// Arrival date before which retention deletes files: such dates are left to it, and their chains are cleared.
    pub cut: Option<String>,
    /// Names what this run writes before it commits it. Never used for two runs; `None`: drawn.
    pub nonce: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { target_bytes: COMPACTION_TARGET_BYTES, partitions: None, dates: None, cut: None, nonce: None }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Arrival dates that got a new record.
    pub dates: BTreeSet<String>,
    /// Records written.
    pub records: u64,
    /// Records of crashed or concurrent runs that were finished.
    pub finished: u64,
    /// Numbers lost to another process: what was merged for them was thrown away and done again.
    pub contended: u64,
    /// Files that were put together.
    pub files_before: u64,
    /// Files that took their place.
    pub files_after: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes before.
    pub bytes_before: u64,
    /// Bytes after.
    pub bytes_after: u64,
    /// What was left alone, and why.
    pub left: Vec<String>,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is being done, in words.
    pub what: String,
    /// Files done.
    pub done: u64,
    /// Files to do.
    pub total: u64,
}

/// Why a run stopped. Nothing is lost by it; the next run goes on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CompactError {
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The commit logs cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A compaction record is damaged.
    #[error(transparent)]
    Record(#[from] FormatError),
    /// A merged file is not what its parts were.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A merged file is neither at its temporary nor at its final name.
    #[error(
        "{path}, which {record} names, is missing: nothing else was deleted for it; run stockpipe fsck and restore it from a \
         backup"
    )]
    FileLost {
        /// The file.
        path: String,
        /// The record.
        record: String,
    },
    /// A merged file has another length than its record says.
    #[error("{path} has another length than its compaction record says: run stockpipe fsck")]
    Torn {
        /// The file.
        path: String,
    },
    /// The thread that merged has panicked.
    #[error("merging stopped: {0}; please report this")]
    Stopped(String),
}

impl CompactError {
    /// What the failure means for the caller.
    pub fn kind(&self) -> ErrorKind {
        match self {
            CompactError::Lake(e) => e.kind(),
            CompactError::History(e) => e.kind(),
            CompactError::Record(e) => e.kind(),
            CompactError::Table(e) => e.kind(),
            CompactError::FileLost { .. } | CompactError::Torn { .. } => ErrorKind::Corrupt,
            CompactError::Stopped(_) => ErrorKind::Bug,
        }
    }
}

/// Finishes what earlier runs began, then compacts every closed date that `options` allow.
pub async fn run(
    lake: &dyn Lake,
    root: &str,
    options: &Options,
    progress: &(dyn Fn(Step) + Send + Sync),
) -> Result<Report, CompactError> {
    let names = Names::new(root);
    let mut report = Report::default();
    for _ in 0..COMPACTION_ROUNDS {
        let contended = report.contended;
        round(lake, root, &names, options, progress, &mut report).await?;
        if report.contended == contended {
            break;
        }
    }
    Ok(report)
}

/// One look at everything, and as much as can be done of it.
async fn round(
    lake: &dyn Lake,
    root: &str,
    names: &Names,
    options: &Options,
    progress: &(dyn Fn(Step) + Send + Sync),
    report: &mut Report,
) -> Result<(), CompactError> {
    let mut chains = Chains::read(lake, names).await?;
    let cut = options.cut.as_deref();
    for (date, seq) in chains.unfinished() {
        if let Some(record) = chain::look(lake, names, &date, seq).await? {
            chain::finish(lake, names, &record, cut.is_some_and(|cut| *date < *cut)).await?;
            report.finished += 1;
        }
        chains.took(&date, seq);
    }
    chain::sweep(lake, names, &mut chains, cut).await?;
    // Behind the chains: what is listed now is what the numbers before `chains.next` have left.
    let files = candidates(lake, root, names, options).await?;
    let (found, strange) = groups(files, options.target_bytes, COMPACTION_FILES);
    report.left = strange;
    let total = found.iter().map(|g| g.files.len() as u64).sum();
    let mut by_date: BTreeMap<String, Vec<Group>> = BTreeMap::new();
    for group in found {
        by_date.entry(group.date().to_owned()).or_default().push(group);
    }
    let mut done = 0;
    for (date, groups) in by_date {
        let mut rest = groups.into_iter().peekable();
        while rest.peek().is_some() {
            let mut attempt = Attempt::new(lake, names, &date, chains.next(&date), options.nonce.as_deref());
            while let Some(group) = rest.next_if(|g| attempt.takes(g)) {
                done += group.files.len() as u64;
                attempt.add(&group, &mut report.left).await?;
                progress(Step { what: format!("compacting {date}"), done, total });
            }
            match attempt.commit(report).await? {
                merge::Outcome::Done(seq) => chains.took(&date, seq),
                merge::Outcome::Nothing => {}
                merge::Outcome::Taken => {
                    report.contended += 1;
                    break;
                }
            }
        }
    }
    if report.records > 0 {
        chain::sweep(lake, names, &mut chains, cut).await?;
    }
    Ok(())
}

/// The files of closed dates.
async fn candidates(
    lake: &dyn Lake,
    root: &str,
    names: &Names,
    options: &Options,
) -> Result<Vec<Candidate>, CompactError> {
    let heads = history::commits(lake, root).await?;
    let closed: BTreeMap<u32, &str> =
        heads.iter().filter_map(|h| Some((h.partition, h.date.as_deref()?))).collect();
    let kept: BTreeSet<&str> =
        heads.iter().flat_map(|h| h.recent.iter().chain(&h.files)).map(|f| f.path.as_str()).collect();
    let mut found = Vec::new();
    for dir in [names.layout().table(&Table::Raw), names.layout().table(&Table::Dead), names.bars()] {
        for entry in lake.list(&dir).await? {
            let (Some(name), Some(table)) = (DataName::parse(&entry.path), names.table_of(&entry.path))
            else {
                continue;
            };
            let is_closed = closed.get(&name.partition).is_some_and(|newest| *name.date < **newest);
            let expired = options.cut.as_ref().is_some_and(|cut| name.date < *cut);
            let asked = options.partitions.as_ref().is_none_or(|p| p.contains(&name.partition))
                && options.dates.as_ref().is_none_or(|d| d.contains(&name.date));
            if is_closed && !expired && asked && !kept.contains(entry.path.as_str()) {
                found.push(Candidate { table, name, path: entry.path, bytes: entry.bytes });
            }
        }
    }
    Ok(found)
}
