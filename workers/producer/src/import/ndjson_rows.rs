//! NDJSON: one object a line. A line in the record format is decoded as ingest does; other keys are found like columns.

use std::{io::BufRead, path::Path};

use market::{DecodeRules, Reason, Symbol, decode};
use serde_json::{Map, Value};

use super::{
    columns::Columns,
    open,
    row::{Cell, Cells, Row, Rules, Verdict, short},
};
use crate::ImportError;

/// Reads a file; `each` gets the line and the verdict of every row. Empty lines are no rows.
pub(super) fn read(
    file: &Path,
    explicit: &[(String, String)],
    rules: &Rules,
    each: &mut dyn FnMut(u64, Result<Row, Verdict>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut text = open::reader(file)?;
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        if text.read_until(b'\n', &mut line).map_err(|e| open::unreadable(file, &e))? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        each(number, row(line.trim_ascii(), file, explicit, rules))?;
    }
}

fn row(line: &[u8], file: &Path, explicit: &[(String, String)], rules: &Rules) -> Result<Row, Verdict> {
    let decode_rules = DecodeRules { allow_ohlc_disorder: rules.allow_ohlc_disorder };
    let said = |reason: Reason| (reason, short(&String::from_utf8_lossy(line)));
    let reason = match decode(line, decode_rules) {
        Ok(tick) if explicit.is_empty() => {
            let symbol = Symbol::parse(&tick.symbol).map_err(|_| said(Reason::SymbolInvalid))?;
            let id = tick.id.map(|id| id.into_owned().into_boxed_str());
            return rules.check(Row { symbol, ts: tick.ts, prices: tick.prices, id });
        }
        Ok(_) => Reason::MissingField,
        Err(reason) => reason,
    };
    if !matches!(reason, Reason::MissingField | Reason::WrongType | Reason::BadTimestamp) {
        return Err(said(reason));
    }
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|_| said(reason))?;
    let keys: Vec<&String> = object.keys().collect();
    let columns =
        Columns::find(&keys, explicit, rules.symbol.is_some(), file).map_err(|e| (reason, e.to_string()))?;
    let values: Vec<&Value> = object.values().collect();
    let at = |i: usize| values.get(i).map_or(Cell::Missing, |v| cell(v));
    let maybe = |i: Option<usize>| i.map_or(Cell::Missing, at);
    let rules = Rules {
        has_open: columns.open.is_some(),
        has_high: columns.high.is_some(),
        has_low: columns.low.is_some(),
        has_volume: columns.volume.is_some(),
        ..rules.clone()
    };
    rules.judge(&Cells {
        ts: at(columns.ts),
        time: maybe(columns.time),
        symbol: maybe(columns.symbol),
        open: maybe(columns.open),
        high: maybe(columns.high),
        low: maybe(columns.low),
        close: at(columns.close),
        volume: maybe(columns.volume),
        id: maybe(columns.id),
    })
}

fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Missing,
        Value::String(text) => Cell::Text(text),
        Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Cell::Integer(n),
            (None, Some(x)) => Cell::Number(x),
            (None, None) => Cell::Other,
        },
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Cell::Other,
    }
}
