//! Accepted ticks: `<root>/raw/ticks/date=…`.

use std::{mem, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, BooleanBuilder, Float64Array, Int32Array, Int64Array, StringArray,
        StringBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, Field, Schema},
};
use bytes::Bytes;
use market::{Ohlcv, Symbol, Timestamp};
use windowing::{DedupRow, RawRow};

use super::{
    Extent, TableError,
    file::{Encodings, File, column, read, signed, timestamp},
};
use crate::limits::CHUNK_ROWS;

/// Prices repeat because markets quote in steps; ids of the source do not.
pub(super) const ENCODINGS: Encodings = Encodings {
    rising: &["ts", "generation", "kafka_partition", "kafka_offset", "record_ts", "watermark"],
    repeated: &["symbol", "open", "high", "low", "close", "volume"],
};

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("ts", timestamp(), false),
        Field::new("open", DataType::Float64, false),
        Field::new("high", DataType::Float64, false),
        Field::new("low", DataType::Float64, false),
        Field::new("close", DataType::Float64, false),
        Field::new("volume", DataType::Float64, false),
        Field::new("tick_id", DataType::Utf8, true),
        Field::new("generation", DataType::Int32, false),
        Field::new("kafka_partition", DataType::Int32, false),
        Field::new("kafka_offset", DataType::Int64, false),
        Field::new("record_ts", timestamp(), false),
        Field::new("watermark", timestamp(), true),
        Field::new("late", DataType::Boolean, false),
    ])
}

#[derive(Default)]
struct Columns {
    symbol: StringBuilder,
    ts: Vec<i64>,
    prices: [Vec<f64>; 5],
    tick_id: StringBuilder,
    generation: Vec<i32>,
    partition: Vec<i32>,
    offset: Vec<i64>,
    record_ts: Vec<i64>,
    watermark: TimestampMicrosecondBuilder,
    late: BooleanBuilder,
}

impl Columns {
    /// Room for a whole chunk, so that no column grows.
    fn of_a_chunk() -> Self {
        /// Of a symbol, about.
        const SYMBOL_BYTES: usize = 8;
        let rows = || Vec::with_capacity(CHUNK_ROWS);
        Self {
            symbol: StringBuilder::with_capacity(CHUNK_ROWS, CHUNK_ROWS * SYMBOL_BYTES),
            ts: rows(),
            prices: std::array::from_fn(|_| Vec::with_capacity(CHUNK_ROWS)),
            tick_id: StringBuilder::with_capacity(CHUNK_ROWS, 0),
            generation: Vec::with_capacity(CHUNK_ROWS),
            partition: Vec::with_capacity(CHUNK_ROWS),
            offset: rows(),
            record_ts: rows(),
            watermark: TimestampMicrosecondBuilder::with_capacity(CHUNK_ROWS),
            late: BooleanBuilder::with_capacity(CHUNK_ROWS),
        }
    }
}

/// Makes one file of raw ticks.
pub struct RawWriter {
    file: File,
    columns: Columns,
    extent: Extent,
}

impl Default for RawWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl RawWriter {
    /// An empty file.
    pub fn new() -> Self {
        Self {
            file: File::new(Arc::new(schema()), &ENCODINGS, Vec::new()),
            columns: Columns::default(),
            extent: Extent::default(),
        }
    }

    /// Appends a row.
    pub fn push(&mut self, row: &RawRow<'_>) {
        let c = &mut self.columns;
        c.symbol.append_value(row.symbol);
        c.ts.push(row.ts.micros());
        let Ohlcv { open, high, low, close, volume } = row.prices;
        for (column, value) in c.prices.iter_mut().zip([open, high, low, close, volume]) {
            column.push(value);
        }
        c.tick_id.append_option(row.tick_id);
        c.generation.push(row.generation as i32);
        c.partition.push(row.partition as i32);
        c.offset.push(signed(row.offset));
        c.record_ts.push(row.record_ms.saturating_mul(1_000));
        c.watermark.append_option(row.watermark.map(Timestamp::micros));
        c.late.append_value(row.late);
        self.extent.add(Some(row.ts), row.offset);
        if c.ts.len() >= CHUNK_ROWS {
            // After a full chunk comes another as full; a partition with little traffic takes no more than it needs.
            self.flush(Columns::of_a_chunk());
        }
    }

