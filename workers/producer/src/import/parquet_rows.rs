//! Parquet: columns by name, any numeric, text, date or timestamp type.

use std::{fs::File, path::Path};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use market::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{
    columns::Columns,
    open,
    row::{Cell, Cells, Row, Rules, Verdict},
};
use crate::ImportError;

/// A column in one of the few types that cells have.
enum Column {
    Text(ArrayRef),
    Integer(ArrayRef),
    Number(ArrayRef),
    Instant(ArrayRef),
    Other,
}

/// Reads a file; `each` gets the row, from 1, and its verdict.
pub(super) fn read(
    file: &Path,
    explicit: &[(String, String)],
    rules: &Rules,
    each: &mut dyn FnMut(u64, Result<Row, Verdict>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let bad = |why: String| ImportError::Format { file: file.into(), format: "Parquet", why };
    if open::is_stdin(file) {
        return Err(bad("Parquet needs a file, not standard input".into()));
    }
    let handle = File::open(file).map_err(|e| open::unreadable(file, &e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(handle).map_err(|e| bad(e.to_string()))?;
    let names: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
    let columns = Columns::find(&names, explicit, rules.symbol.is_some(), file)?;
    let rules = Rules {
        has_open: columns.open.is_some(),
        has_high: columns.high.is_some(),
        has_low: columns.low.is_some(),
        has_volume: columns.volume.is_some(),
        ..rules.clone()
    };
    let mut row = 0;
    for batch in builder.build().map_err(|e| bad(e.to_string()))? {
        let batch = batch.map_err(|e| bad(e.to_string()))?;
        let arrays: Vec<Column> = batch.columns().iter().map(Column::new).collect();
        for i in 0..batch.num_rows() {
            row += 1;
            let at = |c: usize| arrays.get(c).map_or(Cell::Missing, |a| a.cell(i));
            let maybe = |c: Option<usize>| c.map_or(Cell::Missing, at);
            let cells = Cells {
                ts: at(columns.ts),
                time: maybe(columns.time),
                symbol: maybe(columns.symbol),
                open: maybe(columns.open),
                high: maybe(columns.high),
                low: maybe(columns.low),
                close: at(columns.close),
                volume: maybe(columns.volume),
                id: maybe(columns.id),
            };
            each(row, rules.judge(&cells))?;
        }
    }
    Ok(())
}

impl Column {
    fn new(array: &ArrayRef) -> Self {
        use DataType::{Date32, Date64, Decimal128, Dictionary, LargeUtf8, Utf8, Utf8View};
        let to = |t: &DataType| cast(array, t).ok();
        let made = match array.data_type() {
            Utf8 | LargeUtf8 | Utf8View | Dictionary(..) => to(&Utf8).map(Column::Text),
            DataType::Timestamp(..) | Date32 | Date64 => {
                to(&DataType::Timestamp(TimeUnit::Microsecond, None)).map(Column::Instant)
            }
            t if t.is_integer() => to(&DataType::Int64).map(Column::Integer),
            t if t.is_floating() || matches!(t, Decimal128(..)) => to(&DataType::Float64).map(Column::Number),
            _ => None,
        };
        made.unwrap_or(Column::Other)
    }

    fn cell(&self, i: usize) -> Cell<'_> {
        match self {
            Column::Text(a) if a.is_valid(i) => match a.as_string::<i32>().value(i) {
                text if text.trim().is_empty() => Cell::Missing,
                text => Cell::Text(text),
            },
            Column::Integer(a) if a.is_valid(i) => Cell::Integer(a.as_primitive::<Int64Type>().value(i)),
            Column::Number(a) if a.is_valid(i) => Cell::Number(a.as_primitive::<Float64Type>().value(i)),
            Column::Instant(a) if a.is_valid(i) => {
                let micros = a.as_primitive::<TimestampMicrosecondType>().value(i);
                Cell::Instant(Timestamp::from_micros(micros))
            }
            Column::Other => Cell::Other,
            _ => Cell::Missing,
        }
    }
}
