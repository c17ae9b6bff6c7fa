//! Event time and spans, in microseconds.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::utc;

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// An instant in microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// Why a text is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no instant: write 2025-01-02T10:00:00Z (UTC where no offset is given)")]
pub struct InvalidTimestamp(String);

impl Timestamp {
    /// The least instant: before everything.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The greatest instant: after everything.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since the Unix epoch, saturating.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The last multiple of `span` (from the Unix epoch) that is not after this instant.
    pub const fn floor(self, span: Span) -> Self {
        Self(self.0 - self.0.rem_euclid(span.micros()))
    }

    /// Days since the Unix epoch of the UTC day this instant is in.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND)
    }

    /// The UTC day as `YYYY-MM-DD`.
    pub fn date(self) -> String {
        let (y, m, d) = civil(self.day());
        format!("{y:04}-{m:02}-{d:02}")
    }

    /// Parses ISO-8601: a date alone, or with `T`, `t` or a space, `hh:mm:ss`, 0..=9 fractional digits (truncated to
    /// microseconds) and `Z`, `z`, `±hh:mm` or nothing (= UTC). Years 1..=2261.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let fail = || InvalidTimestamp(text.chars().take(80).collect());
        let bytes = text.as_bytes();
        if bytes.len() == 10 {
            return parse_date(bytes).map(|d| Self(d * SECONDS_PER_DAY * MICROS_PER_SECOND)).ok_or_else(fail);
        }
        parse_instant(bytes).map(Self).ok_or_else(fail)
    }

    /// Parses the instant of a tick: as [`Timestamp::parse`], but a date alone is none, nor is anything before 1970.
    #[inline]
    pub fn parse_tick(bytes: &[u8]) -> Option<Self> {
        utc::parse(bytes).or_else(|| parse_instant(bytes).filter(|at| *at >= 0)).map(Self)
    }

    /// This instant plus a span, saturating at the ends of time.
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.micros()))
    }

    /// This instant minus a span, saturating at the ends of time.
    pub const fn saturating_sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.micros()))
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        self.saturating_add(span)
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        self.saturating_sub(span)
    }
}

/// `2025-01-02T10:00:00Z`, with the least fraction (3 or 6 digits) that keeps the value.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = civil(self.day());
        let in_day = self.0.rem_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let (seconds, micros) = (in_day / MICROS_PER_SECOND, in_day % MICROS_PER_SECOND);
        write!(f, "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match micros {
            0 => {}
            m if m % 1_000 == 0 => write!(f, ".{:03}", m / 1_000)?,
            m => write!(f, ".{m:06}")?,
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        Self::parse(text)
    }
}

/// As ISO-8601 text.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

fn two(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(i64::from(a - b'0') * 10 + i64::from(b - b'0')),
        _ => None,
    }
}

