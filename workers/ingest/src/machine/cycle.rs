//! One commit on its way: files written, finals acknowledged or spilled, the record placed, files given their names.

use std::time::Duration;

use bytes::Bytes;
use commitlog::{Commit, FileRef, Kind, StateFile, StateKind, Table, upkeep, upkeep::StateForm};
use lake::tables::BarWriter;
use market::Timestamp;

use super::{Effect, Machine, open::Made, open::Place};
use crate::{Error, budget::Room, limits::ACK_GRACE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Files are being written.
    Writing,
    /// Files are durable since then; finals are awaited.
    Acks(Duration),
    /// The record is being placed.
    Placing,
    /// Files get their names.
    Moving,
}

pub(crate) struct Cycle {
    stage: Stage,
    record: Commit,
    /// Content of the files, kept until they are durable.
    contents: Vec<Option<Bytes>>,
    /// Serial after the last final before the commit's end.
    finals: u64,
    /// The spilled file and the serial of its first row.
    spill: Option<(FileRef, u64)>,
}

impl Cycle {
    pub fn bytes(&self) -> usize {
        self.contents.iter().flatten().map(Bytes::len).sum()
    }

    pub fn is_placing(&self) -> bool {
        self.stage == Stage::Placing
    }

    pub fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Acks(since) => Some(since + ACK_GRACE),
            _ => None,
        }
    }

    pub fn written(&mut self, file: usize, tmp: String, now: Duration) {
        if let (Some(entry), Some(content)) = (self.record.files.get_mut(file), self.contents.get_mut(file)) {
            entry.tmp = tmp;
            *content = None;
        }
        if self.stage == Stage::Writing && self.contents.iter().all(Option::is_none) {
            self.stage = Stage::Acks(now);
        }
    }

    /// The effects that the stage waits for.
    pub fn again(&self, out: &mut Vec<Effect>) {
        match self.stage {
            Stage::Writing => out.extend(self.contents.iter().enumerate().filter_map(|(file, content)| {
                let bytes = content.clone()?;
                Some(Effect::Write { file, bytes })
            })),
            Stage::Acks(_) => {}
            Stage::Placing => out.push(Effect::Commit(Box::new(self.record.clone()))),
            Stage::Moving => out.push(self.moves()),
        }
    }

    fn moves(&self) -> Effect {
        Effect::Move { files: self.record.files.clone(), end: self.record.end }
    }

    fn add(&mut self, file: FileRef, bytes: Bytes, out: &mut Vec<Effect>) {
        out.push(Effect::Write { file: self.record.files.len(), bytes: bytes.clone() });
        self.record.files.push(file);
        self.contents.push(Some(bytes));
    }
}

impl Machine {
    /// Freezes everything before `position` as the next commit; later records go to new files.
    pub(super) fn cut(&mut self, now: Duration, out: &mut Vec<Effect>) -> Result<(), Error> {
        let (start, end) = (self.head.end, self.position);
        let p = &mut self.partition;
        let day = self.day.take();
        // Arrival dates never go back, not even behind an empty commit that a clock ahead of the log's has dated.
        let date = day.map(date_of).max(self.head.date.clone());
        let shown_date = date.clone().unwrap_or_else(|| date_of(0));
        let place = Place {
            date: &shown_date,
            generation: p.generation(),
            partition: self.head.partition,
            start,
            end,
        };
        let seq = self.head.seq + 1;
        let form = upkeep::state_form(self.head.state.as_ref(), self.head.date.as_deref(), date.as_deref());
        let (kind, payload, anchor) = match form {
            StateForm::Delta => (StateKind::Delta, p.encode_delta(), None),
            StateForm::Full => (StateKind::Full, p.encode_full(), None),
            StateForm::Anchor => (StateKind::Full, p.encode_full(), Some(shown_date.as_str())),
        };
        let state_path = self.plan.layout.state(place.partition, seq, anchor);
        let state = StateFile { kind, partition: place.partition, seq, payload }.encode();
        let made = self.open.cut()?;
        let files: Vec<(FileRef, Bytes)> = made
            .into_iter()
            .map(|m| (m.file_ref(&self.plan.layout, &place), m.bytes))
            .chain([state_entry(state_path.clone(), Bytes::from(state))])
            .collect();
        let new_raw = files.iter().map(|(f, _)| f).find(|f| f.table == Table::Raw);
        let needed_from = p.dedup_need().from_offset;
        let record = Commit {
            seq,
            kind: Kind::Data,
            semantics_hash: p.semantics().hash(),
            generation: place.generation,
            start,
            end,
            recent: upkeep::recent(&self.head.recent, new_raw, needed_from),
            files: Vec::new(),
            write_ts: p.write_ts(),
            max_ts: p.max_ts(),
            watermark: p.watermark(),
            record_ms: p.record_ms().max(self.head.record_ms),
            last: self.last.clone(),
            counters: serde_json::to_value(p.counters()).unwrap_or_default(),
            pending: Vec::new(),
            skips: self.plan.skips.iter().copied().collect(),
            state: Some(upkeep::state_after(self.head.state.as_ref(), form, state_path)),
            gap: None,
            date,
            ..self.head.clone()
        };
        let mut cycle = Cycle {
            stage: Stage::Writing,
            record,
            contents: Vec::new(),
            finals: self.outbox.end(),
            spill: None,
        };
        for (file, bytes) in files {
            cycle.add(file, bytes, out);
        }
        self.opened = None;
        self.asked = false;
        if self.room == Room::Commit {
            self.room = Room::Free;
        }
        self.cycle = Some(cycle);
        self.settle(now, out)
    }

