//! Which column is which: `--columns` first, then the spellings that exchanges, brokers and libraries use.

use std::path::Path;

use crate::ImportError;

/// What a row can have, with the spellings that are known (letters and digits only, lower case), the likeliest first.
const FIELDS: [(&str, &[&str]); 8] = [
    ("ts", &["ts", "timestamp", "datetime", "date", "time", "opentime", "t", "windowstart", "unix", "index"]),
    ("symbol", &["symbol", "ticker", "sym", "instrument", "s"]),
    ("open", &["open", "openprice", "o"]),
    ("high", &["high", "highprice", "h"]),
    ("low", &["low", "lowprice", "l"]),
    ("close", &["close", "closeprice", "c", "last", "price", "adjclose"]),
    ("volume", &["volume", "vol", "v", "qty", "quantity", "size", "amount"]),
    ("id", &["id", "tradeid", "tickid"]),
];

/// Positions of the fields in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub ts: usize,
    /// A time of day beside a date.
    pub time: Option<usize>,
    pub symbol: Option<usize>,
    pub open: Option<usize>,
    pub high: Option<usize>,
    pub low: Option<usize>,
    pub close: usize,
    pub volume: Option<usize>,
    pub id: Option<usize>,
}

impl Columns {
    /// Finds every field in a header. `explicit` holds the pairs of `--columns`.
    pub(super) fn find<S: AsRef<str>>(
        header: &[S],
        explicit: &[(String, String)],
        has_symbol: bool,
        file: &Path,
    ) -> Result<Self, ImportError> {
        let fail = |why: String| ImportError::Columns { file: file.into(), why };
        let plain: Vec<String> = header.iter().map(|h| normal(h.as_ref())).collect();
        let listed = || header.iter().map(|h| h.as_ref().trim()).collect::<Vec<_>>().join(", ");
        if let Some((field, _)) = explicit.iter().find(|(f, _)| FIELDS.iter().all(|(name, _)| name != f)) {
            let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            return Err(fail(format!("--columns names the field {field:?}: there are {}", names.join(", "))));
        }
        let place = |field: usize| -> Result<Option<usize>, ImportError> {
            let (name, spellings) = FIELDS[field];
            if let Some((_, column)) = explicit.iter().find(|(f, _)| f == name) {
                let exact = header.iter().position(|h| h.as_ref().trim() == column);
                return exact
                    .or_else(|| plain.iter().position(|p| *p == normal(column)))
                    .map(Some)
                    .ok_or_else(|| {
                        fail(format!(
                            "--columns {name}={column}: there is no such column; the file has {}",
                            listed()
                        ))
                    });
            }
            Ok(spellings.iter().find_map(|s| plain.iter().position(|p| p == s)))
        };
        let missing = |field: &str| {
            fail(format!("no column for {field}: add --columns {field}=NAME; the file has {}", listed()))
        };
        let columns = Self {
            ts: place(0)?.ok_or_else(|| missing("ts"))?,
            time: None,
            symbol: place(1)?,
            open: place(2)?,
            high: place(3)?,
            low: place(4)?,
            close: place(5)?.ok_or_else(|| missing("close"))?,
            volume: place(6)?,
            id: place(7)?,
        };
        if columns.symbol.is_none() && !has_symbol {
            return Err(fail(format!(
                "no column for symbol: add --symbol NAME, or --columns symbol=NAME; the file has {}",
                listed()
            )));
        }
        let beside = plain.iter().position(|p| p == "time").filter(|_| plain[columns.ts] == "date");
        Ok(Self { time: beside, ..columns })
    }
}

fn normal(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(header: &str, explicit: &[(&str, &str)], has_symbol: bool) -> Result<Columns, String> {
        let header: Vec<&str> = header.split(',').collect();
        let explicit: Vec<_> = explicit.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        Columns::find(&header, &explicit, has_symbol, Path::new("f.csv")).map_err(|e| e.to_string())
    }

    #[test]
    fn finds_the_usual_spellings() {
        let all = |ts| Columns {
            ts,
            time: None,
            symbol: None,
            open: Some(1),
            high: Some(2),
            low: Some(3),
            close: 4,
            volume: Some(5),
            id: None,
        };
        assert_eq!(find("Date,Open,High,Low,Close,Volume", &[], true), Ok(all(0)));
        assert_eq!(find("date,open,high,low,close,volume,Adj Close", &[], true), Ok(all(0)));
        assert_eq!(find("\u{feff}Open Time,o,h,l,c,v", &[], true), Ok(all(0)));
        assert_eq!(find("Timestamp,Open Price,HIGH,low,Last,Vol.", &[], true), Ok(all(0)));
        assert_eq!(
            find("Date,Time,Close,Ticker", &[], false).map(|c| (c.ts, c.time, c.close, c.symbol)),
            Ok((0, Some(1), 2, Some(3)))
        );
        assert_eq!(find("a,b,c", &[("ts", "a"), ("close", "b")], true).map(|c| (c.ts, c.close)), Ok((0, 1)));
    }

    #[test]
    fn says_what_is_missing() {
        assert!(find("Open,Close", &[], true).unwrap_err().contains("--columns ts=NAME"));
        assert!(find("Date,Open", &[], true).unwrap_err().contains("--columns close=NAME"));
        assert!(find("Date,Close", &[], false).unwrap_err().contains("--symbol"));
        assert!(find("Date,Close", &[("close", "Adj")], true).unwrap_err().contains("no such column"));
        assert!(
            find("Date,Close", &[("price", "Close")], true).unwrap_err().contains("there are ts, symbol")
        );
    }
}
