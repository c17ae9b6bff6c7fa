//! All rows of all files, judged, sorted by time (rows of one instant in file and line order).

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use market::{Ohlcv, Symbol, Timestamp};

use super::{
    Format, ImportReport, ImportSettings, Rejected, csv_rows, ndjson_rows, open, parquet_rows,
    row::{Row, Rules, Verdict},
    spacing,
};
use crate::{ImportError, limits, model};

/// A tick to write.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedRow {
    pub ts: Timestamp,
    /// Position in [`Plan::symbols`].
    pub symbol: u32,
    pub prices: Ohlcv,
    pub id: Option<Box<str>>,
}

/// Everything known before the first row is written.
pub(super) struct Plan {
    pub rows: Vec<PlannedRow>,
    pub symbols: Vec<Symbol>,
    pub report: ImportReport,
    /// Tells this import from others; absent where it reads standard input.
    pub identity: Option<u64>,
}

/// Told of every rejected row.
pub(super) type OnRejected = Arc<dyn Fn(&Rejected) + Send + Sync>;

/// Reads, judges and sorts. Blocking.
pub(super) fn plan(
    settings: &ImportSettings,
    now: Timestamp,
    on_rejected: &OnRejected,
) -> Result<Plan, ImportError> {
    let symbol = settings
        .symbol
        .as_deref()
        .map(Symbol::parse)
        .transpose()
        .map_err(|e| ImportError::Columns { file: PathBuf::from("--symbol"), why: e.to_string() })?;
    let rules = Rules {
        symbol,
        allow_ohlc_disorder: settings.allow_ohlc_disorder,
        latest: now + settings.max_future,
        has_open: true,
        has_high: true,
        has_low: true,
        has_volume: true,
    };
    let mut collector = Collector::default();
    let mut identity = Some(Vec::new());
    for (format, file) in &settings.files {
        let seen = open::identity(file)?;
        identity = identity.zip(seen).map(|(mut bytes, id)| {
            bytes.extend(id.to_le_bytes());
            bytes
        });
        let mut each = |line: u64, row: Result<Row, Verdict>| collector.take(file, line, row, on_rejected);
        match format {
            Format::Csv => csv_rows::read(file, &settings.columns, &rules, &mut each)?,
            Format::Parquet => parquet_rows::read(file, &settings.columns, &rules, &mut each)?,
            Format::Ndjson => ndjson_rows::read(file, &settings.columns, &rules, &mut each)?,
        }
    }
    let Collector { mut rows, symbols, mut report, .. } = collector;
    rows.sort_by_key(|r| r.ts);
    report.first = rows.first().map(|r| r.ts);
    report.last = rows.last().map(|r| r.ts);
    spacing::check(&rows, settings.tick_span)?;
    let identity = identity.map(|mut bytes| {
        bytes.extend(format!("{:?}{:?}", settings.columns, settings.symbol).into_bytes());
        model::hash(&bytes)
    });
    Ok(Plan { rows, symbols, report, identity })
}

#[derive(Default)]
struct Collector {
    rows: Vec<PlannedRow>,
    symbols: Vec<Symbol>,
    index: HashMap<Symbol, u32>,
    report: ImportReport,
}

impl Collector {
    fn take(
        &mut self,
        file: &std::path::Path,
        line: u64,
        row: Result<Row, Verdict>,
        on_rejected: &OnRejected,
    ) -> Result<(), ImportError> {
        self.report.rows += 1;
        match row {
            Ok(row) => {
                if self.rows.len() == limits::IMPORT_ROWS {
                    return Err(ImportError::TooManyRows(limits::IMPORT_ROWS));
                }
                self.report.accepted += 1;
                *self.report.symbols.entry(row.symbol.to_string()).or_default() += 1;
                let symbols = &mut self.symbols;
                let symbol = *self.index.entry(row.symbol).or_insert_with_key(|s| {
                    symbols.push(s.clone());
                    symbols.len() as u32 - 1
                });
                self.rows.push(PlannedRow { ts: row.ts, symbol, prices: row.prices, id: row.id });
            }
            Err((reason, detail)) => {
                let rejected = Rejected { file: file.into(), line, reason, detail };
                on_rejected(&rejected);
                *self.report.rejected.entry(reason.as_str()).or_default() += 1;
                if self.report.rejected_rows.len() < limits::REJECTED_NAMED {
                    self.report.rejected_rows.push(rejected);
                }
            }
        }
        Ok(())
    }
}
