//! The size of a bar: a duration in canonical spelling, because it is a name as well (of rows, directories, models).
//!
//! In the schema it is a plain string, not `format: duration`: as a CEL duration `60s` and `1m` would be one value,
//! and the rule that refuses the longer spelling could not be written.

use crate::duration::{self, Duration, Unit};
use crate::limits;
use crate::problem::BadText;
use crate::schema::string_type;
use std::fmt;

/// A bar size such as `5s`, `1m`, `1d`. Canonical: `60s` is refused, as `1m` says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BarSpan(Duration);

impl BarSpan {
    /// One minute.
    pub(crate) const MINUTE: BarSpan = BarSpan(Duration::of(1, Unit::Minute));
    /// Five seconds.
    pub(crate) const FIVE_SECONDS: BarSpan = BarSpan(Duration::of(5, Unit::Second));

    /// Reads `5s`, `1m`, `1d`; the canonical spelling is held by a rule, so that the message can name it.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        Duration::parse(text).map(BarSpan)
    }

    /// As a duration.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// How long it is, in seconds.
    pub const fn seconds(self) -> i64 {
        self.0.seconds()
    }
}

impl fmt::Display for BarSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

string_type!(
    BarSpan,
    duration::PATTERN,
    limits::DURATION,
    "The size of a bar in its canonical spelling: a whole number and one unit (s, m, h, d); 60s is written 1m."
);