    /// Places the record once its files are durable and its finals acknowledged; spills finals that take too long.
    pub(super) fn settle(&mut self, now: Duration, out: &mut Vec<Effect>) -> Result<(), Error> {
        let Some(cycle) = &mut self.cycle else { return Ok(()) };
        let Stage::Acks(since) = cycle.stage else { return Ok(()) };
        let in_flight = match &self.flight {
            Some(f) if f.cargo == super::sending::Cargo::Finals => &f.rows[..],
            _ => &[],
        };
        if !self.outbox.is_acked(cycle.finals) && cycle.spill.is_none() {
            let (first, rows) = self.outbox.unspilled(in_flight, cycle.finals);
            let failing = self.flight.as_ref().is_some_and(|f| f.failures > 0);
            if !rows.is_empty() {
                if !failing && now < since + ACK_GRACE {
                    return Ok(());
                }
                let mut writer = BarWriter::mixed();
                rows.into_iter().for_each(|row| writer.push(row));
                let (extent, bytes) = (writer.extent(), writer.finish()?);
                let c = &cycle.record;
                let place = Place {
                    date: "",
                    generation: c.generation,
                    partition: c.partition,
                    start: c.start,
                    end: c.end,
                };
                let made = Made { table: Table::Pending, extent, bytes: bytes.clone() };
                let file = made.file_ref(&self.plan.layout, &place);
                cycle.spill = Some((file.clone(), first));
                cycle.stage = Stage::Writing;
                cycle.add(file, bytes, out);
                return Ok(());
            }
        }
        cycle.record.pending = self.outbox.files();
        if let Some((spill, _)) = &mut cycle.spill
            && let Some(written) = cycle.record.files.iter().find(|f| f.table == Table::Pending)
        {
            spill.clone_from(written);
            cycle.record.pending.push(written.clone());
        }
        // A rebuild reads committed files only: their names are final by then, wherever they were written.
        for recent in &mut cycle.record.recent {
            if let Some(written) = cycle.record.files.iter().find(|f| f.path == recent.path) {
                recent.tmp.clone_from(&written.tmp);
            }
        }
        cycle.stage = Stage::Placing;
        out.push(Effect::Commit(Box::new(cycle.record.clone())));
        Ok(())
    }

    pub(super) fn placed(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let Some(cycle) = &mut self.cycle else { return };
        cycle.stage = Stage::Moving;
        self.head = cycle.record.clone();
        self.commits += 1;
        self.committed_at = Some(now);
        self.confirmed = now;
        out.push(cycle.moves());
    }

    pub(super) fn moved(&mut self, now: Duration, out: &mut Vec<Effect>) {
        let Some(cycle) = self.cycle.take() else { return };
        if let Some((file, first)) = cycle.spill {
            self.outbox.spilled(file.clone(), first);
            if self.outbox.is_acked(first + file.rows) {
                self.forget.push(file);
            }
        }
        // Only files that the newest record does not name any more.
        let (kept, gone) = std::mem::take(&mut self.forget)
            .into_iter()
            .partition(|f| self.head.pending.iter().any(|p| p.path == f.path));
        self.forget = kept;
        let gone: Vec<FileRef> = gone;
        if !gone.is_empty() {
            out.push(Effect::Forget(gone));
        }
        self.sweep(now, out);
    }
}

/// A state file as a commit record names it, before it has been written anywhere.
pub(crate) fn state_entry(path: String, bytes: Bytes) -> (FileRef, Bytes) {
    let file = FileRef {
        table: Table::State,
        tmp: String::new(),
        path,
        rows: 0,
        bytes: bytes.len() as u64,
        crc: crc32c::crc32c(&bytes),
        min_ts: None,
        max_ts: None,
        min_offset: None,
        max_offset: None,
    };
    (file, bytes)
}

pub(super) fn date_of(day: i64) -> String {
    const DAY_MICROS: i64 = 86_400_000_000;
    Timestamp::from_micros(day.saturating_mul(DAY_MICROS)).date()
}
