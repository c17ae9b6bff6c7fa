//! The scanner and `serde_json` give the same answer on valid, odd and hostile bytes, and a tick survives its own JSON.

use std::borrow::Cow;

use market::{DecodeRules, Ohlcv, Tick, Timestamp, decode, decode_reference, encode_tick};
use proptest::{collection::vec, prelude::*, sample::select};

/// Cases a property; `STOCKPIPE_LONG=1` for the long run.
fn cases() -> ProptestConfig {
    let long = std::env::var_os("STOCKPIPE_LONG").is_some();
    ProptestConfig {
        cases: if long { 200_000 } else { 4_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const KEYS: [&str; 12] =
    ["symbol", "ts", "open", "high", "low", "close", "volume", "id", "venue", "", "symbo", "\\u0073ymbol"];

const TEXTS: [&str; 16] = [
    r#""AAPL""#,
    r#""""#,
    r#"" A""#,
    r#""日経""#,
    r#""\u0041""#,
    r#""a\"b\\c\/d\n""#,
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""\uZZZZ""#,
    "\"a\u{1}b\"",
    "\"\u{7f}\"",
    r#""2025-01-02T10:00:05.123456Z""#,
    r#""2025-01-02 10:00:05+02:30""#,
    r#""2025-02-30T10:00:05Z""#,
    r#""1969-01-01T00:00:00Z""#,
    r#""trade-17""#,
];

const NUMBERS: [&str; 34] = [
    "0",
    "-0",
    "-0.0",
    "1",
    "101",
    "100.25",
    "99.999999",
    "3000000000",
    "9007199254740991",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "1e2",
    "1E+2",
    "1.5e-3",
    "1e308",
    "1e309",
    "-1e999",
    "1e-999",
    "0.1",
    "0.30000000000000004",
    "2.2250738585072011e-308",
    "179769313486231580793e289",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "-",
];

const OTHERS: [&str; 12] = [
    "null",
    "true",
    "false",
    "NaN",
    "Infinity",
    "nul",
    "[1,[2,{\"a\":3}]]",
    "{}",
    "[1e999]",
    "{\"a\":\"\\ud800\"}",
    "[",
    "]",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(str::to_owned),
        4 => select(&NUMBERS[..]).prop_map(str::to_owned),
        2 => select(&OTHERS[..]).prop_map(str::to_owned),
        3 => any::<f64>().prop_map(|x| format!("{x:?}")),
        3 => (1_u32..20_000_000, 0_usize..6).prop_map(|(n, d)| format!("{:.d$}", f64::from(n) / 1e4)),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => "[0-9]{1,25}(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        1 => (1_usize..80, 0_usize..80).prop_map(|(a, b)| "[".repeat(a) + &"]".repeat(if b % 2 == 0 { a } else { b })),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    select(&["", "", "", " ", "\t", "\r\n", "\u{b}", "\u{a0}"][..])
}

/// A record with every key, some of its values odd, perhaps more keys in any order.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let good = [
        ("symbol", "\"AAPL\""),
        ("ts", "\"2025-01-02T10:00:00Z\""),
        ("open", "10.5"),
        ("high", "11"),
        ("low", "9.25"),
        ("close", "10"),
        ("volume", "100"),
    ];
    let odd = vec((select(&KEYS[..]), value(), space()), 0..4);
    let keep = vec(prop::bool::weighted(0.97), good.len());
    (odd, keep, space(), prop::sample::Index::arbitrary(), select(&["", "", "", " ", "x", "{}"][..]))
        .prop_map(move |(odd, keep, space, at, tail)| {
            let mut members: Vec<String> = good
                .iter()
                .zip(keep)
                .filter(|(_, keep)| *keep)
                .map(|((k, v), _)| format!("{space}\"{k}\"{space}:{space}{v}{space}"))
                .collect();
            for (key, value, space) in odd {
                members.insert(at.index(members.len() + 1), format!("\"{key}\":{space}{value}"));
            }
            format!("{{{}}}{tail}", members.join(",")).into_bytes()
        })
}

/// Texts of a regular expression that is compiled once.
fn pattern(text: &str) -> impl Strategy<Value = String> {
    prop::string::string_regex(text).unwrap()
}

/// A number as sources write it, of any length around the eight bytes that are looked at in one go.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => pattern("(0|[1-9][0-9]{0,9})(\\.[0-9]{1,16})?"),
        1 => pattern("[0-9]{1,9}\\.?[0-9]{0,9}([eE][0-9])?"),
        1 => select(&NUMBERS[..]).prop_map(str::to_owned),
    ]
}

