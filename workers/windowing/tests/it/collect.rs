//! A sink that keeps everything, and short ways to write logs.

use std::sync::Arc;

use market::{FeatureRow, Ohlcv, Reason, Record, Span, Tick, Timestamp, encode_tick};
use windowing::{
    DeadLetter, Partition, RawRow, Semantics, Sink, WindowSpec, canonical_dead, canonical_raw, canonical_row,
};

/// A dead letter without its borrow.
#[derive(Debug, Clone, PartialEq)]
pub struct Dead {
    pub offset: u64,
    pub reason: Reason,
    pub first_offset: Option<u64>,
    pub kept: usize,
}

/// A raw row without its borrow.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    pub symbol: String,
    pub ts: Timestamp,
    pub prices: Ohlcv,
    pub tick_id: Option<String>,
    pub generation: u32,
    pub offset: u64,
    pub watermark: Option<Timestamp>,
    pub late: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    pub raw: Vec<Raw>,
    pub dead: Vec<Dead>,
    pub rows: Vec<FeatureRow>,
    /// Canonical lines of everything, in the order of the calls.
    pub dump: Vec<String>,
}

impl Sink for Kept {
    fn raw(&mut self, row: RawRow<'_>) {
        self.dump.push(canonical_raw(&row));
        self.raw.push(Raw {
            symbol: row.symbol.to_owned(),
            ts: row.ts,
            prices: row.prices,
            tick_id: row.tick_id.map(str::to_owned),
            generation: row.generation,
            offset: row.offset,
            watermark: row.watermark,
            late: row.late,
        });
    }

    fn dead(&mut self, row: DeadLetter<'_>) {
        self.dump.push(canonical_dead(&row));
        self.dead.push(Dead {
            offset: row.offset,
            reason: row.reason,
            first_offset: row.first_offset,
            kept: row.bytes.len(),
        });
    }

    fn row(&mut self, row: FeatureRow) {
        self.dump.push(canonical_row(&row));
        self.rows.push(row);
    }
}

impl Kept {
    pub fn named(&self, name: &str) -> Vec<&FeatureRow> {
        self.rows.iter().filter(|r| r.name.as_ref() == name).collect()
    }
}

/// 2025-01-02T10:00:00Z.
pub const TEN: i64 = 1_735_812_000_000_000;
pub const SECOND: i64 = 1_000_000;

pub fn secs(n: u32) -> Span {
    Span::from_secs(n)
}

pub fn window(name: &str, size: u32, slide: u32) -> WindowSpec {
    WindowSpec { name: name.to_owned(), size: secs(size), slide: secs(slide) }
}

/// The replaced system's two windows, and no bars.
pub fn windows_only() -> Semantics {
    Semantics { bars: Vec::new(), ..Semantics::default() }
}

pub fn partition(semantics: &Semantics) -> Partition {
    Partition::new(Arc::new(semantics.clone()), 3, 1).unwrap()
}

pub fn flat(close: f64) -> Ohlcv {
    Ohlcv { open: close, high: close, low: close, close, volume: 10.0 }
}

/// A tick `micros` after ten o'clock.
pub fn tick(symbol: &str, micros: i64, close: f64) -> Vec<u8> {
    let ts = Timestamp::from_micros(TEN + micros);
    encode_tick(&Tick { symbol: symbol.into(), ts, prices: flat(close), id: None })
}

/// One record that arrives an hour after ten.
pub fn apply(partition: &mut Partition, value: &[u8], kept: &mut Kept) {
    let offset = partition.next_offset();
    partition.apply(Record { offset, record_ms: TEN / 1_000 + 3_600_000, key: None, value }, kept);
}
