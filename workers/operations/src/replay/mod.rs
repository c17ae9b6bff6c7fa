//! Final rows computed again from what the lake keeps, held against what the feature store has.
//!
//! A partition starts at the newest anchor that lies before everything asked for (or before its first record), goes
//! through raw rows and dead letters in the order of the log, and gives final rows with the T they were made with. A row
//! of the store must have every column of the computed one, and its T or a greater one: a repair writes with T of now.
//!
//! What it deliberately does not do: it deletes nothing (rows that nothing computes are told), it does not look at
//! provisional rows, and it writes nothing unless asked to. It may run beside a working pipeline: rows that wait in a
//! commit's pending files are told apart from missing ones.

mod compare;
mod report;

use std::collections::BTreeSet;

use commitlog::{Commit, Layout};
use feature_store::FeatureStore;
use lake::{Lake, tables};
use market::{FeatureRow, RowName, Symbol, Timestamp};
use windowing::{Counters, Partition};

use self::compare::Comparison;
pub use self::report::{Difference, DifferenceKind, PartitionReplay, ReplayReport};
use crate::{
    OperationsError, Progress,
    files::Files,
    limits,
    lineage::{Base, Lineage},
    progress::step,
    rerun::Rerun,
    shelf::{self, Shelves},
};

/// Whether rows that differ are written, and with which T.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Write {
    /// Nothing is written.
    #[default]
    Nothing,
    /// With T of now: it covers whatever was written or deleted before.
    AsOfNow,
    /// With the T the row was first made with: for a store that has never held it.
    AsMade,
}

/// What to compute and what to do about it.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// What to write.
    pub write: Write,
    /// Rows with `window_start` at or after.
    pub from: Option<Timestamp>,
    /// Rows with `window_start` before.
    pub to: Option<Timestamp>,
    /// Only these partitions; empty = all.
    pub partitions: Vec<u32>,
    /// Wall clock, in milliseconds.
    pub now_ms: i64,
    /// How long the store keeps rows after their T; absent = for ever. Older ones are neither missed nor written.
    pub kept_for: Option<std::time::Duration>,
}

/// Computes the final rows of a lake again and compares (and, asked to, repairs) the store's.
pub async fn replay(
    lake: &dyn Lake,
    root: &str,
    store: &dyn FeatureStore,
    options: &ReplayOptions,
    progress: &Progress,
) -> Result<ReplayReport, OperationsError> {
    let files = Files::new(lake);
    let layout = Layout::new(root);
    let mut report = ReplayReport::default();
    let mut partitions = shelf::partitions(&files, &layout).await?;
    partitions.retain(|p| options.partitions.is_empty() || options.partitions.contains(p));
    let mut lines = Vec::new();
    for p in partitions {
        lines.push(Lineage::read(&files, &layout, p).await?);
    }
    // Heads before files: a file that a head names is then at its temporary or its final name.
    let shelves = Shelves::open(&files, root).await?;
    for lineage in &lines {
        let waiting = waiting(&files, lineage.head()).await?;
        let comparison = Comparison::new(store, options, waiting);
        let told = one(&files, &shelves, lineage, comparison, options, &mut report, progress).await?;
        report.partitions.push(told);
    }
    Ok(report)
}

/// A row's place in the store.
pub(crate) type RowKey = (Symbol, RowName, Timestamp);

/// Rows that the store has still to take: they are in files of the newest commit.
async fn waiting(files: &Files<'_>, head: Option<&Commit>) -> Result<BTreeSet<RowKey>, OperationsError> {
    let mut keys = BTreeSet::new();
    for file in head.into_iter().flat_map(|head| &head.pending) {
        for at in [&file.tmp, &file.path] {
            if let Some(bytes) = files.find(at).await? {
                let rows = tables::read_bars(bytes).map_err(|e| e.at(at))?;
                keys.extend(rows.into_iter().map(|r| (r.symbol, r.name, r.window_start)));
                break;
            }
        }
    }
    Ok(keys)
}

/// The state to start from: the newest one before which every row asked for is still open, and behind which every record
/// is still stored.
async fn start(
    files: &Files<'_>,
    shelves: &Shelves,
    lineage: &Lineage,
    from: Option<Timestamp>,
) -> Result<Option<Base>, OperationsError> {
    let bases = lineage.bases();
    let is_early = |seq: &u64| {
        let watermark = lineage.commits.get(seq).map(|c| c.watermark);
        watermark.is_some_and(|w| w.is_none_or(|w| from.is_some_and(|from| w <= from)))
    };
    let newest_early = bases.iter().rposition(is_early);
    if newest_early.is_none()
        && let Some(base) = beginning(files, lineage).await?
        && is_covered(files, shelves, lineage, &base).await?
    {
        return Ok(Some(base));
    }
    for seq in &bases[newest_early.unwrap_or(0)..] {
        match lineage.base(files, *seq).await {
            Ok(Some(base)) if is_covered(files, shelves, lineage, &base).await? => return Ok(Some(base)),
            Ok(_) => {}
            // A check tells about it; the next one does as well.
            Err(e) if e.is_damage() => {}
            Err(e) => return Err(e),
        }
    }
    Ok(None)
}

