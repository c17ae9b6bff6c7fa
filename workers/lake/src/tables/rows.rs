//! Final bars (`<root>/bars/name=…/date=…`) and finals that wait for the feature store (`<root>/_pending/…`).
//!
//! A file of bars has one typed column per indicator and the hash of the feature schema in its key-value metadata. A
//! file of waiting rows holds windows and bars of every size, so there indicators are a list and the hash is a column.

use std::{mem, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BooleanArray, BooleanBuilder, Float64Array, Float64Builder, Int32Array, Int64Array,
        ListArray, ListBuilder, StringArray, StringBuilder, TimestampMicrosecondArray, UInt64Array,
    },
    datatypes::{DataType, Field, Schema},
    record_batch::RecordBatch,
};
use bytes::Bytes;
use market::{FeatureRow, Ohlcv, RowName, Symbol, Timestamp};
use parquet::file::{
    metadata::{KeyValue, RowGroupMetaData},
    statistics::Statistics,
};

use super::{
    Extent, TableError,
    file::{Content, Encodings, File, column, optional, read, signed, timestamp},
};
use crate::limits::CHUNK_ROWS;

/// How the columns are encoded: a bar's prices and indicators are as good as never those of another.
pub(super) const ENCODINGS: Encodings = Encodings {
    rising: &[
        "window_start",
        "window_end",
        "n",
        "revision",
        "generation",
        "part",
        "last_offset",
        "index",
        "write_ts",
    ],
    repeated: &["symbol", "name"],
};
const SCHEMA_HASH: &str = "stockpipe.schema_hash";
const INDICATORS: &str = "stockpipe.indicators";

fn list() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Float64, true)))
}

