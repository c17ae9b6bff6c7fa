//! When a market is open: targets, VWAP sessions, time of day and expiry are all counted in its time.
//!
//! Bars are aligned to the Unix epoch whatever the calendar; a calendar only says which of them can hold ticks: those that
//! overlap an open stretch. Time zones come with the program (no file of the machine is read), and a bar is never shifted
//! by daylight saving, only the sessions are.
//!
//! Not here: early closes, lunch breaks, several sessions a day. A bar that no tick falls into simply does not exist.

use std::collections::BTreeSet;

use jiff::{ToSpan, civil, tz::TimeZone};
use market::{ErrorKind, Span, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// When a market is open.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Calendar {
    /// Where the manifest says nothing: [`Calendar::Always`] for bars below 1d, [`Calendar::Weekdays`] from 1d.
    #[default]
    ByBar,
    /// Round the clock.
    Always,
    /// Monday to Friday in UTC.
    Weekdays,
    /// One session a weekday, in local time, except holidays.
    Sessions(Sessions),
}

/// Opening hours of an exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Sessions {
    time_zone: String,
    zone: TimeZone,
    open: civil::Time,
    close: civil::Time,
    holidays: BTreeSet<civil::Date>,
}

/// Why opening hours are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCalendar {
    /// No such time zone.
    #[error("calendar.timeZone {0:?} is unknown: write an IANA name such as America/New_York")]
    TimeZone(String),
    /// Not a time of day.
    #[error("calendar.{field} {text:?} is no time of day: write 09:30")]
    Time {
        /// `open` or `close`.
        field: &'static str,
        /// What was written.
        text: String,
    },
    /// The session ends before it begins.
    #[error(
        "calendar: the session must open before it closes on the same day; for a market around midnight use kind Weekdays or Always"
    )]
    Order,
    /// Not a date.
    #[error("calendar: holiday {0:?} is no date: write 2026-12-25")]
    Holiday(String),
    /// More holidays than the limit.
    #[error("calendar: {0} holidays, at most {max} are allowed", max = limits::HOLIDAYS)]
    TooManyHolidays(usize),
}

impl InvalidCalendar {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::BadInput
    }
}

impl Sessions {
    /// Opening hours `open`..`close` (`09:30`, local) on weekdays that are no holiday (`2026-12-25`).
    pub fn new<S: AsRef<str>>(
        time_zone: &str,
        open: &str,
        close: &str,
        holidays: &[S],
    ) -> Result<Self, InvalidCalendar> {
        let short = |text: &str| text.chars().take(80).collect::<String>();
        let zone = TimeZone::get(time_zone).map_err(|_| InvalidCalendar::TimeZone(short(time_zone)))?;
        let time = |field: &'static str, text: &str| {
            civil::Time::strptime("%H:%M", text)
                .or_else(|_| civil::Time::strptime("%H:%M:%S", text))
                .map_err(|_| InvalidCalendar::Time { field, text: short(text) })
        };
        let (open, close) = (time("open", open)?, time("close", close)?);
        if open >= close {
            return Err(InvalidCalendar::Order);
        }
        if holidays.len() > limits::HOLIDAYS {
            return Err(InvalidCalendar::TooManyHolidays(holidays.len()));
        }
        let holidays = holidays
            .iter()
            .map(|h| {
                civil::Date::strptime("%Y-%m-%d", h.as_ref())
                    .map_err(|_| InvalidCalendar::Holiday(short(h.as_ref())))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { time_zone: time_zone.into(), zone, open, close, holidays })
    }

    fn local(&self, at: i64) -> Option<civil::DateTime> {
        jiff::Timestamp::from_microsecond(at).ok().map(|t| self.zone.to_datetime(t))
    }

    fn on(&self, date: civil::Date) -> Option<(i64, i64)> {
        use civil::Weekday::{Saturday, Sunday};
        if matches!(date.weekday(), Saturday | Sunday) || self.holidays.contains(&date) {
            return None;
        }
        let instant = |time| self.zone.to_timestamp(date.to_datetime(time)).ok().map(|t| t.as_microsecond());
        Some((instant(self.open)?, instant(self.close)?)).filter(|(open, close)| open < close)
    }

    /// The first session that closes after `at`.
    fn next(&self, at: i64) -> Option<(i64, i64)> {
        let today = self.local(at)?.date();
        (0..limits::SESSION_SEARCH_DAYS)
            .filter_map(|d| self.on(today.checked_add(d.days()).ok()?))
            .find(|(_, close)| *close > at)
    }

    /// The last session that opened at or before `at`.
    fn last(&self, at: i64) -> Option<(i64, i64)> {
        let today = self.local(at)?.date();
        (0..limits::SESSION_SEARCH_DAYS)
            .filter_map(|d| self.on(today.checked_sub(d.days()).ok()?))
            .find(|(open, _)| *open <= at)
    }
}