fn parse_date(bytes: &[u8]) -> Option<i64> {
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = two(&bytes[0..2])? * 100 + two(&bytes[2..4])?;
    let (month, day) = (two(&bytes[5..7])?, two(&bytes[8..10])?);
    if !(1..=2261).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

fn parse_instant(bytes: &[u8]) -> Option<i64> {
    if bytes.len() < 19 || !matches!(bytes[10], b'T' | b't' | b' ') || bytes[13] != b':' || bytes[16] != b':'
    {
        return None;
    }
    let days = parse_date(&bytes[..10])?;
    let (hour, minute, second) = (two(&bytes[11..13])?, two(&bytes[14..16])?, two(&bytes[17..19])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = &bytes[19..];
    let mut micros = 0_i64;
    if let [b'.', tail @ ..] = rest {
        let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        let digit = |i: usize| tail.get(i).filter(|_| i < digits).map_or(0, |b| i64::from(b - b'0'));
        micros = (0..6).fold(0, |sum, i| sum * 10 + digit(i));
        rest = &tail[digits..];
    }
    let offset = match rest {
        [] | [b'Z'] | [b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (h, m) = (two(&[*h1, *h2])?, two(&[*m1, *m2])?);
            if h > 23 || m > 59 {
                return None;
            }
            (h * 3600 + m * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(MICROS_PER_SECOND)?.checked_add(micros)
}

pub(crate) const fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The inverse of [`days_from_civil`].
const fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + (month <= 2) as i64, month, day)
}

/// A length of time in microseconds, greater than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(i64);

/// Why a text is no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write a whole number and s, m, h or d, as in 15s or 1m")]
pub struct InvalidSpan(String);

impl Span {
    /// From microseconds; `None` unless greater than zero.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros > 0 { Some(Self(micros)) } else { None }
    }

    /// From whole seconds; zero counts as one.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(if seconds == 0 { 1 } else { seconds as i64 } * MICROS_PER_SECOND)
    }

    /// Microseconds, > 0.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Parses `^[1-9][0-9]{0,8}(s|m|h|d)$`.
    pub fn parse(text: &str) -> Result<Self, InvalidSpan> {
        let fail = || InvalidSpan(text.chars().take(80).collect());
        let unit = text.bytes().last().ok_or_else(fail)?;
        let digits = &text[..text.len() - text.chars().last().map_or(0, char::len_utf8)];
        let scale = match unit {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => SECONDS_PER_DAY,
            _ => return Err(fail()),
        };
        if digits.is_empty()
            || digits.len() > 9
            || digits.starts_with('0')
            || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(fail());
        }
        let n: i64 = digits.parse().map_err(|_| fail())?;
        n.checked_mul(scale).and_then(|s| s.checked_mul(MICROS_PER_SECOND)).map(Self).ok_or_else(fail)
    }
}

/// The canonical spelling: the greatest unit that divides it (`60s` prints as `1m`). Spans below a second print in
/// microseconds (`1500us`); they never come from a manifest.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % MICROS_PER_SECOND != 0 {
            return write!(f, "{}us", self.0);
        }
        let s = self.0 / MICROS_PER_SECOND;
        match s {
            s if s % SECONDS_PER_DAY == 0 => write!(f, "{}d", s / SECONDS_PER_DAY),
            s if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;
    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        Self::parse(text)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_the_spellings_of_one_instant() {
        let at = Timestamp::from_micros(1_735_812_005_123_456);
        for text in [
            "2025-01-02T10:00:05.123456Z",
            "2025-01-02 10:00:05.123456789",
            "2025-01-02t10:00:05.123456z",
            "2025-01-02T12:30:05.123456+02:30",
            "2025-01-02T09:00:05.123456-01:00",
        ] {
            assert_eq!(Timestamp::parse(text), Ok(at), "{text}");
        }
        assert_eq!(at.to_string(), "2025-01-02T10:00:05.123456Z");
        assert_eq!(Timestamp::parse("2004-08-19").unwrap().to_string(), "2004-08-19T00:00:00Z");
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "2025",
            "2025-13-01",
            "2025-02-29",
            "2025-01-02T24:00:00Z",
            "2025-01-02T10:00:60Z",
            "2025-01-02T10:00:05.Z",
            "2025-01-02T10:00:05.1234567890Z",
            "2025-01-02T10:00:05+1:00",
            "2025-01-02T10:00:05 Z",
            "+025-01-02T10:00:05Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
        for text in ["2025-01-02", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00"] {
            assert_eq!(Timestamp::parse_tick(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Timestamp::from_micros(-10_000_000).to_string(), "1969-12-31T23:59:50Z");
    }

    #[test]
    fn spans_have_one_canonical_spelling() {
        for (text, canonical) in [("60s", "1m"), ("90s", "90s"), ("24h", "1d"), ("5s", "5s"), ("120m", "2h")]
        {
            assert_eq!(Span::parse(text).unwrap().to_string(), canonical);
        }
        for bad in ["", "s", "0s", "05s", "1.5s", "-1s", "1w", "1ms", "1234567890s", "1é", "é"] {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn display_parses_back(micros in -9_200_000_000_000_000_i64..9_200_000_000_000_000) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
            prop_assert_eq!(Timestamp::parse(&at.date()).unwrap().micros(), at.day() * 86_400_000_000);
        }

        #[test]
        fn parse_never_panics(text in ".{0,40}") {
            let _ = Timestamp::parse(&text);
            let _ = Span::parse(&text);
        }
    }
}