/// Every key in the usual order, in one of the usual spellings.
fn usual_record() -> impl Strategy<Value = Vec<u8>> {
    let symbol = prop_oneof![4 => pattern("[A-Z0-9.]{1,17}"), 1 => pattern("[ -~é]{0,9}")];
    let ts = prop_oneof![
        4 => (0_i64..9_100_000_000_000_000).prop_map(|t| Timestamp::from_micros(t).to_string()),
        1 => pattern("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?Z?"),
    ];
    let id = select(&["", "", ",\"id\":7", ", \"id\": 7", ",\"id\":\"é\"", ",\"id\":01"][..]);
    (symbol, ts, vec(number(), 5), id, select(&["", " "][..])).prop_map(|(symbol, ts, numbers, id, space)| {
        let mut text = format!("{{\"symbol\":{space}\"{symbol}\",{space}\"ts\":{space}\"{ts}\"");
        for (key, number) in ["open", "high", "low", "close", "volume"].iter().zip(numbers) {
            text += &format!(",{space}\"{key}\":{space}{number}");
        }
        (text + id + "}").into_bytes()
    })
}

#[derive(Debug, Clone)]
enum Edit {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<prop::sample::Index>;
    let byte = || prop_oneof![any::<u8>(), select(&b"\"\\{}[]:,.-+eE0123456789 \n\x00tfn"[..])];
    prop_oneof![
        (index(), byte()).prop_map(|(i, b)| Edit::Flip(i, b)),
        (index(), byte()).prop_map(|(i, b)| Edit::Insert(i, b)),
        index().prop_map(Edit::Remove),
        index().prop_map(Edit::Cut),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: Vec<Edit>) -> Vec<u8> {
    for edit in edits {
        let n = bytes.len();
        match edit {
            Edit::Insert(i, b) => bytes.insert(i.index(n + 1), b),
            _ if n == 0 => {}
            Edit::Flip(i, b) => bytes[i.index(n)] = b,
            Edit::Remove(i) => {
                bytes.remove(i.index(n));
            }
            Edit::Cut(i) => bytes.truncate(i.index(n)),
        }
    }
    bytes
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    for allow_ohlc_disorder in [false, true] {
        let rules = DecodeRules { allow_ohlc_disorder };
        // By text: it tells -0.0 from 0.0.
        let (fast, slow) = (decode(bytes, rules), decode_reference(bytes, rules));
        prop_assert_eq!(format!("{fast:?}"), format!("{slow:?}"), "{}", String::from_utf8_lossy(bytes));
    }
    Ok(())
}

pub fn any_tick() -> impl Strategy<Value = Tick<'static>> {
    let price =
        || prop_oneof![1e-3..1e6_f64, (1_u32..5_000_000).prop_map(|c| f64::from(c) / 100.0), 1e-300..1e300];
    let id = prop::option::of("[ -~é\\n\\t\"\\\\]{1,20}");
    let volume = prop_oneof![Just(0.0), 0.0..1e12_f64, (0_u32..1_000_000).prop_map(f64::from)];
    ("[A-Z0-9.é\"\\\\/-]{1,12}", 0_i64..9_000_000_000_000_000, price(), price(), 0.0..0.5_f64, volume, id)
        .prop_map(|(symbol, micros, open, close, spread, volume, id)| Tick {
            symbol: Cow::Owned(symbol),
            ts: Timestamp::from_micros(micros),
            prices: Ohlcv {
                open,
                close,
                high: open.max(close) * (1.0 + spread),
                low: open.min(close) * (1.0 - spread),
                volume,
            },
            id: id.map(Cow::Owned),
        })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn on_records(bytes in record()) {
        agree(&bytes)?;
    }

    #[test]
    fn on_damaged_records(bytes in record(), edits in vec(edit(), 1..4)) {
        agree(&edited(bytes, edits))?;
    }

    #[test]
    fn on_usual_records(bytes in usual_record()) {
        agree(&bytes)?;
    }

    #[test]
    fn on_damaged_usual_records(bytes in usual_record(), edits in vec(edit(), 1..3)) {
        agree(&edited(bytes, edits))?;
    }

    #[test]
    fn on_noise(bytes in vec(any::<u8>(), 0..60)) {
        agree(&bytes)?;
    }

    #[test]
    fn a_tick_survives_its_json(tick in any_tick()) {
        let bytes = encode_tick(&tick);
        let back = decode(&bytes, DecodeRules::default());
        prop_assert_eq!(format!("{back:?}"), format!("{:?}", Ok::<_, market::Reason>(tick)));
        agree(&bytes)?;
    }
}