impl Calendar {
    /// The calendar of bars of one size: [`Calendar::ByBar`] resolved.
    pub fn for_bar(&self, bar: Span) -> &Calendar {
        match self {
            Calendar::ByBar if bar.micros() < DAY => &Calendar::Always,
            Calendar::ByBar => &Calendar::Weekdays,
            given => given,
        }
    }

    /// The end of the bar that comes `bars` bars after the one that ends at `end`. Bars that overlap no open stretch do not
    /// count. Where a calendar has no session any more, bars follow each other round the clock.
    pub fn advance(&self, end: Timestamp, bars: u32, bar: Span) -> Timestamp {
        let b = bar.micros();
        let (mut at, mut left) = (end.micros(), i64::from(bars));
        for _ in 0..limits::SESSION_STEPS {
            if left == 0 {
                break;
            }
            let Some((open, close)) = self.next_open(at, bar) else { break };
            if open > at && open - at >= b {
                at = open - open.rem_euclid(b);
            }
            let step = left.min((close - at).div_euclid(b) + i64::from((close - at).rem_euclid(b) > 0));
            at = at.saturating_add(step.saturating_mul(b));
            left -= step;
        }
        Timestamp::from_micros(at.saturating_add(left.saturating_mul(b)))
    }

    /// Start of the session that `at` belongs to: the last opening at or before it, or the UTC midnight.
    pub fn session_start(&self, at: Timestamp, bar: Span) -> Timestamp {
        let open = match self.for_bar(bar) {
            Calendar::Sessions(s) => s.last(at.micros()).map(|(open, _)| open),
            _ => None,
        };
        Timestamp::from_micros(open.unwrap_or(at.micros().saturating_sub(at.micros().rem_euclid(DAY))))
    }

    /// Time of day as a fraction of a day, in [0, 1): local for sessions, else UTC.
    pub fn time_of_day(&self, at: Timestamp, bar: Span) -> f64 {
        let micros = match self.for_bar(bar) {
            Calendar::Sessions(s) => s.local(at.micros()).map(|local| {
                let t = local.time();
                let seconds = i64::from(t.hour()) * 3600 + i64::from(t.minute()) * 60 + i64::from(t.second());
                seconds * SECOND + i64::from(t.subsec_nanosecond()) / 1_000
            }),
            _ => None,
        };
        micros.unwrap_or(at.micros().rem_euclid(DAY)) as f64 / DAY as f64
    }

    /// Market time between two instants, in microseconds; 0 where `to` is not after `from`.
    pub fn open_micros(&self, from: Timestamp, to: Timestamp, bar: Span) -> i64 {
        let (mut at, to) = (from.micros(), to.micros());
        let mut sum = 0_i64;
        for _ in 0..limits::SESSION_STEPS {
            if at >= to {
                return sum;
            }
            let Some((open, close)) = self.next_open(at, bar) else { break };
            sum = sum.saturating_add(close.min(to).saturating_sub(open.max(at)).max(0));
            at = close;
        }
        sum.saturating_add(to.saturating_sub(at).max(0))
    }

    /// The first open stretch that ends after `at`; `None` where there is no end to it or none is left.
    fn next_open(&self, at: i64, bar: Span) -> Option<(i64, i64)> {
        match self.for_bar(bar) {
            Calendar::Always | Calendar::ByBar => None,
            Calendar::Weekdays => {
                // 1970-01-01 was a Thursday: day 4 of a week that starts on Monday, counted from 1.
                let day = at.div_euclid(DAY);
                let monday = day - (day + 3).rem_euclid(7);
                let monday = if day - monday >= 5 { monday + 7 } else { monday };
                Some((monday.checked_mul(DAY)?, (monday + 5).checked_mul(DAY)?))
            }
            Calendar::Sessions(s) => s.next(at),
        }
    }

    /// The calendar in words: part of canonical strings. Holidays are left out: next year's list must not make every model
    /// unfit.
    pub(crate) fn describe(&self, bar: Span) -> String {
        match self.for_bar(bar) {
            Calendar::Sessions(s) => format!("{} {}-{}", s.time_zone, s.open, s.close),
            Calendar::Weekdays => "Weekdays UTC".into(),
            Calendar::Always | Calendar::ByBar => "UTC".into(),
        }
    }
}

/// Opening hours as text.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SessionsText {
    time_zone: String,
    open: String,
    close: String,
    #[serde(default)]
    holidays: Vec<String>,
}

impl Serialize for Sessions {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        SessionsText {
            time_zone: self.time_zone.clone(),
            open: self.open.to_string(),
            close: self.close.to_string(),
            holidays: self.holidays.iter().map(|h| h.to_string()).collect(),
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let t = SessionsText::deserialize(d)?;
        Sessions::new(&t.time_zone, &t.open, &t.close, &t.holidays).map_err(serde::de::Error::custom)
    }
}
