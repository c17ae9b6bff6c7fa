//! When a market is open.

use market::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// When a market is open: decides targets, VWAP sessions, time of day and expiry.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Calendar {
    /// Where the manifest says nothing: `Always` for bars below 1d, `Weekdays` from 1d.
    #[default]
    ByBar,
    /// Round the clock.
    Always,
    /// Monday to Friday, UTC.
    Weekdays,
    /// Opening hours.
    Sessions(Sessions),
}

/// Opening hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sessions {}

/// Why a calendar is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCalendar(String);

impl Sessions {
    /// Parses.
    pub fn new(
        _time_zone: &str,
        _open: &str,
        _close: &str,
        _holidays: &[String],
    ) -> Result<Self, InvalidCalendar> {
        todo!()
    }
}

impl Calendar {
    /// The end of the bar that is `bars` bars after the one that ends at `end`.
    pub fn advance(&self, _end: Timestamp, _bars: u32, _bar: Span) -> Timestamp {
        todo!()
    }
    /// Start of the session that `at` belongs to.
    pub fn session_start(&self, _at: Timestamp, _bar: Span) -> Timestamp {
        todo!()
    }
    /// Local time of day as a fraction of a day, in [0, 1).
    pub fn time_of_day(&self, _at: Timestamp, _bar: Span) -> f64 {
        todo!()
    }
    /// Market time in (from, to] in microseconds.
    pub fn open_micros(&self, _from: Timestamp, _to: Timestamp, _bar: Span) -> i64 {
        todo!()
    }
}
