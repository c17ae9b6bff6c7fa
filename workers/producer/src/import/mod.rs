//! Files to ticks.
//!
//! Two ways in. [`run`] imports rows: any column names, a verdict per row, all files sorted by time together, checked
//! against `source.tickSpan` and the watermark before the first row is written. [`input`] puts the lines of NDJSON files
//! into the log as they are, in their order: what is wrong with a line becomes its dead letter, as if it had been sent.
//!
//! | module | what it holds |
//! |---|---|
//! | `open` | files, standard input, gzip and zstd by their first bytes, the identity of a file |
//! | `columns` | which column is which, common spellings first |
//! | `instant` | the ways files write times |
//! | `row` | cells to a tick or a verdict |
//! | `csv_rows`, `ndjson_rows`, `parquet_rows` | one reader a format |
//! | `plan` | all rows read and sorted; `spacing` | what their distances say of `source.tickSpan` |
//! | `write` | rows to the log, resumable |
//! | `lines` | the second way in |

mod columns;
mod csv_rows;
mod instant;
mod lines;
mod ndjson_rows;
mod open;
mod parquet_rows;
mod plan;
mod row;
mod spacing;
mod write;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use market::{Reason, Span, Timestamp};
use serde::Serialize;
use tick_log::{Clock, Log, Topic};

pub use lines::input;
pub use write::run;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma, semicolon or tab separated, with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

/// How fast rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speed {
    /// Flat out.
    #[default]
    Max,
    /// One second of event time a second.
    Realtime,
}

/// What is imported.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportSettings {
    /// Files; `-` is standard input (not for Parquet).
    pub files: Vec<(Format, PathBuf)>,
    /// `field=column` pairs of `--columns`.
    pub columns: Vec<(String, String)>,
    /// The symbol of rows without a symbol column.
    pub symbol: Option<String>,
    /// `source.tickSpan`.
    pub tick_span: Option<Span>,
    /// `features.watermark`.
    pub watermark: Span,
    /// `features.maxFuture`.
    pub max_future: Span,
    /// `validation.ohlcOrder: Warn`.
    pub allow_ohlc_disorder: bool,
    /// Writes rows behind the watermark, too.
    pub allow_late: bool,
    /// How fast.
    pub speed: Speed,
}

/// What imports work with.
#[derive(Clone)]
pub struct ImportComponents {
    /// Keeps the notes.
    pub log: Arc<dyn Log>,
    /// Takes the ticks.
    pub topic: Arc<dyn Topic>,
    /// Wall clock in milliseconds.
    pub clock: Clock,
    /// Told of every rejected row as it is read.
    pub rejected: Arc<dyn Fn(&Rejected) + Send + Sync>,
    /// Told after every append: rows done, rows in all (where known).
    pub progress: Arc<dyn Fn(u64, Option<u64>) + Send + Sync>,
}

/// A row that is no tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// The file.
    pub file: PathBuf,
    /// Line of the file, from 1 (the header is line 1); for Parquet the row, from 1.
    pub line: u64,
    /// The verdict.
    pub reason: Reason,
    /// What was seen.
    pub detail: String,
}

/// What an import did. `rows = accepted + sum(rejected)`, `accepted = written + already`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// Rows read.
    pub rows: u64,
    /// Rows that are ticks.
    pub accepted: u64,
    /// Rows that are none, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub rejected_rows: Vec<Rejected>,
    /// Ticks appended in this run.
    pub written: u64,
    /// Ticks that an earlier run of the same import had appended.
    pub already: u64,
    /// Accepted rows behind the watermark.
    pub late: u64,
    /// Rows by symbol.
    pub symbols: BTreeMap<String, u64>,
    /// First event time.
    pub first: Option<Timestamp>,
    /// Last event time.
    pub last: Option<Timestamp>,
}

/// Lines put into the log as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSettings {
    /// NDJSON files, plain, .gz or .zst, one after another; `-` is standard input.
    pub files: Vec<PathBuf>,
}

/// What an input did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InputReport {
    /// Lines read.
    pub lines: u64,
    /// Lines appended in this run.
    pub written: u64,
    /// Lines that an earlier run had appended.
    pub already: u64,
}
