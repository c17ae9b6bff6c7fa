//! Cells to a tick or a verdict. The rules are the record format's (`market::decode`), in its order.

use market::{Ohlcv, Reason, Symbol, Timestamp};

use super::instant;

/// 2^63: the first volume that is refused.
const VOLUME_END: f64 = 9_223_372_036_854_775_808.0;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Missing,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Instant(Timestamp),
    /// Something else: a list, a boolean, bytes that are no text.
    Other,
}

/// The cells of one row, by field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    pub ts: Cell<'a>,
    pub time: Cell<'a>,
    pub symbol: Cell<'a>,
    pub open: Cell<'a>,
    pub high: Cell<'a>,
    pub low: Cell<'a>,
    pub close: Cell<'a>,
    pub volume: Cell<'a>,
    pub id: Cell<'a>,
}

/// A row that is a tick.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub symbol: Symbol,
    pub ts: Timestamp,
    pub prices: Ohlcv,
    pub id: Option<Box<str>>,
}

/// Why a row is none, and what was seen.
pub(super) type Verdict = (Reason, String);

/// What holds for every row of an import.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The symbol of rows without one.
    pub symbol: Option<Symbol>,
    pub allow_ohlc_disorder: bool,
    /// Rows after this instant are too far ahead.
    pub latest: Timestamp,
    /// Columns the rows have: an absent one is filled, an empty cell of a present one is a mistake.
    pub has_open: bool,
    pub has_high: bool,
    pub has_low: bool,
    pub has_volume: bool,
}

impl Rules {
    /// Judges one row. Where there is no open, high or low column, the close stands in; where there is no volume, 0.
    pub(super) fn judge(&self, cells: &Cells<'_>) -> Result<Row, Verdict> {
        let close = number("close", cells.close)?;
        let or_close = |has: bool, name, cell| if has { number(name, cell) } else { Ok(close) };
        let open = or_close(self.has_open, "open", cells.open)?;
        let high = if self.has_high { number("high", cells.high)? } else { open.max(close) };
        let low = if self.has_low { number("low", cells.low)? } else { open.min(close) };
        let volume = if self.has_volume { number("volume", cells.volume)? } else { 0.0 };
        let symbol = match (cells.symbol, &self.symbol) {
            (Cell::Text(text), _) => {
                Symbol::parse(text.trim()).map_err(|e| (Reason::SymbolInvalid, e.to_string()))?
            }
            (Cell::Missing, Some(symbol)) => symbol.clone(),
            (Cell::Missing, None) => return Err((Reason::MissingField, "no symbol".into())),
            (Cell::Integer(n), _) => {
                Symbol::parse(&n.to_string()).map_err(|e| (Reason::SymbolInvalid, e.to_string()))?
            }
            _ => return Err((Reason::WrongType, "the symbol is no text".into())),
        };
        let ts = moment(cells.ts, cells.time)?;
        self.check(Row {
            symbol,
            ts,
            prices: Ohlcv { open, high, low, close, volume: volume + 0.0 },
            id: id(cells.id),
        })
    }

    /// The rules on values.
    pub(super) fn check(&self, row: Row) -> Result<Row, Verdict> {
        let Ohlcv { open, high, low, close, volume } = row.prices;
        for (name, p) in [("open", open), ("high", high), ("low", low), ("close", close), ("volume", volume)]
        {
            if !p.is_finite() {
                return Err((Reason::NotFinite, format!("{name} {p}")));
            }
        }
        if let Some(p) = [open, high, low, close].iter().find(|p| **p <= 0.0) {
            return Err((Reason::NotPositive, format!("price {p}")));
        }
        if !(0.0..VOLUME_END).contains(&volume) {
            return Err((Reason::NegativeVolume, format!("volume {volume}")));
        }
        if !self.allow_ohlc_disorder && (low > open.min(close) || open.max(close) > high) {
            return Err((Reason::OhlcOrder, format!("open {open} high {high} low {low} close {close}")));
        }
        if row.ts > self.latest {
            return Err((Reason::TooFarAhead, format!("{} lies ahead of the clock", row.ts)));
        }
        Ok(row)
    }
}

fn number(name: &str, cell: Cell<'_>) -> Result<f64, Verdict> {
    match cell {
        Cell::Number(x) => Ok(x),
        Cell::Integer(n) => Ok(n as f64),
        Cell::Text(text) if text.trim().is_empty() => Err((Reason::MissingField, format!("no {name}"))),
        Cell::Text(text) => text
            .trim()
            .parse()
            .map_err(|_| (Reason::WrongType, format!("{name} {:?} is no number", short(text)))),
        Cell::Missing => Err((Reason::MissingField, format!("no {name}"))),
        Cell::Instant(_) | Cell::Other => Err((Reason::WrongType, format!("{name} is no number"))),
    }
}

fn moment(ts: Cell<'_>, time: Cell<'_>) -> Result<Timestamp, Verdict> {
    let bad = |what: String| (Reason::BadTimestamp, what);
    match (ts, time) {
        (Cell::Missing, _) => Err((Reason::MissingField, "no ts".into())),
        (Cell::Instant(at), _) if at.micros() >= 0 => Ok(at),
        (Cell::Instant(at), _) => Err(bad(format!("{at} is before 1970"))),
        (Cell::Text(date), Cell::Text(time)) if !time.trim().is_empty() => {
            instant::parse(&format!("{} {}", date.trim(), time.trim()))
                .ok_or_else(|| bad(format!("{:?} {:?}", short(date), short(time))))
        }
        (Cell::Text(text), _) => instant::parse(text).ok_or_else(|| {
            bad(format!("{:?}: write 2025-01-02T10:00:00Z, a date, or epoch seconds", short(text)))
        }),
        (Cell::Integer(n), _) => instant::from_epoch(n).ok_or_else(|| bad(n.to_string())),
        (Cell::Number(x), _) => instant::from_seconds(x).ok_or_else(|| bad(x.to_string())),
        (Cell::Other, _) => Err((Reason::WrongType, "ts is neither text nor number".into())),
    }
}

fn id(cell: Cell<'_>) -> Option<Box<str>> {
    let text = match cell {
        Cell::Text(text) => text.to_owned(),
        Cell::Integer(n) => n.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= market::limits::ID_BYTES).then(|| text.into())
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(60).collect()
}
