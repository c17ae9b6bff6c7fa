//! When a pipeline's training is due: a cron line, a time zone, a policy, a deadline. Pure.
//!
//! A clock that goes back runs a line with a fixed hour once and one that repeats in both halves; a clock that goes
//! forward runs what it skipped at the first instant after the gap.

use crds::pipeline::{ConcurrencyPolicy, Training};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Missed instants that are looked through at most: as many as a CronJob tolerates.
const MISSED: usize = 100;

/// Why a schedule cannot be followed. The pipeline shows it; nothing is started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// The line.
    #[error(
        "spec.training.schedule {line:?} is not a cron line: {reason}; write five fields like \"*/30 * * * *\""
    )]
    Line {
        /// As it was written.
        line: String,
        /// What the parser says.
        reason: String,
    },
    /// The time zone.
    #[error(
        "spec.training.timeZone {0:?} is not known; write a name of the IANA database like Europe/Berlin or Etc/UTC"
    )]
    TimeZone(String),
}

/// A cron line in its time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

/// What a schedule asks for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The instant a run is due for, if one is.
    pub run: Option<Timestamp>,
    /// When the next is; `None` where there is none.
    pub next: Option<Timestamp>,
}

/// What to do about a run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Create it.
    Create,
    /// Let it go: another runs still.
    Skip,
    /// Delete those, then create it.
    Replace(Vec<String>),
}

impl Schedule {
    /// Reads line and zone; `None` where the pipeline has no schedule.
    pub fn of(training: &Training) -> Result<Option<Self>, BadSchedule> {
        let Some(line) = &training.schedule else { return Ok(None) };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser
            .parse(line)
            .map_err(|error| BadSchedule::Line { line: line.clone(), reason: error.to_string() })?;
        let zone = TimeZone::get(&training.time_zone)
            .map_err(|_| BadSchedule::TimeZone(training.time_zone.clone()))?;
        Ok(Some(Schedule { cron, zone }))
    }

    /// The newest instant after `last` that is past and not later than `deadline` ago, and the next one to come.
    /// `last` is when the schedule last started a run, or when it was first seen.
    pub fn due(&self, last: Timestamp, now: Timestamp, deadline: SignedDuration) -> Due {
        let earliest = now.checked_sub(deadline).unwrap_or(Timestamp::MIN);
        // An instant exactly at the earliest still counts.
        let after = last.max(earliest.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(earliest));
        let mut run = None;
        let mut cursor = after;
        let mut next = self.next(cursor);
        for _ in 0..MISSED {
            match next {
                Some(at) if at <= now => {
                    run = Some(at);
                    cursor = at;
                    next = self.next(cursor);
                }
                _ => return Due { run, next },
            }
        }
        // More than that were missed: the newest is looked for from this side.
        Due { run: self.previous(now).or(run), next: self.next(now) }
    }

    /// The first instant after that one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&after.to_zoned(self.zone.clone()), false).ok()?;
        Some(whole_minute(found.timestamp())).filter(|at| *at > after)
    }

    fn previous(&self, until: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&until.to_zoned(self.zone.clone()), true).ok()?;
        Some(whole_minute(found.timestamp())).filter(|at| *at <= until)
    }
}

/// Without what the search carries along of the seconds it began at.
fn whole_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

/// The name of the run that is due at an instant: two operators, or one that forgot, make the same.
pub fn run_name(pipeline: &str, scheduled: Timestamp) -> String {
    format!("{pipeline}-{}", scheduled.as_second().div_euclid(60))
}

