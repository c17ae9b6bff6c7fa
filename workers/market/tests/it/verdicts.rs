//! Every verdict of the decoder, and which comes first.

use std::borrow::Cow;

use market::{DecodeRules, Reason, decode, decode_reference, encode_tick, limits};

const TICK: &str =
    r#"{"symbol":"AAPL","ts":"2025-01-02T10:00:00Z","open":10,"high":12,"low":9,"close":11,"volume":100}"#;

fn both(bytes: &[u8]) -> Result<market::Tick<'_>, Reason> {
    let fast = decode(bytes, DecodeRules::default());
    assert_eq!(fast, decode_reference(bytes, DecodeRules::default()), "{}", String::from_utf8_lossy(bytes));
    fast
}

fn with(from: &str, to: &str) -> String {
    assert!(TICK.contains(from));
    TICK.replacen(from, to, 1)
}

#[test]
fn a_plain_record_is_borrowed() {
    let tick = both(TICK.as_bytes()).unwrap();
    assert!(matches!(tick.symbol, Cow::Borrowed("AAPL")));
    assert_eq!(tick.ts.to_string(), "2025-01-02T10:00:00Z");
    assert_eq!((tick.prices.open, tick.prices.volume, tick.id), (10.0, 100.0, None));
}

#[test]
fn each_rule_has_its_reason() {
    use Reason::*;
    let table = [
        ("".to_owned(), MalformedJson),
        ("not json".to_owned(), MalformedJson),
        ("[]".to_owned(), MalformedJson),
        ("17".to_owned(), MalformedJson),
        (TICK.to_owned() + "x", MalformedJson),
        (TICK.to_owned() + TICK, MalformedJson),
        ("\u{feff}".to_owned() + TICK, MalformedJson),
        (with("11,", "NaN,"), MalformedJson),
        (with("11,", "011,"), MalformedJson),
        (with("\"AAPL\"", "\"\\ud800\""), MalformedJson),
        (with("{", "{\"x\":[1,],"), MalformedJson),
        (with("11,", "1e999,"), NotFinite),
        (with("11,", "-1e999,"), NotFinite),
        (with("\"close\":11,", ""), MissingField),
        (with("\"symbol\"", "\"Symbol\""), MissingField),
        ("{}".to_owned(), MissingField),
        (with("11,", "\"11\","), WrongType),
        (with("11,", "null,"), WrongType),
        (with("\"AAPL\"", "7"), WrongType),
        (with("{", "{\"id\":1.5,"), WrongType),
        (with("{", "{\"id\":true,"), WrongType),
        (with("{", "{\"id\":18446744073709551616,"), WrongType),
        (with("{", &format!("{{\"id\":\"{}\",", "x".repeat(limits::ID_BYTES + 1))), WrongType),
        (with("AAPL", ""), SymbolInvalid),
        (with("AAPL", " AAPL"), SymbolInvalid),
        (with("AAPL", "A\\u0000"), SymbolInvalid),
        (with("AAPL", &"é".repeat(33)), SymbolInvalid),
        (with("2025-01-02T10:00:00Z", "2025-01-02"), BadTimestamp),
        (with("2025-01-02T10:00:00Z", "1735812000"), BadTimestamp),
        (with("\"low\":9", "\"low\":0"), NotPositive),
        (with("\"low\":9", "\"low\":-9"), NotPositive),
        (with("100}", "-0.5}"), NegativeVolume),
        (with("100}", "9223372036854775808}"), NegativeVolume),
        (with("100}", "1e300}"), NegativeVolume),
        (with("\"high\":12", "\"high\":10.5"), OhlcOrder),
        (with("\"low\":9", "\"low\":10.5"), OhlcOrder),
        (with("{", &format!("{{\"x\":\"{}\",", "x".repeat(limits::RECORD_BYTES))), TooLarge),
    ];
    for (record, reason) in table {
        assert_eq!(both(record.as_bytes()), Err(reason), "{}", &record[..record.len().min(200)]);
    }
    assert_eq!(both(&[b"{\"x\":\"\xff\",".as_slice(), &TICK.as_bytes()[1..]].concat()), Err(MalformedJson));
}

