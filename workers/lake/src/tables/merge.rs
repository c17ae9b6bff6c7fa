//! Several files of a table put into one, row by row, without knowing what a row means.
//!
//! Rows keep their order: files of a partition hold ascending ranges of offsets, so putting them behind one another is
//! sorting them by (partition, offset). Files can be put together where they have the same columns and the same
//! metadata. What comes out is read again and compared with what went in, every row of every column.
//!
//! A merged file of ticks also carries a Bloom filter on the symbol: a partition holds many symbols in the order of
//! their arrival, so ranges of symbols alone would not let a reader pass a row group over.

use arrow::{
    array::{Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray},
    compute,
    datatypes::SchemaRef,
};
use bytes::Bytes;
use commitlog::Table;
use market::Timestamp;
use parquet::{
    arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    file::metadata::{KeyValue, SortingColumn},
    schema::types::ColumnPath,
};

use super::{
    Extent, TableError, dead,
    file::{Encodings, File, column, properties},
    raw, rows,
};
use crate::limits::{BLOOM_FALSE_RATE, BLOOM_SYMBOLS, CHUNK_ROWS};

/// Where arrow keeps its own description of the columns.
const ARROW: &str = "ARROW:schema";

/// One file made of several neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// Which of the inputs it holds: `from..to` in their order.
    pub inputs: std::ops::Range<usize>,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its rows and ranges.
    pub extent: Extent,
}

/// What merging must know of a table.
struct Shape {
    generation: &'static str,
    partition: &'static str,
    offset: &'static str,
    time: Option<&'static str>,
    encodings: &'static Encodings,
    /// Whether every offset stands in it once.
    once: bool,
}

fn shape(table: &Table) -> Option<Shape> {
    match table {
        Table::Raw => Some(Shape {
            generation: "generation",
            partition: "kafka_partition",
            offset: "kafka_offset",
            time: Some("ts"),
            encodings: &raw::ENCODINGS,
            once: true,
        }),
        Table::Dead => Some(Shape {
            generation: "generation",
            partition: "partition",
            offset: "offset",
            time: None,
            encodings: &dead::ENCODINGS,
            once: true,
        }),
        Table::Bars(_) => Some(Shape {
            generation: "generation",
            partition: "part",
            offset: "last_offset",
            time: Some("window_start"),
            encodings: &rows::ENCODINGS,
            once: false,
        }),
        Table::Pending | Table::State => None,
    }
}

/// Puts neighbouring files of one partition together. Files whose columns or metadata differ end up in different
/// results; one that has no neighbour like it is in none.
pub fn merge(table: &Table, inputs: &[Bytes]) -> Result<Vec<Merged>, TableError> {
    let Some(shape) = shape(table) else { return Ok(Vec::new()) };
    let kinds = inputs.iter().map(Kind::of).collect::<Result<Vec<_>, _>>()?;
    let mut merged = Vec::new();
    let mut from = 0;
    while from < inputs.len() {
        let same = kinds[from..].iter().take_while(|kind| **kind == kinds[from]).count();
        let range = from..from + same;
        if same > 1 {
            let (bytes, extent) = join(&shape, &kinds[from], &inputs[range.clone()])?;
            verify(&shape, &inputs[range.clone()], &bytes, extent)?;
            merged.push(Merged { inputs: range, bytes, extent });
        }
        from += same;
    }
    Ok(merged)
}

/// The columns and metadata of a file.
#[derive(Debug, Clone, PartialEq)]
struct Kind {
    schema: SchemaRef,
    metadata: Vec<KeyValue>,
}

impl Kind {
    fn of(bytes: &Bytes) -> Result<Self, TableError> {
        guarded(|| {
            let builder = open(bytes)?;
            let kept = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
            let metadata = kept.into_iter().filter(|kv| kv.key != ARROW).collect();
            Ok(Self { schema: builder.schema().clone(), metadata })
        })
    }
}

/// The Parquet reader indexes by what the file claims in places: damage must be an error, never a panic.
fn guarded<T>(read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(TableError::damaged("its structure contradicts itself")))
}

fn open(bytes: &Bytes) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, TableError> {
    ParquetRecordBatchReaderBuilder::try_new(bytes.clone())
        .map(|builder| builder.with_batch_size(CHUNK_ROWS))
        .map_err(|e| TableError::damaged(e.to_string()))
}

/// The chunks of several files, one behind the other.
struct Chunks<'a> {
    files: std::slice::Iter<'a, Bytes>,
    open: Option<ParquetRecordBatchReader>,
}

