//! What all tables share: writer properties, chunked encoding, reading columns by name.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, RecordBatch},
    datatypes::{DataType, SchemaRef, TimeUnit},
};
use bytes::Bytes;
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesBuilder},
    },
    schema::types::ColumnPath,
};

use super::TableError;
use crate::limits::{CHUNK_ROWS, DICTIONARY_BYTES, PAGE_ROWS, ROW_GROUP_ROWS, ZSTD_LEVEL};

/// How the columns of a table are encoded. Those that are named nowhere are written plainly: their values are mostly
/// different, and a dictionary of them costs time and memory for nothing.
pub(super) struct Encodings {
    /// Whole numbers that mostly rise or stay: the differences are kept.
    pub(super) rising: &'static [&'static str],
    /// Columns whose values come again and again: they are kept once, in a dictionary.
    pub(super) repeated: &'static [&'static str],
}

/// TIMESTAMP(us, UTC).
pub(super) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// A Parquet file being made in memory. The first failure is kept and returned by `finish`, so that appending rows
/// stays infallible for sinks.
pub(super) struct File {
    schema: SchemaRef,
    /// Boxed: a writer is large, and files are often empty.
    writer: Result<Box<ArrowWriter<Vec<u8>>>, TableError>,
}

impl File {
    pub(super) fn new(schema: SchemaRef, encodings: &Encodings, metadata: Vec<KeyValue>) -> Self {
        Self::with(schema, properties(encodings, metadata))
    }

    pub(super) fn with(schema: SchemaRef, properties: Result<WriterPropertiesBuilder, TableError>) -> Self {
        let writer = properties.and_then(|properties| {
            ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties.build()))
                .map(Box::new)
                .map_err(|e| TableError::Encode(e.to_string()))
        });
        Self { schema, writer }
    }

    /// Encodes one chunk of columns.
    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) {
        let Ok(writer) = &mut self.writer else { return };
        let written = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| TableError::Encode(e.to_string()))
            .and_then(|batch| {
                if writer.in_progress_rows() + batch.num_rows() >= ROW_GROUP_ROWS {
                    make_room(writer);
                }
                writer.write(&batch).map_err(|e| TableError::Encode(e.to_string()))
            });
        if let Err(e) = written {
            self.writer = Err(e);
        }
    }

    /// Bytes held: what is encoded and what the encoder needs for it.
    pub(super) fn bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, |w| w.bytes_written() + w.memory_size())
    }

    /// The whole file.
    pub(super) fn finish(self) -> Result<Bytes, TableError> {
        let mut writer = self.writer?;
        make_room(&mut writer);
        let bytes = writer.into_inner().map_err(|e| TableError::Encode(e.to_string()))?;
        Ok(Bytes::from(bytes))
    }
}

/// Gives the file room for the row group that is about to be appended. Growing by doubling would copy it over and over,
/// and hold up to twice what is needed.
fn make_room(writer: &mut ArrowWriter<Vec<u8>>) {
    /// For headers, and where the estimate is a little short.
    const SLACK: usize = 64 * 1024;
    let row_group = writer.in_progress_size();
    // The chunk that completes the row group is not in it yet.
    let chunk = row_group / (ROW_GROUP_ROWS / CHUNK_ROWS - 1);
    writer.inner_mut().reserve_exact(row_group + chunk + SLACK);
}

/// How every table is written.
pub(super) fn properties(
    encodings: &Encodings,
    metadata: Vec<KeyValue>,
) -> Result<WriterPropertiesBuilder, TableError> {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|e| TableError::Encode(e.to_string()))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_enabled(false)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_created_by(concat!("stockpipe ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata));
    for name in encodings.rising {
        properties = properties.set_column_encoding(ColumnPath::from(*name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in encodings.repeated {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), true);
    }
    Ok(properties)
}

/// The chunks of a file and its key-value metadata. `groups` picks row groups by their metadata.
pub(super) struct Content {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) metadata: Vec<KeyValue>,
}

impl Content {
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|kv| kv.key == key)?.value.as_deref()
    }
}

pub(super) fn read(
    bytes: Bytes,
    groups: impl Fn(&parquet::file::metadata::RowGroupMetaData) -> bool,
) -> Result<Content, TableError> {
    // The Parquet reader indexes by what the file claims in places: a damaged file must be an error, never a panic.
    let content = catch_unwind(AssertUnwindSafe(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .map_err(|e| TableError::damaged(e.to_string()))?
            .with_batch_size(CHUNK_ROWS);
        let picked: Vec<usize> = builder
            .metadata()
            .row_groups()
            .iter()
            .enumerate()
            .filter(|(_, group)| groups(group))
            .map(|(i, _)| i)
            .collect();
        let metadata = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let reader =
            builder.with_row_groups(picked).build().map_err(|e| TableError::damaged(e.to_string()))?;
        let batches =
            reader.collect::<Result<Vec<_>, _>>().map_err(|e| TableError::damaged(e.to_string()))?;
        Ok(Content { batches, metadata })
    }));
    content.unwrap_or_else(|_| Err(TableError::damaged("its structure contradicts itself")))
}

/// A column by name and type.
pub(super) fn column<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a A, TableError> {
    optional(batch, name)?.ok_or_else(|| TableError::damaged(format!("column {name} is missing")))
}

/// A column that older files do not have.
pub(super) fn optional<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<Option<&'a A>, TableError> {
    match batch.column_by_name(name) {
        None => Ok(None),
        Some(array) => array
            .as_any()
            .downcast_ref()
            .map(Some)
            .ok_or_else(|| TableError::damaged(format!("column {name} has type {}", array.data_type()))),
    }
}

/// Offsets and numbers are stored as signed, as every engine reads them.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