#[test]
fn what_is_unusual_is_still_a_tick() {
    let odd = [
        with("{", " \t\r\n{ \n"),
        with("{", "{\"x\":{\"y\":[1,null,{\"z\":\"\\u00e9\"}]},"),
        with("{", "{\"x\":1e999,\"y\":[\"\\ud800\"],"),
        with("{", "{\"open\":\"first\",\"symbol\":7,"),
        with("\"symbol\"", "\"\\u0073ymbol\""),
        with("AAPL", "A\\u0041PL"),
        with("\"open\":10", "\"open\":1.0e1"),
        with("2025-01-02T10:00:00Z", "2025-01-02 12:00:00.000000000+02:00"),
        with("{", "{\"id\":null,"),
        with("{", "{\"id\":\"\","),
    ];
    let plain = both(TICK.as_bytes()).unwrap();
    for record in odd {
        assert_eq!(both(record.as_bytes()).as_ref(), Ok(&plain), "{record}");
    }
}

#[test]
fn ids_are_text() {
    for (id, text) in
        [("7", "7"), ("-12", "-12"), ("18446744073709551615", "18446744073709551615"), ("\"T-7\"", "T-7")]
    {
        let record = with("{", &format!("{{\"id\":{id},"));
        assert_eq!(both(record.as_bytes()).unwrap().id.as_deref(), Some(text));
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| with("{", &format!("{{\"x\":{}{},", "[".repeat(depth), "]".repeat(depth)));
    assert!(both(nested(limits::JSON_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(both(nested(limits::JSON_DEPTH).as_bytes()), Err(Reason::MalformedJson));
}

#[test]
fn the_first_broken_rule_is_the_verdict() {
    // Each breaks the rule of its name and every later one.
    let later = r#""open":-1,"high":-2,"low":-1,"close":-3,"volume":-1"#;
    let table = [
        (format!("{{\"symbol\":7,\"open\":1e999,{later}"), Reason::MalformedJson),
        (format!("{{\"symbol\":7,\"open\":1e999,{later}}}"), Reason::NotFinite),
        (format!("{{\"symbol\":7,{later}}}"), Reason::MissingField),
        (format!("{{\"symbol\":7,\"ts\":\"\",{later}}}"), Reason::WrongType),
        (format!("{{\"symbol\":\"\",\"ts\":\"\",{later}}}"), Reason::SymbolInvalid),
        (format!("{{\"symbol\":\"A\",\"ts\":\"\",{later}}}"), Reason::BadTimestamp),
        (format!("{{\"symbol\":\"A\",\"ts\":\"2025-01-02T10:00:00Z\",{later}}}"), Reason::NotPositive),
        (with("\"high\":12", "\"high\":1").replace("100}", "-1}"), Reason::NegativeVolume),
    ];
    for (record, reason) in table {
        assert_eq!(both(record.as_bytes()), Err(reason), "{record}");
    }
}

#[test]
fn disorder_can_be_allowed() {
    let record = with("\"high\":12", "\"high\":1");
    let rules = DecodeRules { allow_ohlc_disorder: true };
    assert_eq!(decode(record.as_bytes(), rules).unwrap().prices.high, 1.0);
    assert_eq!(decode(record.as_bytes(), rules), decode_reference(record.as_bytes(), rules));
}

#[test]
fn minus_zero_volume_is_zero() {
    let record = with("100}", "-0.0}");
    assert!(both(record.as_bytes()).unwrap().prices.volume.is_sign_positive());
}

#[test]
fn canonical_json() {
    let tick = both(TICK.as_bytes()).unwrap();
    let expected = r#"{"symbol":"AAPL","ts":"2025-01-02T10:00:00Z","open":10.0,"high":12.0,"low":9.0,"close":11.0,"volume":100.0}"#;
    assert_eq!(String::from_utf8(encode_tick(&tick)).unwrap(), expected);
}