impl<'a> Chunks<'a> {
    fn of(files: &'a [Bytes]) -> Self {
        Self { files: files.iter(), open: None }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, TableError> {
        loop {
            if self.open.is_none() {
                let Some(file) = self.files.next() else { return Ok(None) };
                let reader = open(file)?.build().map_err(|e| TableError::damaged(e.to_string()))?;
                self.open = Some(reader);
            }
            match self.open.as_mut().and_then(Iterator::next) {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => return Ok(Some(batch)),
                Some(Err(e)) => return Err(TableError::damaged(e.to_string())),
                None => self.open = None,
            }
        }
    }
}

fn join(shape: &Shape, kind: &Kind, inputs: &[Bytes]) -> Result<(Bytes, Extent), TableError> {
    guarded(|| {
        let mut properties = properties(shape.encodings, kind.metadata.clone())?;
        if shape.once {
            let at = |name: &str| kind.schema.index_of(name).ok();
            let key = [shape.generation, shape.partition, shape.offset];
            let sorting = key.into_iter().filter_map(at).map(|column_idx| SortingColumn {
                column_idx: column_idx as i32,
                descending: false,
                nulls_first: false,
            });
            properties = properties.set_sorting_columns(Some(sorting.collect()));
        }
        if kind.schema.index_of("symbol").is_ok() {
            let symbol = ColumnPath::from("symbol");
            properties = properties
                .set_column_bloom_filter_fpp(symbol.clone(), BLOOM_FALSE_RATE)
                .set_column_bloom_filter_max_ndv(symbol, BLOOM_SYMBOLS);
        }
        let mut file = File::with(kind.schema.clone(), Ok(properties));
        let mut order = Order::default();
        let mut chunks = Chunks::of(inputs);
        while let Some(batch) = chunks.next()? {
            order.take(shape, &batch)?;
            file.write(batch.columns().to_vec());
        }
        Ok((file.finish()?, order.extent))
    })
}

/// Reads the result again and compares it with the inputs.
fn verify(shape: &Shape, inputs: &[Bytes], output: &Bytes, extent: Extent) -> Result<(), TableError> {
    guarded(|| {
        let written = std::slice::from_ref(output);
        let (mut before, mut after) = (Chunks::of(inputs), Chunks::of(written));
        let (mut left, mut right) = (before.next()?, after.next()?);
        let mut order = Order::default();
        loop {
            let (a, b) = match (left, right) {
                (None, None) => break,
                (Some(a), Some(b)) => (a, b),
                _ => {
                    return Err(TableError::Encode("rows went missing while files were put together".into()));
                }
            };
            let rows = a.num_rows().min(b.num_rows());
            let (head, other) = (a.slice(0, rows), b.slice(0, rows));
            if head.columns().iter().zip(other.columns()).any(|(x, y)| x != y) {
                return Err(TableError::Encode("rows changed while files were put together".into()));
            }
            order.take(shape, &other)?;
            left =
                if rows < a.num_rows() { Some(a.slice(rows, a.num_rows() - rows)) } else { before.next()? };
            right =
                if rows < b.num_rows() { Some(b.slice(rows, b.num_rows() - rows)) } else { after.next()? };
        }
        if order.extent == extent {
            Ok(())
        } else {
            Err(TableError::Encode("the file put together has other ranges than its parts".into()))
        }
    })
}

/// Looks at the keys of rows as they come: one partition and generation, offsets rising.
#[derive(Default)]
struct Order {
    source: Option<(i32, i32)>,
    last: Option<i64>,
    extent: Extent,
}

impl Order {
    fn take(&mut self, shape: &Shape, batch: &RecordBatch) -> Result<(), TableError> {
        let generation: &Int32Array = column(batch, shape.generation)?;
        let partition: &Int32Array = column(batch, shape.partition)?;
        let offset: &Int64Array = column(batch, shape.offset)?;
        for i in 0..batch.num_rows() {
            let source = (generation.value(i), partition.value(i));
            if *self.source.get_or_insert(source) != source {
                return Err(TableError::damaged("rows of several partitions or generations in one file"));
            }
            let at = offset.value(i);
            let wrong = self.last.is_some_and(|last| at < last || (shape.once && at == last));
            if wrong {
                return Err(TableError::damaged(format!("offset {at} stands behind offset {:?}", self.last)));
            }
            self.last = Some(at);
        }
        let rows = batch.num_rows() as u64;
        let number = |at: i64| u64::try_from(at).ok();
        self.extent.rows += rows;
        if rows > 0 {
            let first = number(offset.value(0));
            self.extent.min_offset = self.extent.min_offset.or(first);
            self.extent.max_offset = number(offset.value(batch.num_rows() - 1));
        }
        if let Some(name) = shape.time {
            let times: &TimestampMicrosecondArray = column(batch, name)?;
            let least = compute::min(times).map(Timestamp::from_micros);
            let greatest = compute::max(times).map(Timestamp::from_micros);
            self.extent.min_ts = [self.extent.min_ts, least].into_iter().flatten().min();
            self.extent.max_ts = self.extent.max_ts.max(greatest);
        }
        Ok(())
    }
}
