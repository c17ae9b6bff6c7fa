//! The Parquet files of a version. Columns are only ever added; readers go by name.
//!
//! `dataset.parquet`: symbol, as_of, close, sigma, for every horizon h `target_ts@h` and `y@h` (null where void or not yet
//! known), then one column per feature under its canonical string.
//! `oos.parquet`: horizon, fold, symbol, as_of, target_ts, close, sigma, y, y_pred, y_forest, the naives, the rivals.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, StringArray, TimestampMicrosecondArray, UInt32Array},
    datatypes::{DataType, Field, Schema, TimeUnit},
    record_batch::RecordBatch,
};
use bytes::Bytes;
use evaluation::{Dataset, Label, Naive, Rival};
use market::Timestamp;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

use crate::{TrainError, judge::Judged};

#[derive(Default)]
struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn add(&mut self, name: impl Into<String>, nullable: bool, array: ArrayRef) {
        self.fields.push(Field::new(name, array.data_type().clone(), nullable));
        self.arrays.push(array);
    }

    fn instants(&mut self, name: impl Into<String>, values: impl Iterator<Item = Timestamp>) {
        let values = TimestampMicrosecondArray::from_iter_values(values.map(Timestamp::micros));
        self.add(name, false, Arc::new(values.with_timezone("UTC")));
    }

    fn floats(&mut self, name: impl Into<String>, values: impl Iterator<Item = f64>) {
        self.add(name, false, Arc::new(Float64Array::from_iter_values(values)));
    }

    fn encode(self, file: &'static str) -> Result<Bytes, TrainError> {
        let fail = |what: String| TrainError::Encode { file, what };
        debug_assert!(
            self.fields.iter().all(|f| *f.data_type() != DataType::Timestamp(TimeUnit::Nanosecond, None))
        );
        let schema = Arc::new(Schema::new(self.fields));
        let batch = RecordBatch::try_new(schema.clone(), self.arrays).map_err(|e| fail(e.to_string()))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("stockpipe".to_owned())
            .build();
        let mut out = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut out, schema, Some(properties)).map_err(|e| fail(e.to_string()))?;
        writer.write(&batch).map_err(|e| fail(e.to_string()))?;
        writer.close().map_err(|e| fail(e.to_string()))?;
        Ok(Bytes::from(out))
    }
}

/// The training matrix up to an instant, in (symbol, as_of) order.
pub(crate) fn dataset(dataset: &Dataset, entries: &[String], to: Timestamp) -> Result<Bytes, TrainError> {
    let keys: Vec<_> = dataset.keys().iter().enumerate().filter(|(_, key)| key.as_of <= to).collect();
    let mut columns = Columns::default();
    let name = |symbol: u32| dataset.symbols().get(symbol as usize).map_or("", String::as_str);
    columns.add(
        "symbol",
        false,
        Arc::new(StringArray::from_iter_values(keys.iter().map(|(_, k)| name(k.symbol)))),
    );
    columns.instants("as_of", keys.iter().map(|(_, k)| k.as_of));
    columns.floats("close", keys.iter().map(|(_, k)| k.close));
    columns.floats("sigma", keys.iter().map(|(_, k)| k.sigma));
    for &horizon in dataset.horizons() {
        let labels = dataset.labels(horizon);
        columns.instants(format!("target_ts@{horizon}"), keys.iter().map(|(row, _)| labels[*row].target_ts));
        let outcome = |(row, _): &(usize, _)| match labels[*row].y {
            Label::Matured(y) => Some(y),
            Label::Void | Label::Pending => None,
        };
        let outcomes: Float64Array = keys.iter().map(outcome).collect();
        columns.add(format!("y@{horizon}"), true, Arc::new(outcomes));
    }
    for (column, entry) in entries.iter().enumerate() {
        columns.floats(entry.as_str(), keys.iter().map(|(row, _)| dataset.x().row(*row)[column]));
    }
    columns.encode("dataset.parquet")
}

/// Out-of-sample forecasts of all horizons, in (horizon, fold, symbol, as_of) order.
pub(crate) fn out_of_sample(judged: &[Judged], symbols: &[String]) -> Result<Bytes, TrainError> {
    let rows: Vec<_> = judged
        .iter()
        .flat_map(|one| {
            one.rows.iter().zip(&one.forest_rows).map(move |(row, forest)| (one.horizon, row, forest))
        })
        .collect();
    let mut columns = Columns::default();
    let name = |symbol: u32| symbols.get(symbol as usize).map_or("", String::as_str);
    columns.add("horizon", false, Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(h, _, _)| *h))));
    columns.add("fold", false, Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(_, r, _)| r.fold))));
    columns.add(
        "symbol",
        false,
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, r, _)| name(r.symbol)))),
    );
    columns.instants("as_of", rows.iter().map(|(_, r, _)| r.as_of));
    columns.instants("target_ts", rows.iter().map(|(_, r, _)| r.target_ts));
    columns.floats("close", rows.iter().map(|(_, r, _)| r.close));
    columns.floats("sigma", rows.iter().map(|(_, r, _)| r.sigma));
    columns.floats("y", rows.iter().map(|(_, r, _)| r.y));
    columns.floats("y_pred", rows.iter().map(|(_, r, _)| r.model));
    columns.floats("y_forest", rows.iter().map(|(_, _, f)| f.model));
    for (i, naive) in Naive::ALL.into_iter().enumerate() {
        columns.floats(format!("naive: {}", naive.as_str()), rows.iter().map(|(_, r, _)| r.naive[i]));
    }
    for (i, rival) in Rival::ALL.into_iter().enumerate() {
        columns.floats(format!("rival: {}", rival.as_str()), rows.iter().map(|(_, r, _)| r.rival[i]));
    }
    columns.encode("oos.parquet")
}
