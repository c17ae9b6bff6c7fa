//! A span of time as the resources spell it: one number, one unit. `90m`, never `1h30m` or `0s`: a field that is off
//! or computed is absent.

use crate::limits;
use crate::problem::BadText;
use crate::schema::string_type;
use std::fmt;

/// A positive span of whole seconds that keeps the spelling it was written with.
///
/// Two durations are equal when they are spelled alike; compare [`Duration::seconds`] to compare lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Duration {
    amount: u32,
    unit: Unit,
}

/// What the number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`, 24 hours
    Day,
}

impl Unit {
    const fn seconds(self) -> i64 {
        match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => 86_400,
        }
    }

    const fn letter(self) -> char {
        match self {
            Unit::Second => 's',
            Unit::Minute => 'm',
            Unit::Hour => 'h',
            Unit::Day => 'd',
        }
    }
}

/// The form every duration has, in the schema and here.
pub(crate) const PATTERN: &str = "^[1-9][0-9]{0,8}(s|m|h|d)$";

impl Duration {
    /// `n` seconds, spelled in seconds. `n` of 0 becomes 1: there is no empty duration.
    pub const fn from_seconds(n: u32) -> Self {
        Duration { amount: if n == 0 { 1 } else { n }, unit: Unit::Second }
    }

    /// `n` of `unit`. For the constants of this crate.
    pub(crate) const fn of(n: u32, unit: Unit) -> Self {
        Duration { amount: n, unit }
    }

    /// Reads `15s`, `5m`, `1h`, `30d`.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let bad = || {
            BadText::new(text, "a duration", "a whole number from 1 and one unit, like 15s, 5m, 1h or 30d")
        };
        let unit = match text.as_bytes().last() {
            Some(b's') => Unit::Second,
            Some(b'm') => Unit::Minute,
            Some(b'h') => Unit::Hour,
            Some(b'd') => Unit::Day,
            _ => return Err(bad()),
        };
        let digits = &text[..text.len() - 1];
        if digits.len() > 9 || digits.starts_with('0') || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let amount = digits.parse().map_err(|_| bad())?;
        let duration = Duration { amount, unit };
        if duration.seconds() > limits::DURATION_SECONDS {
            return Err(BadText::new(
                text,
                "a duration of at most 68 years",
                "a shorter one, or leave the field out",
            ));
        }
        Ok(duration)
    }

    /// How long it is, in seconds.
    pub const fn seconds(self) -> i64 {
        self.amount as i64 * self.unit.seconds()
    }

    /// As the standard library has it.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds().unsigned_abs())
    }

    /// The same length in the largest unit that divides it: `60s` -> `1m`, `90s` stays.
    pub fn canonical(self) -> Self {
        let seconds = self.seconds();
        [Unit::Day, Unit::Hour, Unit::Minute]
            .into_iter()
            .find(|unit| seconds % unit.seconds() == 0)
            .and_then(|unit| Some(Duration { amount: u32::try_from(seconds / unit.seconds()).ok()?, unit }))
            .unwrap_or(self)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.unit.letter())
    }
}

string_type!(
    Duration,
    PATTERN,
    limits::DURATION,
    "A duration: a whole number and one unit (s, m, h, d).",
    "duration"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_spelling_and_knows_its_length() {
        for (text, seconds, canonical) in [
            ("15s", 15, "15s"),
            ("60s", 60, "1m"),
            ("90s", 90, "90s"),
            ("24h", 86_400, "1d"),
            ("30d", 2_592_000, "30d"),
        ] {
            let duration = Duration::parse(text).unwrap();
            assert_eq!(duration.to_string(), text);
            assert_eq!(duration.seconds(), seconds);
            assert_eq!(duration.canonical().to_string(), canonical);
        }
    }

    #[test]
    fn refuses_what_the_pattern_refuses() {
        for text in
            ["", "s", "0s", "05s", "-5s", "5", "5 s", "1h30m", "1.5h", "5S", "1234567890s", "5µ", "é", "+5s"]
        {
            let error = Duration::parse(text).unwrap_err().to_string();
            assert!(error.contains("write a whole number"), "{text}: {error}");
        }
        assert!(Duration::parse("999999999d").unwrap_err().to_string().contains("68 years"));
    }
}
