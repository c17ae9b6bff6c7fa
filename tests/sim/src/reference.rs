//! What must be stored: the records, one after the other, through `windowing` alone, with the controls that the commit
//! log holds. No files, no commits, no clock: an undisturbed run in its plainest form.

use std::{collections::BTreeMap, sync::Arc};

use commitlog::{
    Commit, Kind,
    invariants::{Invariant, Violation},
};
use market::{FeatureRow, Record, Timestamp};
use windowing::{Control, DeadLetter, Partition, RawRow, Sink, canonical_dead, canonical_raw, canonical_row};

use crate::{
    error::{Broken, Doing},
    ledger::Kept,
    witness::RowKey,
    world::World,
};

/// A stored record as it must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Generation, partition, offset: the order of a dump.
    pub at: (u32, u32, u64),
    /// The canonical text.
    pub text: String,
    /// Arrival date, by which retention goes.
    pub date: String,
}

/// Everything that must be stored.
#[derive(Debug, Default)]
pub struct Expected {
    /// Accepted ticks.
    pub raw: Vec<Line>,
    /// Rejected records.
    pub dead: Vec<Line>,
    /// Final rows in closing order, one for each place in the store.
    pub rows: Vec<String>,
    /// Final rows of each partition in the order in which they close.
    pub closed: BTreeMap<u32, Vec<FeatureRow>>,
}

/// Computes what a world's lake and store must hold.
pub fn expected(world: &World) -> Result<Expected, Broken> {
    let mut collected = Collected::default();
    for p in 0..world.partitions() {
        partition(world, p, &mut collected)?;
    }
    let Collected { mut raw, mut dead, rows, closed, .. } = collected;
    raw.sort();
    dead.sort();
    let mut finals: Vec<FeatureRow> = rows.into_values().filter(|r| r.is_final).collect();
    finals.sort_by_key(|r| (r.generation, r.part, r.last_offset, r.index));
    Ok(Expected { raw, dead, rows: finals.iter().map(canonical_row).collect(), closed })
}

#[derive(Default)]
struct Collected {
    raw: Vec<Line>,
    dead: Vec<Line>,
    rows: BTreeMap<RowKey, FeatureRow>,
    closed: BTreeMap<u32, Vec<FeatureRow>>,
    date: String,
}

impl Sink for Collected {
    fn raw(&mut self, row: RawRow<'_>) {
        let at = (row.generation, row.partition, row.offset);
        self.raw.push(Line { at, text: canonical_raw(&row), date: self.date.clone() });
    }

    fn dead(&mut self, row: DeadLetter<'_>) {
        let at = (row.generation, row.partition, row.offset);
        self.dead.push(Line { at, text: canonical_dead(&row), date: self.date.clone() });
    }

    fn row(&mut self, row: FeatureRow) {
        let key = (row.name.clone(), row.symbol.clone(), row.window_start);
        if row.is_final {
            self.closed.entry(row.part).or_default().push(row.clone());
        }
        if self.rows.get(&key).is_none_or(|old| old.write_ts <= row.write_ts) {
            self.rows.insert(key, row);
        }
    }
}

fn partition(world: &World, p: u32, out: &mut Collected) -> Result<(), Broken> {
    let records = world.witness.records(p);
    let Some(first) = records.first() else { return Ok(()) };
    let semantics_of = |hash: &str| {
        let found = world.semantics(hash);
        found.ok_or_else(|| Broken::Untidy(format!("partition {p}: nobody knows the semantics {hash}")))
    };
    let semantics = semantics_of(&first.commit.semantics_hash)?;
    let mut state = Partition::new(semantics, p, first.commit.generation).doing("making a partition")?;
    let mut log: (String, Arc<[Kept]>) = (String::new(), Arc::from([]));
    let mut begun = false;
    for placed in &records {
        let commit = &placed.commit;
        begun |= commit.kind != Kind::Fence;
        if log.0 != commit.topic_id {
            log = (commit.topic_id.clone(), world.ledger.records(&commit.topic_id, p).into());
        }
        match commit.kind {
            Kind::Fence => {}
            Kind::Data => apply(&mut state, &log.1, commit, out)?,
            Kind::Gap => control(&mut state, Control::Gap { to: commit.end, t_floor: commit.write_ts })?,
            Kind::Config => {
                let semantics = semantics_of(&commit.semantics_hash)?;
                control(&mut state, Control::Config { semantics, t_floor: commit.write_ts })?;
            }
            Kind::Generation => {
                let (generation, next_offset) = (commit.generation, commit.end);
                control(
                    &mut state,
                    Control::Generation { generation, next_offset, t_floor: commit.write_ts },
                )?;
            }
        }
        // Retention may have taken the beginning of the log before the first claim: the chain starts where the log did.
        let next = if begun { state.next_offset() } else { first.commit.end };
        hold_against(&state, next, commit)?;
    }
    // A drain writes every open window once: where it has another meaning by now, it covers what was final before.
    state.provisional(false, out);
    Ok(())
}

fn control(state: &mut Partition, control: Control) -> Result<(), Broken> {
    state.control(control).doing("applying a control")
}

fn apply(state: &mut Partition, log: &[Kept], commit: &Commit, out: &mut Collected) -> Result<(), Broken> {
    for offset in commit.start..commit.end {
        let Some((record_ms, record)) = log.get(offset as usize) else {
            let detail = format!("commit {} stores offset {offset}, which nobody appended", commit.seq);
            return Err(Violation { invariant: Invariant::I1, detail }.into());
        };
        let arrived = state.record_ms().max(*record_ms);
        out.date = Timestamp::from_millis(arrived).date();
        let key = record.key.as_deref();
        state.apply(Record { offset, record_ms: *record_ms, key, value: &record.value }, out);
    }
    Ok(())
}

/// The state that a commit records is the state that its prefix gives (I2).
fn hold_against(state: &Partition, next: u64, commit: &Commit) -> Result<(), Broken> {
    let computed = (state.write_ts(), state.max_ts(), state.watermark(), next);
    let recorded = (commit.write_ts, commit.max_ts, commit.watermark, commit.end);
    let counters = serde_json::to_value(state.counters()).doing("reading counters")?;
    if computed == recorded && counters == commit.counters {
        return Ok(());
    }
    let detail = format!(
        "commit {} ({:?}) of partition {} records {recorded:?} {}, its prefix gives {computed:?} {counters}",
        commit.seq, commit.kind, commit.partition, commit.counters
    );
    Err(Violation { invariant: Invariant::I2, detail }.into())
}
