//! Planned rows to the log. How many rows of the sorted order a partition has is a note, set by the append that makes it
//! true; a second run of the same import makes the same order and goes on there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use market::{DecodeRules, NewRecord, Span, Tick, Timestamp, decode, encode_tick};
use runtime::Shutdown;
use tick_log::Topic;

use super::{
    ImportComponents, ImportReport, ImportSettings, Speed,
    plan::{Plan, PlannedRow, plan},
};
use crate::{ImportError, durable, limits};

/// Imports files.
pub async fn run(
    settings: ImportSettings,
    components: ImportComponents,
    shutdown: Shutdown,
) -> Result<ImportReport, ImportError> {
    let now = Timestamp::from_millis((components.clock)());
    let (asked, rejected) = (settings.clone(), Arc::clone(&components.rejected));
    let planned = tokio::task::spawn_blocking(move || plan(&asked, now, &rejected)).await;
    let Plan { rows, symbols, mut report, identity } = planned.map_err(|e| ImportError::Unreadable {
        file: settings.files.first().map(|(_, f)| f.clone()).unwrap_or_default(),
        why: e.to_string(),
    })??;
    let topic = &components.topic;
    let partition_of: Vec<u32> =
        symbols.iter().map(|s| tick_log::partition_of(s.as_str().as_bytes(), topic.partitions())).collect();
    // Standard input cannot be read twice: its rows get notes that nobody will look for.
    let identity = identity.map_or_else(|| format!("stdin-{}", now.micros()), |id| format!("{id:016x}"));
    let key = |p: u32| format!("import/{}/{}/{identity}/{p}", topic.name(), topic.id());
    let mut done: BTreeMap<u32, usize> = BTreeMap::new();
    for p in partition_of.iter().copied() {
        if let std::collections::btree_map::Entry::Vacant(slot) = done.entry(p) {
            slot.insert(rows_done(components.log.note(&key(p)).await?));
        }
    }
    let is_done = |done: &BTreeMap<u32, usize>, i: usize, row: &PlannedRow| {
        done.get(&partition_of[row.symbol as usize]).is_some_and(|n| i < *n)
    };
    report.already = rows.iter().enumerate().filter(|(i, r)| is_done(&done, *i, r)).count() as u64;

    let mut watermarks = BTreeMap::new();
    for p in done.keys() {
        watermarks.insert(*p, watermark(topic.as_ref(), *p, &settings).await?);
    }
    let span = settings.tick_span.map_or(0, Span::micros);
    for (_, row) in rows.iter().enumerate().filter(|(i, r)| !is_done(&done, *i, r)) {
        let behind = watermarks.get(&partition_of[row.symbol as usize]).copied().flatten();
        report.late += u64::from(behind.is_some_and(|w| row.ts.micros().saturating_add(span) <= w.micros()));
    }
    let left = report.accepted - report.already;
    if !settings.allow_late && report.late as f64 > limits::LATE_SHARE * left as f64 {
        let watermark = watermarks.values().flatten().max().map(Timestamp::to_string).unwrap_or_default();
        return Err(ImportError::Late { late: report.late, rows: left, watermark });
    }

    let mut pace = Pace::new(settings.speed, now);
    let mut next = rows.iter().enumerate().position(|(i, r)| !is_done(&done, i, r)).unwrap_or(rows.len());
    while next < rows.len() && !shutdown.is_draining() {
        let clock = Timestamp::from_millis((components.clock)());
        let until = pace.due(&rows, next, clock).min(next + limits::IMPORT_BATCH);
        if until == next {
            tokio::select! {
                () = tokio::time::sleep(limits::PACE_MIN.max(Duration::from_millis(50))) => {}
                () = shutdown.draining() => {}
            }
            continue;
        }
        let mut batches: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate().take(until).skip(next).filter(|(i, r)| !is_done(&done, *i, r))
        {
            debug_assert!(i < until);
            let symbol = symbols[row.symbol as usize].as_str();
            let tick = Tick {
                symbol: symbol.into(),
                ts: row.ts,
                prices: row.prices,
                id: row.id.as_deref().map(Into::into),
            };
            let record = NewRecord { key: Some(symbol.as_bytes().to_vec()), value: encode_tick(&tick) };
            batches.entry(partition_of[row.symbol as usize]).or_default().push(record);
        }
        for (p, records) in batches {
            report.written += records.len() as u64;
            let note = until.to_string().into_bytes();
            durable::append(&components.log, topic, p, records, &key(p), note, &shutdown).await?;
        }
        next = until;
        (components.progress)(report.already + report.written, Some(report.accepted));
    }
    Ok(report)
}

pub(super) fn rows_done(note: Option<Vec<u8>>) -> usize {
    note.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Where a partition's stream is: the greatest event time of its newest records, less the watermark's delay. Records that
/// ingest will refuse do not count.
async fn watermark(
    topic: &dyn Topic,
    partition: u32,
    settings: &ImportSettings,
) -> Result<Option<Timestamp>, ImportError> {
    let bounds = topic.bounds(partition).await?;
    let mut at = bounds.low.max(bounds.high.saturating_sub(limits::TAIL_RECORDS));
    let mut newest: Option<Timestamp> = None;
    while at < bounds.high {
        let batch = topic.read(partition, at, limits::TAIL_BYTES, Duration::ZERO).await?;
        if batch.is_empty() {
            break;
        }
        for record in batch.iter() {
            let rules = DecodeRules { allow_ohlc_disorder: settings.allow_ohlc_disorder };
            let Ok(tick) = decode(record.value, rules) else { continue };
            if tick.ts <= Timestamp::from_millis(record.record_ms) + settings.max_future {
                newest = newest.max(Some(tick.ts));
            }
        }
        at = batch.next_offset;
    }
    let span = settings.tick_span.map_or(0, Span::micros);
    Ok(newest.map(|t| Timestamp::from_micros(t.micros().saturating_add(span)) - settings.watermark))
}

/// When rows are due.
struct Pace {
    speed: Speed,
    began: Timestamp,
    first: Option<Timestamp>,
}

impl Pace {
    fn new(speed: Speed, began: Timestamp) -> Self {
        Self { speed, began, first: None }
    }

    /// The first row from `next` on that is not due yet.
    fn due(&mut self, rows: &[PlannedRow], next: usize, now: Timestamp) -> usize {
        if self.speed == Speed::Max {
            return rows.len();
        }
        let first = *self.first.get_or_insert(rows[next].ts);
        let passed = now.micros().saturating_sub(self.began.micros());
        let until = first.micros().saturating_add(passed);
        next + rows[next..].partition_point(|r| r.ts.micros() <= until)
    }
}
