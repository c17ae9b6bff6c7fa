//! The ways files write times: ISO-8601 with or without seconds, dates alone, `/` for `-` after a four-digit year, epoch
//! seconds, milliseconds, microseconds or nanoseconds. `03/04/2024` is refused: nobody can tell April from March.

use market::Timestamp;

/// The instant a text names; `None` before 1970 or where it names none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !is_compact_date(text) {
        return match text.parse::<i64>() {
            Ok(n) => from_epoch(n),
            Err(_) => from_seconds(text.parse().ok()?),
        };
    }
    let text = spelled_out(text);
    Timestamp::parse(&text).ok().filter(|t| t.micros() >= 0)
}

/// An epoch count; its unit is the one that puts it between 1973 and 5138 (seconds below that).
pub(super) fn from_epoch(n: i64) -> Option<Timestamp> {
    let micros = match n {
        ..0 => return None,
        0..100_000_000_000 => n * 1_000_000,
        100_000_000_000..100_000_000_000_000 => n * 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => n,
        _ => n / 1_000,
    };
    Some(Timestamp::from_micros(micros))
}

/// Epoch seconds with a fraction, or an epoch count that was stored as a float.
pub(super) fn from_seconds(seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() || !(0.0..9e18).contains(&seconds) {
        return None;
    }
    if seconds >= 1e11 {
        return from_epoch(seconds as i64);
    }
    Some(Timestamp::from_micros((seconds * 1e6).round() as i64))
}

/// `20240131`.
fn is_compact_date(text: &str) -> bool {
    text.len() == 8 && (text.starts_with("19") || text.starts_with("20")) && !text.contains('.')
}

/// The text in the spelling that [`Timestamp::parse`] takes.
fn spelled_out(text: &str) -> String {
    let mut text = text.to_owned();
    if is_compact_date(&text) && text.bytes().all(|b| b.is_ascii_digit()) {
        text = format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]);
    }
    if !text.is_ascii() || text.len() < 10 {
        return text;
    }
    if text.as_bytes()[4] == b'/' && text.as_bytes()[7] == b'/' {
        text.replace_range(4..5, "-");
        text.replace_range(7..8, "-");
    }
    // hh:mm without seconds.
    if text.len() >= 16 && text.as_bytes()[13] == b':' && text.as_bytes().get(16) != Some(&b':') {
        text.insert_str(16, ":00");
    }
    // An offset without its colon, and a spelled-out UTC.
    if let Some(head) = text.strip_suffix(" UTC") {
        text = format!("{head}Z");
    }
    let n = text.len();
    let offset = &text.as_bytes()[n.saturating_sub(5)..];
    if n > 19
        && matches!(offset, [b'+' | b'-', rest @ ..] if rest.len() == 4 && rest.iter().all(u8::is_ascii_digit))
    {
        text.insert(n - 2, ':');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_in_many_spellings() {
        let at = Timestamp::parse("2019-11-05T14:30:00Z").unwrap();
        for text in [
            "2019-11-05 14:30:00",
            "2019-11-05 14:30",
            "2019/11/05 14:30:00",
            " 2019-11-05T14:30Z ",
            "2019-11-05 14:30:00 UTC",
            "2019-11-05 09:30:00-05:00",
            "2019-11-05 09:30:00-0500",
            "1572964200",
            "1572964200.0",
            "1572964200000",
            "1572964200000000",
            "1572964200000000000",
        ] {
            assert_eq!(parse(text), Some(at), "{text}");
        }
        assert_eq!(parse("2004-08-19"), Timestamp::parse("2004-08-19").ok());
        assert_eq!(parse("20040819"), Timestamp::parse("2004-08-19").ok());
        assert_eq!(parse("1572964200.25").unwrap() - market::Span::from_micros(250_000).unwrap(), at);
        for none in [
            "",
            "05/11/2019",
            "1969-12-31",
            "2019-13-05",
            "yesterday",
            "-5",
            "1e9",
            "é2019-11-05",
            "....",
            "19999999",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,30}", digits in "[0-9./:+ TZ-]{0,30}", n: i64, f: f64) {
            let _ = (parse(&text), parse(&digits), from_epoch(n), from_seconds(f));
        }
    }
}
