//! The files that take rows now: what a partition has made since its last cut.

use std::collections::BTreeMap;

use bytes::Bytes;
use commitlog::{FileRef, Layout, Table};
use lake::tables::{BarWriter, DeadWriter, Extent, RawWriter, TableError};
use market::{FeatureRow, RowName};
use windowing::{DeadLetter, RawRow, Sink};

/// Open files of one partition. Takes rows from windowing, collects finals for the outbox.
pub(crate) struct Open {
    /// Names of bars; other final rows are windows and live in the feature store only.
    bar_names: Vec<RowName>,
    indicators: Vec<String>,
    raw: RawWriter,
    dead: DeadWriter,
    bars: BTreeMap<RowName, BarWriter>,
    /// Records applied since the cut.
    pub records: u64,
    /// Finals since they were last taken.
    pub finals: Vec<FeatureRow>,
}

/// A finished file, not written yet.
pub(crate) struct Made {
    pub table: Table,
    pub extent: Extent,
    pub bytes: Bytes,
}

impl Open {
    pub fn new(bar_names: Vec<RowName>, indicators: Vec<String>) -> Self {
        Self {
            bar_names,
            indicators,
            raw: RawWriter::new(),
            dead: DeadWriter::new(),
            bars: BTreeMap::new(),
            records: 0,
            finals: Vec::new(),
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.raw.bytes() + self.dead.bytes() + self.bars.values().map(BarWriter::bytes).sum::<usize>()
    }

    /// Finishes every file that has rows and leaves empty ones in their place.
    pub fn cut(&mut self) -> Result<Vec<Made>, TableError> {
        self.records = 0;
        let (raw, dead) = (std::mem::take(&mut self.raw), std::mem::take(&mut self.dead));
        let mut made = Vec::new();
        let extent = raw.extent();
        if extent.rows > 0 {
            made.push(Made { table: Table::Raw, extent, bytes: raw.finish()? });
        }
        let extent = dead.extent();
        if extent.rows > 0 {
            made.push(Made { table: Table::Dead, extent, bytes: dead.finish()? });
        }
        for (name, bars) in std::mem::take(&mut self.bars) {
            let extent = bars.extent();
            made.push(Made { table: Table::Bars(name.to_string()), extent, bytes: bars.finish()? });
        }
        Ok(made)
    }
}

impl Made {
    /// The file as a commit record names it, before it has been written anywhere.
    pub fn file_ref(&self, layout: &Layout, at: &Place<'_>) -> FileRef {
        FileRef {
            tmp: String::new(),
            path: layout.data(&self.table, at.date, at.generation, at.partition, at.start, at.end),
            table: self.table.clone(),
            rows: self.extent.rows,
            bytes: self.bytes.len() as u64,
            crc: crc32c::crc32c(&self.bytes),
            min_ts: self.extent.min_ts,
            max_ts: self.extent.max_ts,
            min_offset: self.extent.min_offset,
            max_offset: self.extent.max_offset,
        }
    }
}

/// What the names of a commit's files are made of.
pub(crate) struct Place<'a> {
    pub date: &'a str,
    pub generation: u32,
    pub partition: u32,
    pub start: u64,
    pub end: u64,
}

impl Sink for Open {
    fn raw(&mut self, row: RawRow<'_>) {
        self.raw.push(&row);
    }

    fn dead(&mut self, row: DeadLetter<'_>) {
        self.dead.push(&row);
    }

    fn row(&mut self, row: FeatureRow) {
        if self.bar_names.contains(&row.name) {
            let indicators = &self.indicators;
            self.bars
                .entry(row.name.clone())
                .or_insert_with(|| BarWriter::new(indicators, row.schema_hash))
                .push(&row);
        }
        self.finals.push(row);
    }
}
