//! CSV: a header, then rows. The separator is the likeliest of `,` `;` tab and `|` in the first line.

use std::{io::BufRead, path::Path};

use csv::{ByteRecord, ReaderBuilder};

use super::{
    columns::Columns,
    open,
    row::{Cell, Cells, Row, Rules, Verdict},
};
use crate::ImportError;

/// Reads a file; `each` gets the line and the verdict of every row.
pub(super) fn read(
    file: &Path,
    explicit: &[(String, String)],
    rules: &Rules,
    each: &mut dyn FnMut(u64, Result<Row, Verdict>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut text = open::reader(file)?;
    let first = text.fill_buf().map_err(|e| open::unreadable(file, &e))?;
    let first = first.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |separator: u8| first.iter().filter(|b| **b == separator).count();
    let separator = b",;\t|".iter().copied().rev().max_by_key(|s| count(*s)).unwrap_or(b',');
    let mut reader = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text);
    let unreadable =
        |e: csv::Error| ImportError::Format { file: file.into(), format: "CSV", why: e.to_string() };
    let header: Vec<String> = reader
        .byte_headers()
        .map_err(unreadable)?
        .iter()
        .map(|h| String::from_utf8_lossy(h).into_owned())
        .collect();
    if header.iter().all(|h| h.trim().is_empty()) {
        let why = "it is empty: the first line must name the columns".into();
        return Err(ImportError::Format { file: file.into(), format: "CSV", why });
    }
    let columns = Columns::find(&header, explicit, rules.symbol.is_some(), file)?;
    let rules = Rules {
        has_open: columns.open.is_some(),
        has_high: columns.high.is_some(),
        has_low: columns.low.is_some(),
        has_volume: columns.volume.is_some(),
        ..rules.clone()
    };
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, |p| p.line());
        let at = |i: usize| match record.get(i).map(std::str::from_utf8) {
            None => Cell::Missing,
            Some(Err(_)) => Cell::Other,
            Some(Ok(text)) if text.trim().is_empty() => Cell::Missing,
            Some(Ok(text)) => Cell::Text(text),
        };
        let maybe = |i: Option<usize>| i.map_or(Cell::Missing, at);
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
        each(line, rules.judge(&cells))?;
    }
    Ok(())
}