fn schema(indicators: Option<&[String]>) -> Schema {
    let mut fields = vec![
        Field::new("symbol", DataType::Utf8, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("window_start", timestamp(), false),
        Field::new("window_end", timestamp(), false),
        Field::new("open", DataType::Float64, false),
        Field::new("high", DataType::Float64, false),
        Field::new("low", DataType::Float64, false),
        Field::new("close", DataType::Float64, false),
        Field::new("volume", DataType::Float64, false),
        Field::new("vwap", DataType::Float64, true),
        Field::new("sma", DataType::Float64, false),
        Field::new("n", DataType::Int64, false),
        Field::new("final", DataType::Boolean, false),
        Field::new("revision", DataType::Int32, false),
        Field::new("partial", DataType::Boolean, false),
        Field::new("generation", DataType::Int32, false),
        Field::new("part", DataType::Int32, false),
        Field::new("last_offset", DataType::Int64, false),
        Field::new("index", DataType::Int32, false),
        Field::new("write_ts", DataType::Int64, false),
        Field::new("features", list(), true),
    ];
    match indicators {
        Some(names) => fields.extend(names.iter().map(|n| Field::new(n, DataType::Float64, true))),
        None => fields.extend([
            Field::new("indicators", list(), false),
            Field::new("schema_hash", DataType::UInt64, false),
        ]),
    }
    Schema::new(fields)
}

#[derive(Default)]
struct Columns {
    symbol: StringBuilder,
    name: StringBuilder,
    window_start: Vec<i64>,
    window_end: Vec<i64>,
    prices: [Vec<f64>; 5],
    vwap: Float64Builder,
    sma: Vec<f64>,
    n: Vec<i64>,
    is_final: BooleanBuilder,
    revision: Vec<i32>,
    partial: BooleanBuilder,
    generation: Vec<i32>,
    part: Vec<i32>,
    last_offset: Vec<i64>,
    index: Vec<i32>,
    write_ts: Vec<i64>,
    features: ListBuilder<Float64Builder>,
    typed: Vec<Float64Builder>,
    listed: ListBuilder<Float64Builder>,
    schema_hash: Vec<u64>,
}

/// Makes one file of rows.
pub struct BarWriter {
    file: File,
    typed: Option<usize>,
    columns: Columns,
    extent: Extent,
}

impl BarWriter {
    /// A file of bars of one size with these indicator columns and this feature schema.
    pub fn new(indicators: &[String], schema_hash: u64) -> Self {
        let value = serde_json::Value::from(indicators).to_string();
        let metadata = vec![
            KeyValue::new(SCHEMA_HASH.to_owned(), schema_hash.to_string()),
            KeyValue::new(INDICATORS.to_owned(), value),
        ];
        Self::with(Some(indicators), metadata)
    }

    /// A file of rows of any name.
    pub fn mixed() -> Self {
        Self::with(None, Vec::new())
    }

    fn with(indicators: Option<&[String]>, metadata: Vec<KeyValue>) -> Self {
        let file = File::new(Arc::new(schema(indicators)), &ENCODINGS, metadata);
        let typed = indicators.map(<[String]>::len);
        Self { file, typed, columns: Self::columns(typed), extent: Extent::default() }
    }

    fn columns(typed: Option<usize>) -> Columns {
        let typed = (0..typed.unwrap_or(0)).map(|_| Float64Builder::new()).collect();
        Columns { typed, ..Columns::default() }
    }

    /// Appends a row.
    pub fn push(&mut self, row: &FeatureRow) {
        let c = &mut self.columns;
        c.symbol.append_value(row.symbol.as_str());
        c.name.append_value(&row.name);
        c.window_start.push(row.window_start.micros());
        c.window_end.push(row.window_end.micros());
        let Ohlcv { open, high, low, close, volume } = row.prices;
        for (column, value) in c.prices.iter_mut().zip([open, high, low, close, volume]) {
            column.push(value);
        }
        c.vwap.append_option(row.vwap);
        c.sma.push(row.sma);
        c.n.push(signed(row.n));
        c.is_final.append_value(row.is_final);
        c.revision.push(row.revision as i32);
        c.partial.append_value(row.partial);
        c.generation.push(row.generation as i32);
        c.part.push(row.part as i32);
        c.last_offset.push(signed(row.last_offset));
        c.index.push(row.index as i32);
        c.write_ts.push(row.write_ts);
        match &row.features {
            Some(values) => {
                c.features.values().append_slice(values);
                c.features.append(true);
            }
            None => c.features.append(false),
        }
        if self.typed.is_some() {
            for (i, column) in c.typed.iter_mut().enumerate() {
                column.append_option(row.indicators.get(i).copied().flatten());
            }
        } else {
            for value in &row.indicators {
                c.listed.values().append_option(*value);
            }
            c.listed.append(true);
            c.schema_hash.push(row.schema_hash);
        }
        self.extent.add(Some(row.window_start), row.last_offset);
        if c.n.len() >= CHUNK_ROWS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut c = mem::replace(&mut self.columns, Self::columns(self.typed));
        if c.n.is_empty() {
            return;
        }
        let utc = |values: Vec<i64>| TimestampMicrosecondArray::from(values).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(c.symbol.finish()),
            Arc::new(c.name.finish()),
            Arc::new(utc(c.window_start)),
            Arc::new(utc(c.window_end)),
        ];
        columns.extend(c.prices.map(|p| Arc::new(Float64Array::from(p)) as ArrayRef));
        columns.extend([
            Arc::new(c.vwap.finish()) as ArrayRef,
            Arc::new(Float64Array::from(c.sma)),
            Arc::new(Int64Array::from(c.n)),
            Arc::new(c.is_final.finish()),
            Arc::new(Int32Array::from(c.revision)),
            Arc::new(c.partial.finish()),
            Arc::new(Int32Array::from(c.generation)),
            Arc::new(Int32Array::from(c.part)),
            Arc::new(Int64Array::from(c.last_offset)),
            Arc::new(Int32Array::from(c.index)),
            Arc::new(Int64Array::from(c.write_ts)),
            Arc::new(c.features.finish()),
        ]);
        if self.typed.is_some() {
            columns.extend(c.typed.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef));
        } else {
            columns.push(Arc::new(c.listed.finish()));
            columns.push(Arc::new(UInt64Array::from(c.schema_hash)));
        }
        self.file.write(columns);
    }

    /// Bytes held: encoded ones and the open chunk.
    pub fn bytes(&self) -> usize {
        /// Of one row in the open chunk, about: its fixed columns and thirty values.
        const ROW_BYTES: usize = 400;
        self.file.bytes() + self.columns.n.len() * ROW_BYTES
    }

    /// Rows and ranges so far; the times are window starts.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The whole file.
    pub fn finish(mut self) -> Result<Bytes, TableError> {
        self.flush();
        self.file.finish()
    }
}

/// The rows of a file, in its order.
pub fn read_bars(bytes: Bytes) -> Result<Vec<FeatureRow>, TableError> {
    read_bars_between(bytes, None, None)
}

