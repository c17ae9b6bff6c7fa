//! Query parameters: each known by name, typed, and refused with a remedy when wrong. An unknown name is an error, since a
//! misspelt `limit` would otherwise give an answer to another question.

use std::collections::BTreeMap;

use axum::http::Uri;
use market::{Symbol, Timestamp};

use crate::{
    limits::{DEFAULT_ROWS, MAX_ROWS},
    problem::Problem,
};

/// Decoded parameters of one request.
#[derive(Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Takes the query apart; only the `known` names may occur, each once.
    pub fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let mut found = BTreeMap::new();
        for pair in uri.query().unwrap_or("").split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !known.contains(&name.as_str()) {
                let remedy = match known {
                    [] => "It takes none.".to_owned(),
                    _ => format!("Known are {}.", known.join(", ")),
                };
                return Err(Problem::bad_request(
                    format!("parameter {name:?}"),
                    "is not known here",
                    &remedy,
                ));
            }
            if found.insert(name.clone(), value).is_some() {
                return Err(Problem::bad_request(
                    format!("parameter {name:?}"),
                    "is given twice",
                    "Give it once.",
                ));
            }
        }
        Ok(Self(found))
    }

    /// The raw text; an empty value counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// A symbol.
    pub fn symbol(&self) -> Result<Option<Symbol>, Problem> {
        self.text("symbol").map(Symbol::parse).transpose().map_err(|e| {
            Problem::bad_request("parameter symbol", e.to_string(), "Ask /api/v1/symbols for names.")
        })
    }

    /// A symbol that must be there.
    pub fn required_symbol(&self) -> Result<Symbol, Problem> {
        self.symbol()?.ok_or_else(|| {
            Problem::bad_request("parameter symbol", "is missing", "Name one symbol of /api/v1/symbols.")
        })
    }

    /// An instant.
    pub fn instant(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.text(name).map(Timestamp::parse).transpose().map_err(|e| {
            Problem::bad_request(
                format!("parameter {name}"),
                e.to_string(),
                "Write it as 2026-03-17T14:32:00Z; an offset needs its + as %2B.",
            )
        })
    }

    /// A whole number.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Problem> {
        self.text(name).map(str::parse).transpose().map_err(|_| {
            Problem::bad_request(format!("parameter {name}"), "is no whole number", "Write digits only.")
        })
    }

    /// How many rows.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.number::<usize>("limit")? {
            None => Ok(DEFAULT_ROWS),
            Some(n) if (1..=MAX_ROWS).contains(&n) => Ok(n),
            Some(n) => Err(Problem::bad_request(
                "parameter limit",
                format!("{n} is not in 1..={MAX_ROWS}"),
                "Ask for several ranges with from and to.",
            )),
        }
    }

    /// One of the given names, `default` when absent.
    pub fn one_of<'a>(
        &self,
        name: &str,
        names: &'a [String],
        default: Option<&'a str>,
    ) -> Result<&'a str, Problem> {
        let wanted = match (self.text(name), default) {
            (Some(text), _) => text,
            (None, Some(default)) => return Ok(default),
            (None, None) => {
                return Err(Problem::bad_request(
                    format!("parameter {name}"),
                    "is missing",
                    "Ask /api/v1/meta for names.",
                ));
            }
        };
        names.iter().map(String::as_str).find(|n| *n == wanted).ok_or_else(|| {
            Problem::bad_request(
                format!("parameter {name}"),
                format!("{wanted:?} is not in this pipeline"),
                &format!("It has {}.", names.join(", ")),
            )
        })
    }
}

/// Percent and plus decoding, strict UTF-8.
fn decoded(text: &str) -> Result<String, Problem> {
    let wrong =
        || Problem::bad_request("query", "is not percent-encoded UTF-8", "Encode every reserved character.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (hex, after) = rest.split_at_checked(2).ok_or_else(wrong)?;
                let hex = std::str::from_utf8(hex).map_err(|_| wrong())?;
                bytes.push(u8::from_str_radix(hex, 16).map_err(|_| wrong())?);
                rest = after;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_strictly() {
        assert_eq!(decoded("a%2Bb+c%C3%A9").as_deref(), Ok("a+b cé"));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert!(decoded(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_and_repeated_names_are_refused() {
        let parse = |q: &str| Params::of(&q.parse().unwrap(), &["limit"]);
        assert_eq!(parse("/x?limit=7").unwrap().limit(), Ok(7));
        assert_eq!(parse("/x").unwrap().limit(), Ok(DEFAULT_ROWS));
        for bad in ["/x?limti=7", "/x?limit=1&limit=2"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in ["/x?limit=0", "/x?limit=5001", "/x?limit=-1", "/x?limit=x"] {
            assert!(parse(bad).unwrap().limit().is_err(), "{bad}");
        }
    }
}