/// What to do with a run that is due while others of the schedule are unfinished.
pub fn decide(policy: ConcurrencyPolicy, unfinished: &[String]) -> Decision {
    match policy {
        ConcurrencyPolicy::Allow => Decision::Create,
        _ if unfinished.is_empty() => Decision::Create,
        ConcurrencyPolicy::Forbid => Decision::Skip,
        ConcurrencyPolicy::Replace => Decision::Replace(unfinished.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(line: &str, zone: &str) -> Schedule {
        let training =
            Training { schedule: Some(line.to_owned()), time_zone: zone.to_owned(), ..Training::default() };
        Schedule::of(&training).unwrap().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn due(schedule: &Schedule, last: &str, now: &str, deadline: i64) -> (Option<String>, Option<String>) {
        let due = schedule.due(at(last), at(now), SignedDuration::from_secs(deadline));
        (due.run.map(|t| t.to_string()), due.next.map(|t| t.to_string()))
    }

    fn some(run: &str, next: &str) -> (Option<String>, Option<String>) {
        ((!run.is_empty()).then(|| run.to_owned()), Some(next.to_owned()))
    }

    #[test]
    fn every_half_hour() {
        let s = schedule("*/30 * * * *", "Etc/UTC");
        for (last, now, want) in [
            ("2026-01-05T10:00:00Z", "2026-01-05T10:29:59Z", some("", "2026-01-05T10:30:00Z")),
            (
                "2026-01-05T10:00:00Z",
                "2026-01-05T10:30:00Z",
                some("2026-01-05T10:30:00Z", "2026-01-05T11:00:00Z"),
            ),
            // Once started it is not due again.
            ("2026-01-05T10:30:00Z", "2026-01-05T10:30:01Z", some("", "2026-01-05T11:00:00Z")),
            (
                "2026-01-05T10:00:00Z",
                "2026-01-05T10:35:00Z",
                some("2026-01-05T10:30:00Z", "2026-01-05T11:00:00Z"),
            ),
            // Five minutes late is too late.
            ("2026-01-05T10:00:00Z", "2026-01-05T10:35:01Z", some("", "2026-01-05T11:00:00Z")),
            // A fraction of a second of the clock moves no instant.
            (
                "2026-01-05T10:00:00.5Z",
                "2026-01-05T10:30:00.25Z",
                some("2026-01-05T10:30:00Z", "2026-01-05T11:00:00Z"),
            ),
        ] {
            assert_eq!(due(&s, last, now, 300), want, "{last} {now}");
        }
    }

    #[test]
    fn of_many_missed_the_newest_is_due() {
        let s = schedule("* * * * *", "Etc/UTC");
        let got = due(&s, "2026-01-01T00:00:00Z", "2026-01-05T10:00:30Z", 7 * 86_400);
        assert_eq!(got, some("2026-01-05T10:00:00Z", "2026-01-05T10:01:00Z"));
        let got = due(&s, "2026-01-05T09:57:00Z", "2026-01-05T10:00:30Z", 86_400);
        assert_eq!(got, some("2026-01-05T10:00:00Z", "2026-01-05T10:01:00Z"));
    }

    #[test]
    fn a_clock_that_goes_forward_runs_what_it_skips_after_the_gap() {
        // On 29 March 2026 02:00 becomes 03:00 in Berlin, which is 01:00 UTC.
        let s = schedule("30 2 * * *", "Europe/Berlin");
        assert_eq!(s.next(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(s.next(at("2026-03-29T01:00:00Z")), Some(at("2026-03-30T00:30:00Z")));
        // Every half hour goes on every half hour.
        let s = schedule("*/30 * * * *", "Europe/Berlin");
        assert_eq!(s.next(at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
        assert_eq!(s.next(at("2026-03-29T01:00:00Z")), Some(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn a_clock_that_goes_back_runs_a_fixed_hour_once() {
        // On 25 October 2026 03:00 becomes 02:00 in Berlin, which is 01:00 UTC.
        let s = schedule("30 2 * * *", "Europe/Berlin");
        assert_eq!(s.next(at("2026-10-24T12:00:00Z")), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(s.next(at("2026-10-25T00:30:00Z")), Some(at("2026-10-26T01:30:00Z")));
        let s = schedule("*/30 * * * *", "Europe/Berlin");
        let mut cursor = at("2026-10-25T00:00:00Z");
        for want in ["00:30", "01:00", "01:30", "02:00"] {
            cursor = s.next(cursor).unwrap();
            assert_eq!(cursor, at(&format!("2026-10-25T{want}:00Z")));
        }
    }

    #[test]
    fn what_cannot_be_followed_says_what_to_write() {
        let bad = |line: &str, zone: &str| {
            let training = Training {
                schedule: Some(line.to_owned()),
                time_zone: zone.to_owned(),
                ..Training::default()
            };
            Schedule::of(&training).unwrap_err().to_string()
        };
        assert!(bad("61 * * * *", "Etc/UTC").contains("write five fields"));
        assert!(bad("* * * * * *", "Etc/UTC").contains("write five fields"));
        assert!(bad("* * * * *", "Mars/Olympus").contains("Europe/Berlin"));
        assert!(Schedule::of(&Training::default()).unwrap().is_none());
        // The 30th of February never comes.
        assert_eq!(schedule("0 0 30 2 *", "Etc/UTC").next(at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn names_are_minutes() {
        assert_eq!(run_name("market", at("2026-01-05T10:30:00Z")), "market-29460150");
    }

    #[test]
    fn policies() {
        let others = ["a".to_owned(), "b".to_owned()];
        for (policy, unfinished, want) in [
            (ConcurrencyPolicy::Forbid, &[][..], Decision::Create),
            (ConcurrencyPolicy::Forbid, &others[..], Decision::Skip),
            (ConcurrencyPolicy::Replace, &[][..], Decision::Create),
            (ConcurrencyPolicy::Replace, &others[..], Decision::Replace(others.to_vec())),
            (ConcurrencyPolicy::Allow, &others[..], Decision::Create),
        ] {
            assert_eq!(decide(policy, unfinished), want, "{policy:?}");
        }
    }
}