/// The rows of the row groups that may hold `from <= window_start < to`, by their statistics: a superset of what is
/// asked for.
pub fn read_bars_between(
    bytes: Bytes,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Vec<FeatureRow>, TableError> {
    let content = read(bytes, |group| may_hold(group, from, to))?;
    let hash = content.value(SCHEMA_HASH).and_then(|v| v.parse().ok()).unwrap_or(0);
    let names = indicator_names(&content)?;
    let mut rows = Vec::new();
    for batch in &content.batches {
        read_batch(batch, names.as_deref(), hash, &mut rows)?;
    }
    Ok(rows)
}

fn indicator_names(content: &Content) -> Result<Option<Vec<String>>, TableError> {
    let parse = |v: &str| serde_json::from_str(v).map_err(|e| TableError::damaged(e.to_string()));
    content.value(INDICATORS).map(parse).transpose()
}

fn may_hold(group: &RowGroupMetaData, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
    let column = group.columns().iter().find(|c| c.column_path().string() == "window_start");
    let Some(Statistics::Int64(s)) = column.and_then(|c| c.statistics()) else { return true };
    let before = s.max_opt().zip(from).is_some_and(|(max, from)| *max < from.micros());
    let after = s.min_opt().zip(to).is_some_and(|(min, to)| *min >= to.micros());
    !before && !after
}

fn read_batch(
    batch: &RecordBatch,
    names: Option<&[String]>,
    hash: u64,
    rows: &mut Vec<FeatureRow>,
) -> Result<(), TableError> {
    let symbol: &StringArray = column(batch, "symbol")?;
    let name: &StringArray = column(batch, "name")?;
    let window_start: &TimestampMicrosecondArray = column(batch, "window_start")?;
    let window_end: &TimestampMicrosecondArray = column(batch, "window_end")?;
    let open: &Float64Array = column(batch, "open")?;
    let high: &Float64Array = column(batch, "high")?;
    let low: &Float64Array = column(batch, "low")?;
    let close: &Float64Array = column(batch, "close")?;
    let volume: &Float64Array = column(batch, "volume")?;
    let vwap: &Float64Array = column(batch, "vwap")?;
    let sma: &Float64Array = column(batch, "sma")?;
    let n: &Int64Array = column(batch, "n")?;
    let is_final: &BooleanArray = column(batch, "final")?;
    let revision: &Int32Array = column(batch, "revision")?;
    let partial: &BooleanArray = column(batch, "partial")?;
    let generation: &Int32Array = column(batch, "generation")?;
    let part: &Int32Array = column(batch, "part")?;
    let last_offset: &Int64Array = column(batch, "last_offset")?;
    let index: &Int32Array = column(batch, "index")?;
    let write_ts: &Int64Array = column(batch, "write_ts")?;
    let features: &ListArray = column(batch, "features")?;
    let typed: Vec<&Float64Array> =
        names.unwrap_or_default().iter().map(|n| column(batch, n)).collect::<Result<_, _>>()?;
    let listed: Option<&ListArray> = optional(batch, "indicators")?;
    let hashes: Option<&UInt64Array> = optional(batch, "schema_hash")?;
    // Rows of a file share few names and symbols: each is made once a run.
    let mut last: Option<(Symbol, RowName)> = None;
    for i in 0..batch.num_rows() {
        let known = last.take().filter(|(s, n)| s.as_str() == symbol.value(i) && **n == *name.value(i));
        let (s, row_name) = match known {
            Some(known) => known,
            None => {
                let s = Symbol::parse(symbol.value(i)).map_err(|e| TableError::damaged(e.to_string()))?;
                (s, RowName::from(name.value(i)))
            }
        };
        let indicators = match listed {
            Some(lists) => floats(&lists.value(i))?,
            None => typed.iter().map(|c| (!c.is_null(i)).then(|| c.value(i))).collect(),
        };
        let vector = match features.is_null(i) {
            true => None,
            false => Some(floats(&features.value(i))?.into_iter().flatten().collect()),
        };
        rows.push(FeatureRow {
            symbol: s.clone(),
            name: row_name.clone(),
            window_start: Timestamp::from_micros(window_start.value(i)),
            window_end: Timestamp::from_micros(window_end.value(i)),
            sma: sma.value(i),
            n: n.value(i) as u64,
            prices: Ohlcv {
                open: open.value(i),
                high: high.value(i),
                low: low.value(i),
                close: close.value(i),
                volume: volume.value(i),
            },
            vwap: (!vwap.is_null(i)).then(|| vwap.value(i)),
            is_final: is_final.value(i),
            revision: revision.value(i) as u32,
            partial: partial.value(i),
            generation: generation.value(i) as u32,
            part: part.value(i) as u32,
            last_offset: last_offset.value(i) as u64,
            index: index.value(i) as u32,
            write_ts: write_ts.value(i),
            indicators,
            features: vector,
            schema_hash: hashes.map_or(hash, |h| h.value(i)),
        });
        last = Some((s, row_name));
    }
    Ok(())
}

fn floats(values: &ArrayRef) -> Result<Vec<Option<f64>>, TableError> {
    let values: &Float64Array =
        values.as_any().downcast_ref().ok_or_else(|| TableError::damaged("a list of no numbers"))?;
    Ok(values.iter().collect())
}