    /// Encodes what was collected and goes on with `next`.
    fn flush(&mut self, next: Columns) {
        let mut c = mem::replace(&mut self.columns, next);
        if c.ts.is_empty() {
            return;
        }
        let utc = |values: Vec<i64>| TimestampMicrosecondArray::from(values).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![Arc::new(c.symbol.finish()), Arc::new(utc(c.ts))];
        columns.extend(c.prices.map(|p| Arc::new(Float64Array::from(p)) as ArrayRef));
        columns.extend([
            Arc::new(c.tick_id.finish()) as ArrayRef,
            Arc::new(Int32Array::from(c.generation)),
            Arc::new(Int32Array::from(c.partition)),
            Arc::new(Int64Array::from(c.offset)),
            Arc::new(utc(c.record_ts)),
            Arc::new(c.watermark.finish().with_timezone("UTC")),
            Arc::new(c.late.finish()),
        ]);
        self.file.write(columns);
    }

    /// Bytes held: encoded ones and the open chunk.
    pub fn bytes(&self) -> usize {
        /// Of one row in the open chunk, about: the widths of its columns.
        const ROW_BYTES: usize = 96;
        self.file.bytes() + self.columns.ts.len() * ROW_BYTES
    }

    /// Rows and ranges so far.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The whole file.
    pub fn finish(mut self) -> Result<Bytes, TableError> {
        self.flush(Columns::default());
        self.file.finish()
    }
}

/// A raw row with its own memory.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedRawRow {
    /// The instrument.
    pub symbol: Symbol,
    /// Event time.
    pub ts: Timestamp,
    /// Prices and volume.
    pub prices: Ohlcv,
    /// The source's own id.
    pub tick_id: Option<String>,
    /// Generation of the source topic.
    pub generation: u32,
    /// The partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
    /// Record time in milliseconds.
    pub record_ms: i64,
    /// What lateness was judged by.
    pub watermark: Option<Timestamp>,
    /// Whether it missed a window.
    pub late: bool,
}

impl OwnedRawRow {
    /// The row as windowing made it.
    pub fn borrow(&self) -> RawRow<'_> {
        RawRow {
            symbol: self.symbol.as_str(),
            ts: self.ts,
            prices: self.prices,
            tick_id: self.tick_id.as_deref(),
            generation: self.generation,
            partition: self.partition,
            offset: self.offset,
            record_ms: self.record_ms,
            watermark: self.watermark,
            late: self.late,
        }
    }

    /// The row as far as dedup needs it.
    pub fn dedup(&self) -> DedupRow<'_> {
        DedupRow {
            symbol: self.symbol.as_str(),
            ts: self.ts,
            prices: self.prices,
            tick_id: self.tick_id.as_deref(),
            generation: self.generation,
            offset: self.offset,
        }
    }
}

/// The rows of a file, in its order.
pub fn read_raw(bytes: Bytes) -> Result<Vec<OwnedRawRow>, TableError> {
    let mut rows = Vec::new();
    for batch in read(bytes, |_| true)?.batches {
        let symbol: &StringArray = column(&batch, "symbol")?;
        let ts: &TimestampMicrosecondArray = column(&batch, "ts")?;
        let open: &Float64Array = column(&batch, "open")?;
        let high: &Float64Array = column(&batch, "high")?;
        let low: &Float64Array = column(&batch, "low")?;
        let close: &Float64Array = column(&batch, "close")?;
        let volume: &Float64Array = column(&batch, "volume")?;
        let tick_id: &StringArray = column(&batch, "tick_id")?;
        let generation: &Int32Array = column(&batch, "generation")?;
        let partition: &Int32Array = column(&batch, "kafka_partition")?;
        let offset: &Int64Array = column(&batch, "kafka_offset")?;
        let record_ts: &TimestampMicrosecondArray = column(&batch, "record_ts")?;
        let watermark: &TimestampMicrosecondArray = column(&batch, "watermark")?;
        let late: &BooleanArray = column(&batch, "late")?;
        for i in 0..batch.num_rows() {
            rows.push(OwnedRawRow {
                symbol: Symbol::parse(symbol.value(i)).map_err(|e| TableError::damaged(e.to_string()))?,
                ts: Timestamp::from_micros(ts.value(i)),
                prices: Ohlcv {
                    open: open.value(i),
                    high: high.value(i),
                    low: low.value(i),
                    close: close.value(i),
                    volume: volume.value(i),
                },
                tick_id: (!tick_id.is_null(i)).then(|| tick_id.value(i).to_owned()),
                generation: generation.value(i) as u32,
                partition: partition.value(i) as u32,
                offset: offset.value(i) as u64,
                record_ms: record_ts.value(i) / 1_000,
                watermark: (!watermark.is_null(i)).then(|| Timestamp::from_micros(watermark.value(i))),
                late: late.value(i),
            });
        }
    }
    Ok(rows)
}
