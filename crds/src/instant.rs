//! Where a data range starts or ends: everything, now, so long ago, or a date.
//!
//! `now` is never the wall clock: it is resolved against the data when a run is submitted. This type only reads and
//! writes it.

use crate::duration::Duration;
use crate::limits;
use crate::problem::BadText;
use crate::schema::string_type;
use std::fmt;

/// `all`, `now`, `-14d`, or RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Instant {
    /// Everything that is stored.
    All,
    /// The end of the data that is complete.
    Now,
    /// So long before `now`.
    Before(Duration),
    /// An RFC 3339 date and time, with its offset.
    At(String),
}

pub(crate) const PATTERN: &str = "^(all|now|-[1-9][0-9]{0,8}(s|m|h|d)|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]\
                       ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))$";

impl Instant {
    /// Reads one of the four forms.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let bad = || {
            BadText::new(
                text,
                "an instant",
                "all, now, so long ago like -14d, or RFC 3339 like 2026-01-31T09:30:00Z",
            )
        };
        match text {
            "all" => Ok(Instant::All),
            "now" => Ok(Instant::Now),
            _ => match text.strip_prefix('-') {
                Some(ago) => Duration::parse(ago).map(Instant::Before).map_err(|_| bad()),
                None if is_rfc3339(text.as_bytes()) => Ok(Instant::At(text.to_owned())),
                None => Err(bad()),
            },
        }
    }
}

/// The form only: whether the 31st of that month exists is seen by whoever turns it into a timestamp.
fn is_rfc3339(text: &[u8]) -> bool {
    let two = |at: usize| match (text.get(at), text.get(at + 1)) {
        (Some(a @ b'0'..=b'9'), Some(b @ b'0'..=b'9')) => Some((a - b'0') * 10 + (b - b'0')),
        _ => None,
    };
    let is = |at: usize, allowed: &[u8]| text.get(at).is_some_and(|byte| allowed.contains(byte));
    let within = |at: usize, low: u8, high: u8| two(at).is_some_and(|n| (low..=high).contains(&n));
    let date = two(0).is_some()
        && two(2).is_some()
        && is(4, b"-")
        && within(5, 1, 12)
        && is(7, b"-")
        && within(8, 1, 31);
    let time = is(10, b"Tt ")
        && within(11, 0, 23)
        && is(13, b":")
        && within(14, 0, 59)
        && is(16, b":")
        && within(17, 0, 59);
    let mut at = 19;
    if is(at, b".") {
        let digits = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return false;
        }
        at += 1 + digits;
    }
    let utc = is(at, b"Zz") && text.len() == at + 1;
    let offset = is(at, b"+-")
        && within(at + 1, 0, 23)
        && is(at + 3, b":")
        && within(at + 4, 0, 59)
        && text.len() == at + 6;
    date && time && (utc || offset)
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Instant::All => f.write_str("all"),
            Instant::Now => f.write_str("now"),
            Instant::Before(ago) => write!(f, "-{ago}"),
            Instant::At(text) => f.write_str(text),
        }
    }
}

string_type!(Instant, PATTERN, limits::INSTANT, "all, now, so long before now (-14d), or RFC 3339.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_its_pattern() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        let texts = [
            "all",
            "now",
            "-14d",
            "2026-01-31T09:30:00Z",
            "2026-01-31 09:30:00.123456+02:00",
            "",
            "-0d",
            "14d",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+25:00",
            "2026-01-01T00:00:00Zx",
            "-14d ",
            "All",
        ];
        for text in texts {
            assert_eq!(Instant::parse(text).is_ok(), pattern.is_match(text), "{text}");
        }
        assert_eq!(Instant::parse("-14d").unwrap().to_string(), "-14d");
    }
}
