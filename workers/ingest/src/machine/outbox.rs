//! Finals on their way to the feature store and then to the features log, in closing order.
//!
//! Every final has a serial number of this process. Rows leave the front when both have acknowledged them. What a
//! commit finds unacknowledged is spilled into a file of that commit and dropped from memory; it is read back when its
//! turn comes. Order: rows read back, spilled files, rows in memory.

use std::{collections::VecDeque, sync::Arc};

use commitlog::FileRef;
use market::FeatureRow;

use crate::limits::UPSERT_ROWS;

/// Bytes of a row in memory, about: its fixed part; values come on top.
const ROW_BYTES: usize = 256;

/// A spilled file that holds the rows with serials `first..first + file.rows`.
#[derive(Debug, Clone)]
struct Spill {
    file: FileRef,
    first: u64,
}

impl Spill {
    fn end(&self) -> u64 {
        self.first + self.file.rows
    }
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Serial of the next final to be made.
    next: u64,
    /// First serial that is not acknowledged.
    acked: u64,
    /// First serial that has not been handed out.
    taken: u64,
    /// The newest rows, ending at `next`.
    rows: VecDeque<FeatureRow>,
    /// Rows read back, starting at `taken`.
    loaded: VecDeque<FeatureRow>,
    spills: VecDeque<Spill>,
    bytes: usize,
}

impl Outbox {
    /// Rows that a predecessor left in files.
    pub fn restore(pending: &[FileRef]) -> Self {
        let mut outbox = Self::default();
        for file in pending {
            outbox.spills.push_back(Spill { file: file.clone(), first: outbox.next });
            outbox.next += file.rows;
        }
        outbox
    }

    pub fn push(&mut self, row: FeatureRow) {
        self.bytes += cost(&row);
        self.next += 1;
        self.rows.push_back(row);
    }

    /// Serial after the newest final.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// True when everything before `serial` is acknowledged.
    pub fn is_acked(&self, serial: u64) -> bool {
        self.acked >= serial
    }

    /// Finals not acknowledged, wherever they are.
    pub fn pending(&self) -> u64 {
        self.next - self.acked
    }

    /// Bytes of rows in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True when no row lives in memory alone: what is left is in committed files.
    pub fn is_safe(&self) -> bool {
        let covered = self.spills.front().is_some_and(|s| s.first <= self.acked);
        self.pending() == 0 || (self.rows.is_empty() && covered)
    }

    fn memory_from(&self) -> u64 {
        self.next - self.rows.len() as u64
    }

    /// The next rows to hand out; empty when there are none in memory at the front.
    pub fn take(&mut self) -> Arc<[FeatureRow]> {
        let queue = if !self.loaded.is_empty() {
            &mut self.loaded
        } else if self.spills.iter().all(|s| s.end() <= self.taken) {
            &mut self.rows
        } else {
            return Arc::from([]);
        };
        let n = queue.len().min(UPSERT_ROWS);
        let rows: Arc<[FeatureRow]> = queue.drain(..n).collect();
        self.bytes = self.bytes.saturating_sub(rows.iter().map(cost).sum());
        self.taken += n as u64;
        rows
    }

    /// The file that has to be read back before anything else can be handed out.
    pub fn wants(&self) -> Option<&FileRef> {
        if !self.loaded.is_empty() {
            return None;
        }
        self.spills.iter().find(|s| s.end() > self.taken).map(|s| &s.file)
    }

    /// The rows of the file that was wanted.
    pub fn load(&mut self, rows: Vec<FeatureRow>) {
        let Some(spill) = self.spills.iter().find(|s| s.end() > self.taken) else { return };
        let skip = self.taken.saturating_sub(spill.first) as usize;
        self.taken = self.taken.max(spill.first);
        self.loaded = rows.into_iter().skip(skip).collect();
        self.bytes += self.loaded.iter().map(cost).sum::<usize>();
    }

    /// Everything handed out so far is acknowledged. Returns the files that are done with.
    pub fn ack(&mut self) -> Vec<FileRef> {
        self.acked = self.taken;
        let mut done = Vec::new();
        while let Some(spill) = self.spills.front().filter(|s| s.end() <= self.acked) {
            done.push(spill.file.clone());
            self.spills.pop_front();
        }
        done
    }

    /// The rows in memory before `serial` that no file holds, with those in flight in front: what a spill must hold.
    pub fn unspilled<'a>(&'a self, in_flight: &'a [FeatureRow], serial: u64) -> (u64, Vec<&'a FeatureRow>) {
        let spilled_to = self.spills.back().map_or(0, Spill::end).max(self.acked);
        // In flight are the rows that end at `taken`.
        let flight_from = self.taken - in_flight.len() as u64;
        let flight = in_flight.iter().zip(flight_from..).filter(|(_, s)| *s >= spilled_to && *s < serial);
        let memory =
            self.rows.iter().zip(self.memory_from()..).filter(|(_, s)| *s >= spilled_to && *s < serial);
        (spilled_to, flight.chain(memory).map(|(row, _)| row).collect())
    }

    /// A commit holds `file` with the rows from `first` on: they need no memory any more.
    pub fn spilled(&mut self, file: FileRef, first: u64) {
        let spill = Spill { file, first };
        while self.memory_from() < spill.end() {
            match self.rows.pop_front() {
                Some(row) => self.bytes = self.bytes.saturating_sub(cost(&row)),
                None => break,
            }
        }
        if spill.end() > self.acked {
            self.spills.push_back(spill);
        }
    }

    /// Files that a commit must name as pending.
    pub fn files(&self) -> Vec<FileRef> {
        self.spills.iter().map(|s| s.file.clone()).collect()
    }
}

fn cost(row: &FeatureRow) -> usize {
    ROW_BYTES + row.indicators.len() * 16 + row.features.as_ref().map_or(0, |f| f.len() * 8)
}
