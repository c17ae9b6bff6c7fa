//! Calendars, daylight saving included.

use indicators::{Calendar, Sessions};
use market::{Span, Timestamp};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

fn new_york() -> Calendar {
    Calendar::Sessions(
        Sessions::new("America/New_York", "09:30", "16:00", &["2025-07-04", "2025-12-25"]).unwrap(),
    )
}

fn check(calendar: &Calendar, bar: &str, end: &str, bars: u32, expected: &str) {
    assert_eq!(calendar.advance(at(end), bars, span(bar)), at(expected), "{bar} bars, {end} + {bars}");
}

#[test]
fn always_and_weekdays() {
    check(&Calendar::ByBar, "1m", "2025-01-03T23:59:00Z", 5, "2025-01-04T00:04:00Z");
    // The bar of Friday ends on Saturday; the next is Monday's.
    check(&Calendar::ByBar, "1d", "2025-01-04", 1, "2025-01-07");
    check(&Calendar::ByBar, "1d", "2025-01-04", 6, "2025-01-14");
    check(&Calendar::ByBar, "1d", "2025-01-07", 0, "2025-01-07");
    check(&Calendar::Weekdays, "1h", "2025-01-03T23:00:00Z", 1, "2025-01-04T00:00:00Z");
    check(&Calendar::Weekdays, "1h", "2025-01-03T23:00:00Z", 2, "2025-01-06T01:00:00Z");
    check(&Calendar::Weekdays, "1d", "1969-12-27", 1, "1969-12-30");
}

#[test]
fn sessions_follow_daylight_saving() {
    let ny = new_york();
    // New York changed its clocks on Sunday 2025-03-09: the opening moved from 14:30Z to 13:30Z.
    check(&ny, "1m", "2025-03-07T20:59:00Z", 1, "2025-03-07T21:00:00Z");
    check(&ny, "1m", "2025-03-07T21:00:00Z", 1, "2025-03-10T13:31:00Z");
    check(&ny, "1m", "2025-03-07T20:59:00Z", 391, "2025-03-10T20:00:00Z");
    check(&ny, "1m", "2025-11-01T00:00:00Z", 1, "2025-11-03T14:31:00Z");
    // Before the opening, over a holiday, over Christmas and the weekend.
    check(&ny, "1m", "2025-07-03T10:00:00Z", 1, "2025-07-03T13:31:00Z");
    check(&ny, "1m", "2025-07-03T20:00:00Z", 1, "2025-07-07T13:31:00Z");
    check(&ny, "1d", "2025-12-25", 1, "2025-12-27");
    // An hour that the opening is in the middle of can hold ticks.
    check(&ny, "1h", "2025-03-06T21:00:00Z", 1, "2025-03-07T15:00:00Z");
    assert_eq!(ny.session_start(at("2025-03-10T13:30:00Z"), span("1m")), at("2025-03-10T13:30:00Z"));
    assert_eq!(ny.session_start(at("2025-03-10T13:29:59Z"), span("1m")), at("2025-03-07T14:30:00Z"));
    assert_eq!(Calendar::Always.session_start(at("2025-03-10T13:29:59Z"), span("1m")), at("2025-03-10"));
    assert_eq!(ny.time_of_day(at("2025-03-07T14:30:00Z"), span("1m")), 9.5 / 24.0);
    assert_eq!(ny.time_of_day(at("2025-03-10T13:30:00Z"), span("1m")), 9.5 / 24.0);
    assert_eq!(Calendar::Always.time_of_day(at("2025-03-10T18:00:00Z"), span("1m")), 0.75);
}

#[test]
fn market_time_is_counted_in_sessions() {
    let hours =
        |c: &Calendar, from: &str, to: &str| c.open_micros(at(from), at(to), span("1m")) as f64 / 3_600e6;
    assert_eq!(hours(&new_york(), "2025-03-07T20:00:00Z", "2025-03-10T14:00:00Z"), 1.5);
    assert_eq!(hours(&new_york(), "2025-03-03", "2025-03-10"), 32.5);
    assert_eq!(hours(&Calendar::Weekdays, "2025-03-07T12:00:00Z", "2025-03-10T12:00:00Z"), 24.0);
    assert_eq!(hours(&Calendar::Always, "2025-03-07", "2025-03-10"), 72.0);
    assert_eq!(hours(&Calendar::Always, "2025-03-10", "2025-03-07"), 0.0);
}

#[test]
fn refuses_and_round_trips() {
    let none: [&str; 0] = [];
    for (zone, open, close) in [
        ("America/Nowhere", "09:30", "16:00"),
        ("UTC", "9.30", "16:00"),
        ("UTC", "25:00", "16:00"),
        ("UTC", "16:00", "09:30"),
        ("UTC", "09:30", "09:30"),
    ] {
        assert!(Sessions::new(zone, open, close, &none).is_err(), "{zone} {open} {close}");
    }
    assert!(Sessions::new("UTC", "09:00", "17:00", &["25-12-2025"]).is_err());
    for calendar in [Calendar::ByBar, Calendar::Always, Calendar::Weekdays, new_york()] {
        let text = serde_json::to_string(&calendar).unwrap();
        assert_eq!(serde_json::from_str::<Calendar>(&text).unwrap(), calendar, "{text}");
    }
    let text = r#"{"kind":"Sessions","timeZone":"UTC","open":"09:00","close":"08:00"}"#;
    assert!(serde_json::from_str::<Calendar>(text).is_err());
}

proptest! {
    #[test]
    fn advancing_is_additive(start in 0_i64..4_000_000, a in 0_u32..600, b in 0_u32..600, minutes in 1_i64..90) {
        let bar = Span::from_micros(minutes * 60_000_000).unwrap();
        for calendar in [Calendar::Always, Calendar::Weekdays, new_york()] {
            let end = calendar.advance(Timestamp::from_micros(start * 600_000_000).floor(bar), 1, bar);
            let two = calendar.advance(calendar.advance(end, a, bar), b, bar);
            prop_assert_eq!(calendar.advance(end, a + b, bar), two);
            prop_assert_eq!(two.floor(bar), two);
            prop_assert!(a + b == 0 || two > end);
        }
    }

    #[test]
    fn no_instant_panics(micros: i64, to: i64, bars in 0_u32..3, b in 1_i64..i64::MAX) {
        let bar = Span::from_micros(b).unwrap();
        for calendar in [Calendar::ByBar, Calendar::Always, Calendar::Weekdays, new_york()] {
            let at = Timestamp::from_micros(micros);
            calendar.advance(at, bars, bar);
            calendar.session_start(at, bar);
            let day = calendar.time_of_day(at, bar);
            prop_assert!((0.0..1.0).contains(&day) || day == 1.0);
            let near = Timestamp::from_micros(micros.saturating_add(to % 1_000_000_000_000_000));
            prop_assert!(calendar.open_micros(at, near, bar) >= 0);
        }
    }
}
