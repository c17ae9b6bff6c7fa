//! Instrument names.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::SYMBOL_BYTES;

/// An instrument's name: 1..=64 bytes of UTF-8 without control characters or outer white space. Cheap to clone; orders
/// by bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(Arc<str>);

/// Why a text is no symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("symbol {0:?}: a symbol has 1..=64 bytes, no control characters and no outer white space")]
pub struct InvalidSymbol(String);

impl Symbol {
    /// True when `text` may be a symbol.
    pub fn is_valid(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= SYMBOL_BYTES
            && !text.chars().any(char::is_control)
            && text.trim().len() == text.len()
    }

    /// Parses a symbol; nothing is trimmed or folded.
    pub fn parse(text: &str) -> Result<Self, InvalidSymbol> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSymbol(text.chars().take(80).collect()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_rejects() {
        for good in ["A", "BRK.B", "BTC-USD", "日経", &"x".repeat(64), "a b"] {
            assert_eq!(Symbol::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " A", "A ", "A\n", "\u{7f}", "\u{a0}A", &"x".repeat(65)] {
            assert!(Symbol::parse(bad).is_err(), "{bad:?}");
        }
    }
}
