//! Rejected records: `<root>/dead-letters/date=…`.

use std::{mem, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BinaryBuilder, FixedSizeBinaryArray, FixedSizeBinaryBuilder,
        Int32Array, Int64Array, Int64Builder, StringArray, StringBuilder, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema},
};
use bytes::Bytes;
use market::Reason;
use windowing::DeadLetter;

use super::{
    Extent, TableError,
    file::{Encodings, File, column, read, signed, timestamp},
};
use crate::limits::CHUNK_ROWS;

const HASH_BYTES: i32 = 32;
/// How the columns are encoded.
pub(super) const ENCODINGS: Encodings = Encodings {
    rising: &["generation", "partition", "offset", "record_ts", "first_offset", "length"],
    repeated: &["reason"],
};

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("generation", DataType::Int32, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("record_ts", timestamp(), false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("first_offset", DataType::Int64, true),
        Field::new("length", DataType::Int64, false),
        Field::new("sha256", DataType::FixedSizeBinary(HASH_BYTES), false),
        Field::new("bytes", DataType::Binary, false),
    ])
}

struct Columns {
    generation: Vec<i32>,
    partition: Vec<i32>,
    offset: Vec<i64>,
    record_ts: Vec<i64>,
    reason: StringBuilder,
    first_offset: Int64Builder,
    length: Vec<i64>,
    sha256: FixedSizeBinaryBuilder,
    bytes: BinaryBuilder,
    /// Payload bytes in the open chunk: records are up to 4 KiB each, so rows alone do not bound it.
    held: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            generation: Vec::new(),
            partition: Vec::new(),
            offset: Vec::new(),
            record_ts: Vec::new(),
            reason: StringBuilder::new(),
            first_offset: Int64Builder::new(),
            length: Vec::new(),
            sha256: FixedSizeBinaryBuilder::new(HASH_BYTES),
            bytes: BinaryBuilder::new(),
            held: 0,
        }
    }
}

/// Makes one file of dead letters.
pub struct DeadWriter {
    file: File,
    columns: Columns,
    extent: Extent,
    broken: Option<TableError>,
}

impl Default for DeadWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl DeadWriter {
    /// An empty file.
    pub fn new() -> Self {
        Self {
            file: File::new(Arc::new(schema()), &ENCODINGS, Vec::new()),
            columns: Columns::default(),
            extent: Extent::default(),
            broken: None,
        }
    }

    /// Appends a row.
    pub fn push(&mut self, row: &DeadLetter<'_>) {
        /// Payload bytes after which a chunk is encoded.
        const CHUNK_BYTES: usize = 1 << 20;
        let c = &mut self.columns;
        c.generation.push(row.generation as i32);
        c.partition.push(row.partition as i32);
        c.offset.push(signed(row.offset));
        c.record_ts.push(row.record_ms.saturating_mul(1_000));
        c.reason.append_value(row.reason.as_str());
        c.first_offset.append_option(row.first_offset.map(signed));
        c.length.push(i64::from(row.length));
        if let Err(e) = c.sha256.append_value(row.sha256) {
            self.broken = Some(TableError::Encode(e.to_string()));
        }
        c.bytes.append_value(row.bytes);
        c.held += row.bytes.len();
        self.extent.add(None, row.offset);
        if c.offset.len() >= CHUNK_ROWS || c.held >= CHUNK_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let mut c = mem::take(&mut self.columns);
        if c.offset.is_empty() {
            return;
        }
        self.file.write(vec![
            Arc::new(Int32Array::from(c.generation)) as ArrayRef,
            Arc::new(Int32Array::from(c.partition)),
            Arc::new(Int64Array::from(c.offset)),
            Arc::new(TimestampMicrosecondArray::from(c.record_ts).with_timezone("UTC")),
            Arc::new(c.reason.finish()),
            Arc::new(c.first_offset.finish()),
            Arc::new(Int64Array::from(c.length)),
            Arc::new(c.sha256.finish()),
            Arc::new(c.bytes.finish()),
        ]);
    }

    /// Bytes held: encoded ones and the open chunk.
    pub fn bytes(&self) -> usize {
        /// Of one row in the open chunk, about, besides its payload.
        const ROW_BYTES: usize = 100;
        self.file.bytes() + self.columns.offset.len() * ROW_BYTES + self.columns.held
    }

    /// Rows and offsets so far.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The whole file.
    pub fn finish(mut self) -> Result<Bytes, TableError> {
        self.flush();
        match self.broken {
            Some(e) => Err(e),
            None => self.file.finish(),
        }
    }
}

/// A dead letter with its own memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDeadLetter {
    /// Generation of the source topic.
    pub generation: u32,
    /// The partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
    /// Record time in milliseconds.
    pub record_ms: i64,
    /// Why.
    pub reason: Reason,
    /// Of a duplicate: the offset of what it is a copy of.
    pub first_offset: Option<u64>,
    /// Length of the record's value in bytes.
    pub length: u32,
    /// SHA-256 of the whole value.
    pub sha256: [u8; 32],
    /// The value's first bytes.
    pub bytes: Vec<u8>,
}

impl OwnedDeadLetter {
    /// The row as windowing made it.
    pub fn borrow(&self) -> DeadLetter<'_> {
        DeadLetter {
            generation: self.generation,
            partition: self.partition,
            offset: self.offset,
            record_ms: self.record_ms,
            reason: self.reason,
            first_offset: self.first_offset,
            length: self.length,
            sha256: self.sha256,
            bytes: &self.bytes,
        }
    }
}

/// The rows of a file, in its order.
pub fn read_dead(bytes: Bytes) -> Result<Vec<OwnedDeadLetter>, TableError> {
    let mut rows = Vec::new();
    for batch in read(bytes, |_| true)?.batches {
        let generation: &Int32Array = column(&batch, "generation")?;
        let partition: &Int32Array = column(&batch, "partition")?;
        let offset: &Int64Array = column(&batch, "offset")?;
        let record_ts: &TimestampMicrosecondArray = column(&batch, "record_ts")?;
        let reason: &StringArray = column(&batch, "reason")?;
        let first_offset: &Int64Array = column(&batch, "first_offset")?;
        let length: &Int64Array = column(&batch, "length")?;
        let sha256: &FixedSizeBinaryArray = column(&batch, "sha256")?;
        let bytes: &BinaryArray = column(&batch, "bytes")?;
        for i in 0..batch.num_rows() {
            let unknown = || TableError::damaged(format!("unknown reason {:?}", reason.value(i)));
            let hash = || TableError::damaged("sha256 has not 32 bytes");
            rows.push(OwnedDeadLetter {
                generation: generation.value(i) as u32,
                partition: partition.value(i) as u32,
                offset: offset.value(i) as u64,
                record_ms: record_ts.value(i) / 1_000,
                reason: Reason::from_name(reason.value(i)).ok_or_else(unknown)?,
                first_offset: (!first_offset.is_null(i)).then(|| first_offset.value(i) as u64),
                length: u32::try_from(length.value(i)).unwrap_or(u32::MAX),
                sha256: sha256.value(i).try_into().map_err(|_| hash())?,
                bytes: bytes.value(i).to_vec(),
            });
        }
    }
    Ok(rows)
}
