//! A tick as decoded, and the closed list of reasons why a record is not one.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Prices and volume of one record. Prices are finite and > 0, volume is finite and in 0..2^63.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ohlcv {
    /// First price.
    pub open: f64,
    /// Greatest price.
    pub high: f64,
    /// Least price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded quantity; fractional where the market's is.
    pub volume: f64,
}

/// One accepted record, borrowed from its bytes where it can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick<'a> {
    /// Valid as [`crate::Symbol`].
    pub symbol: Cow<'a, str>,
    /// Event time: the start of the span the record covers.
    pub ts: Timestamp,
    /// Prices and volume.
    pub prices: Ohlcv,
    /// The source's own id of this trade or bar, an integer as its decimal text.
    pub id: Option<Cow<'a, str>>,
}

/// Why a record is a dead letter. Closed: a new reason is a new version of the semantics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not one JSON object in strict UTF-8.
    MalformedJson,
    /// A required key is absent.
    MissingField,
    /// A value of another JSON type than asked for.
    WrongType,
    /// `ts` is no ISO-8601 instant in 1970..2262.
    BadTimestamp,
    /// A price or volume that is not finite.
    NotFinite,
    /// A price that is not greater than zero.
    NotPositive,
    /// Not low <= open, close <= high.
    OhlcOrder,
    /// Volume below zero or at least 2^63.
    NegativeVolume,
    /// The symbol is empty, too long, has control characters or outer white space.
    SymbolInvalid,
    /// `ts` is further ahead of the record timestamp than `features.maxFuture`.
    TooFarAhead,
    /// The record is longer than the limit.
    TooLarge,
    /// The partition holds `features.maxSymbols` symbols already.
    TooManySymbols,
    /// A copy of a tick already accepted. Counted, never an alarm.
    Duplicate,
    /// Passed over by hand.
    Skipped,
}

impl Reason {
    /// Every reason, in the order of the enum.
    pub const ALL: [Reason; 14] = [
        Reason::MalformedJson,
        Reason::MissingField,
        Reason::WrongType,
        Reason::BadTimestamp,
        Reason::NotFinite,
        Reason::NotPositive,
        Reason::OhlcOrder,
        Reason::NegativeVolume,
        Reason::SymbolInvalid,
        Reason::TooFarAhead,
        Reason::TooLarge,
        Reason::TooManySymbols,
        Reason::Duplicate,
        Reason::Skipped,
    ];

    /// The name used in files, metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::MalformedJson => "malformed_json",
            Reason::MissingField => "missing_field",
            Reason::WrongType => "wrong_type",
            Reason::BadTimestamp => "bad_timestamp",
            Reason::NotFinite => "not_finite",
            Reason::NotPositive => "not_positive",
            Reason::OhlcOrder => "ohlc_order",
            Reason::NegativeVolume => "negative_volume",
            Reason::SymbolInvalid => "symbol_invalid",
            Reason::TooFarAhead => "too_far_ahead",
            Reason::TooLarge => "too_large",
            Reason::TooManySymbols => "too_many_symbols",
            Reason::Duplicate => "duplicate",
            Reason::Skipped => "skipped",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
