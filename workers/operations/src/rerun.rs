//! Stored rows through windowing again, controls included: the state and the final rows that ingest computed.
//!
//! What is computed is held against what is recorded on the way: the watermark and lateness of every raw row, T and the
//! counts of every record that stands where the rerun passes.

use std::collections::VecDeque;

use commitlog::{Commit, Kind};
use market::FeatureRow;
use windowing::{Counters, DeadLetter, Partition, RawRow, Sink};

use crate::{
    OperationsError,
    lineage::{Base, Lineage, Turn},
    shelf::StoredRow,
};

/// Final rows that were closed, and whether raw rows came out as they are stored.
#[derive(Default)]
struct Closed {
    rows: Vec<FeatureRow>,
    raw: Option<(Option<market::Timestamp>, bool)>,
}

impl Sink for Closed {
    fn raw(&mut self, row: RawRow<'_>) {
        self.raw = Some((row.watermark, row.late));
    }
    fn dead(&mut self, _: DeadLetter<'_>) {}
    fn row(&mut self, row: FeatureRow) {
        self.rows.push(row);
    }
}

/// A partition on its way through its stored rows.
pub(crate) struct Rerun {
    partition: Partition,
    turns: VecDeque<Turn>,
    /// Records to hold the state against, at (generation, end).
    marks: VecDeque<((u32, u64), Recorded)>,
    closed: Closed,
    /// What did not come out as recorded, the first of it in words.
    pub doubts: u64,
    pub first_doubt: Option<String>,
    /// Rows taken.
    pub taken: u64,
}

/// What a record says about its prefix.
struct Recorded {
    seq: u64,
    write_ts: i64,
    watermark: Option<market::Timestamp>,
    counters: Option<Counters>,
}

impl Rerun {
    /// Starts at `base`, past which `turns` lie.
    pub fn new(base: Base, turns: Vec<Turn>, lineage: &Lineage) -> Self {
        let after = base.seq;
        let told = |c: &&Commit| after.is_none_or(|after| c.seq > after) && c.kind == Kind::Data;
        let marks = lineage.commits.values().filter(told).map(|c| {
            let recorded = Recorded {
                seq: c.seq,
                write_ts: c.write_ts,
                watermark: c.watermark,
                counters: serde_json::from_value(c.counters.clone()).ok(),
            };
            ((c.generation, c.end), recorded)
        });
        Self {
            partition: base.partition,
            turns: turns.into(),
            marks: marks.collect(),
            closed: Closed::default(),
            doubts: 0,
            first_doubt: None,
            taken: 0,
        }
    }

    /// Generation and offset of the first row that it needs.
    pub fn from(&self) -> (u32, u64) {
        (self.partition.generation(), self.partition.next_offset())
    }

    /// Takes the next row.
    pub fn take(&mut self, row: &StoredRow) -> Result<(), OperationsError> {
        self.pass(row.at())?;
        if row.at().0 != self.partition.generation() {
            return Err(OperationsError::Contradiction {
                partition: self.partition.partition(),
                reason: format!("rows of generation {} have no generation record", row.at().0),
            });
        }
        self.taken += 1;
        match row {
            StoredRow::Raw(row) => {
                self.closed.raw = None;
                self.partition.reapply_raw(&row.borrow(), &mut self.closed);
                if self.closed.raw.is_some_and(|computed| computed != (row.watermark, row.late)) {
                    self.doubt(|| {
                        format!("offset {} is judged by another watermark than stored", row.offset)
                    });
                }
            }
            StoredRow::Dead(row) => self.partition.reapply_dead(&row.borrow()),
        }
        Ok(())
    }

    /// Applies the controls and checks the records before (generation, offset).
    pub fn pass(&mut self, to: (u32, u64)) -> Result<(), OperationsError> {
        loop {
            let turn = self.turns.front().map(|t| t.at).filter(|at| *at <= to);
            let mark = self.marks.front().map(|(at, _)| *at).filter(|at| *at <= to);
            // Of a record and a control at one place, the one with the lower number came first.
            let control_first = match (turn, mark) {
                (None, None) => return Ok(()),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(_), Some(_)) => {
                    self.turns.front().map(|t| t.seq) < self.marks.front().map(|(_, m)| m.seq)
                }
            };
            if control_first {
                if let Some(turn) = self.turns.pop_front() {
                    self.partition.control(turn.control)?;
                }
            } else if let Some((_, recorded)) = self.marks.pop_front() {
                self.hold_against(&recorded);
            }
        }
    }

    fn hold_against(&mut self, recorded: &Recorded) {
        let p = &self.partition;
        let (t, w) = (p.write_ts(), p.watermark());
        let read = recorded.counters.as_ref().map_or(p.counters().read, |c| c.read);
        if (t, w, p.counters().read) == (recorded.write_ts, recorded.watermark, read) {
            return;
        }
        let (seq, was) = (recorded.seq, recorded.write_ts);
        let counted = p.counters().read;
        self.doubt(|| {
            format!("commit {seq} records T {was} after {read} records, its rows give T {t} after {counted}")
        });
    }

    fn doubt(&mut self, what: impl FnOnce() -> String) {
        self.doubts += 1;
        self.first_doubt.get_or_insert_with(what);
    }

    /// The final rows closed since the last call, in closing order.
    pub fn closed(&mut self) -> Vec<FeatureRow> {
        std::mem::take(&mut self.closed.rows)
    }

    /// How many final rows wait for [`Rerun::closed`].
    pub fn waiting(&self) -> usize {
        self.closed.rows.len()
    }

    /// The state.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The state, at the end.
    pub fn into_partition(self) -> Partition {
        self.partition
    }
}
