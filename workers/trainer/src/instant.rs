//! `data.from` and `data.to`: instants of event time, absolute or relative to `now`.

use market::{Span, Timestamp};

use crate::TrainError;

/// An instant as written in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instant {
    /// Everything stored.
    All,
    /// The watermark of the data, never the wall clock: history imported yesterday is old.
    Now,
    /// Before `now`.
    Ago(Span),
    /// Absolute.
    At(Timestamp),
}

impl Instant {
    /// Parses `all`, `now`, `-14d` or RFC 3339.
    pub fn parse(text: &str) -> Result<Self, TrainError> {
        let bad = || TrainError::BadInput {
            what: format!("{text:?} is no instant of data.from or data.to"),
            remedy: "write all, now, -14d or 2025-01-02T10:00:00Z".to_owned(),
        };
        match text {
            "all" => Ok(Self::All),
            "now" => Ok(Self::Now),
            _ => match text.strip_prefix('-') {
                Some(span) => Span::parse(span).map(Self::Ago).map_err(|_| bad()),
                None => Timestamp::parse(text).map(Self::At).map_err(|_| bad()),
            },
        }
    }

    /// The lower bound of a range, `None` = unbounded.
    pub fn as_from(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::All => None,
            Self::Now => Some(now),
            Self::Ago(span) => Some(now - span),
            Self::At(at) => Some(at),
        }
    }

    /// The upper bound of a range: never after `now`, because rows after it are not complete for every symbol.
    pub fn as_to(self, now: Timestamp) -> Timestamp {
        self.as_from(now).map_or(now, |at| at.min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_four_forms_and_nothing_else() {
        let now = Timestamp::parse("2025-01-15T00:00:00Z").unwrap();
        let at = |text: &str| Instant::parse(text).unwrap();
        assert_eq!(at("all").as_from(now), None);
        assert_eq!(at("all").as_to(now), now);
        assert_eq!(at("-14d").as_from(now), Some(Timestamp::parse("2025-01-01").unwrap()));
        assert_eq!(at("2025-02-01T00:00:00Z").as_to(now), now, "the future is not complete");
        for bad in ["", "yesterday", "-", "-0d", "14d", "-14w", "ALL"] {
            assert!(Instant::parse(bad).is_err(), "{bad}");
        }
    }
}