/// Before everything: what the records meant stands in the oldest state.
async fn beginning(files: &Files<'_>, lineage: &Lineage) -> Result<Option<Base>, OperationsError> {
    let Some(oldest) = lineage.bases().first().copied() else { return Ok(None) };
    let first = match lineage.base(files, oldest).await {
        Ok(Some(first)) => first,
        Ok(None) => return Ok(None),
        Err(e) if e.is_damage() => return Ok(None),
        Err(e) => return Err(e),
    };
    let semantics = first.partition.semantics().clone();
    let generation = lineage.commits.values().next().map_or(first.partition.generation(), |c| c.generation);
    let partition = Partition::new(semantics, lineage.partition, generation)?;
    Ok(Some(Base { seq: None, partition }))
}

/// True where the records between a state and the next commit that is left are stored: retention takes the oldest days.
async fn is_covered(
    files: &Files<'_>,
    shelves: &Shelves,
    lineage: &Lineage,
    base: &Base,
) -> Result<bool, OperationsError> {
    let read = base.partition.counters().read;
    let told = lineage.commits.values().filter(|c| base.seq.is_none_or(|seq| c.seq > seq)).find_map(|c| {
        let counters: Counters = serde_json::from_value(c.counters.clone()).ok()?;
        (counters.read > read).then_some(((c.generation, c.end), counters.read - read))
    });
    let Some((end, records)) = told else { return Ok(true) };
    let shelf = shelves.from(lineage.partition, (base.partition.generation(), base.partition.next_offset()));
    let mut stored = 0;
    for i in 0..shelf.len() {
        let rows = shelf.rows(files, i).await?;
        stored += rows.iter().filter(|row| row.at() < end).count() as u64;
        if rows.last().is_some_and(|row| row.at() >= end) || stored > records {
            break;
        }
    }
    Ok(stored == records)
}

async fn one(
    files: &Files<'_>,
    shelves: &Shelves,
    lineage: &Lineage,
    mut comparison: Comparison<'_>,
    options: &ReplayOptions,
    report: &mut ReplayReport,
    progress: &Progress,
) -> Result<PartitionReplay, OperationsError> {
    let p = lineage.partition;
    let mut told = PartitionReplay { partition: p, ..PartitionReplay::default() };
    let Some(head) = lineage.head() else { return Ok(told) };
    let Some(base) = start(files, shelves, lineage, options.from).await? else {
        if head.state.is_some() {
            told.doubts = 1;
            told.first_doubt = Some("there is no readable state with all its records behind it".to_owned());
        }
        return Ok(told);
    };
    told.base = base.seq;
    let turns = lineage.turns(files, base.seq).await?;
    let mut rerun = Rerun::new(base, turns, lineage);
    told.from_offset = rerun.from().1;
    let shelf = shelves.from(p, rerun.from());
    let until = options.to.map(|to| to + longest(rerun.partition()));
    let end = (head.generation, head.end);
    'bundles: for i in 0..shelf.len() {
        step(progress, format!("partition {p}"), i, shelf.len());
        for row in shelf.rows(files, i).await? {
            if row.at() >= end {
                break 'bundles;
            }
            rerun.take(&row)?;
            if rerun.waiting() >= limits::COMPARED_ROWS {
                told.rows += comparison.rows(rerun.closed(), report).await?;
            }
        }
        if until.zip(rerun.partition().watermark()).is_some_and(|(until, w)| w >= until) {
            break;
        }
    }
    if options.to.is_none() {
        rerun.pass(end)?;
    }
    told.rows += comparison.rows(rerun.closed(), report).await?;
    told.to_offset = rerun.partition().next_offset();
    told.records = rerun.taken;
    told.doubts = rerun.doubts;
    told.first_doubt = rerun.first_doubt.take();
    step(progress, format!("partition {p}"), shelf.len(), shelf.len());
    Ok(told)
}

/// The longest window or bar: a row that starts before `to` has closed once the watermark is that much further.
fn longest(partition: &Partition) -> market::Span {
    let semantics = partition.semantics();
    let spans = semantics.windows.iter().map(|w| w.size).chain(semantics.bars.iter().copied());
    spans.max().unwrap_or(market::Span::from_secs(1))
}

/// True where a row was asked for.
pub(crate) fn is_asked(row: &FeatureRow, options: &ReplayOptions) -> bool {
    options.from.is_none_or(|from| row.window_start >= from)
        && options.to.is_none_or(|to| row.window_start < to)
}
