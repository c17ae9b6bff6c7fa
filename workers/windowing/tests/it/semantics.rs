//! What a configuration may say, and when two say the same.

use indicators::Calendar;
use windowing::{Dedup, DedupBy, InvalidSemantics, Semantics};

use crate::collect::{secs, window, windows_only};

#[test]
fn the_defaults_are_valid() {
    Semantics::default().validate().unwrap();
}

#[test]
fn every_limit_is_held() {
    let many = |n: u32| (0..n).map(|i| window(&format!("w{i}"), 10, 5)).collect::<Vec<_>>();
    let table: Vec<(Semantics, &str)> = vec![
        (Semantics { windows: many(17), ..windows_only() }, "at most 16"),
        (Semantics { bars: (1..10).map(secs).collect(), ..windows_only() }, "at most 8"),
        (Semantics { windows: vec![window("w", 10, 3)], ..windows_only() }, "does not divide"),
        (Semantics { windows: vec![window("w", 721, 1)], ..windows_only() }, "more than 720 slides"),
        (Semantics { windows: vec![window("../w", 10, 5)], ..windows_only() }, "\"../w\""),
        (Semantics { windows: vec![window("", 10, 5)], ..windows_only() }, "\"\""),
        (
            Semantics { windows: vec![window("w", 10, 5), window("w", 10, 10)], ..windows_only() },
            "two windows",
        ),
        (Semantics { windows: vec![window("1m", 10, 5)], bars: vec![secs(60)], ..windows_only() }, "\"1m\""),
        (
            Semantics { bars: vec![secs(5)], tick_span: Some(secs(60)), ..windows_only() },
            "source.tickSpan 1m",
        ),
        (Semantics { watermark: secs(4_000 * 86_400), ..windows_only() }, "features.watermark"),
        (Semantics { max_symbols: 0, ..windows_only() }, "features.maxSymbols is 0"),
        (Semantics { partitions: 0, ..windows_only() }, "partitions is 0"),
        (
            Semantics { dedup: Dedup { max_entries: 0, ..Dedup::default() }, ..windows_only() },
            "maxEntries is 0",
        ),
        (Semantics { indicators: vec!["sma_x".into()], ..windows_only() }, "features.indicators"),
    ];
    for (semantics, text) in table {
        let error: InvalidSemantics = semantics.validate().expect_err(text);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.kind(), market::ErrorKind::BadInput);
        assert!(windowing::Partition::new(semantics.into(), 0, 0).is_err());
    }
}

#[test]
fn spellings_of_one_meaning_hash_the_same() {
    let base = Semantics::default();
    let set = indicators::IndicatorSet::parse(&base.indicators).unwrap();
    assert_eq!(Semantics { indicators: set.names(), ..base.clone() }.hash(), base.hash());
    let horizon = Some(base.dedup_horizon());
    assert_eq!(
        Semantics { dedup: Dedup { horizon, ..Dedup::default() }, ..base.clone() }.hash(),
        base.hash()
    );
    assert_eq!(base.hash().len(), 64);
}

#[test]
fn every_field_is_in_the_hash() {
    let base = Semantics::default();
    let changed = [
        Semantics { tick_span: Some(secs(1)), ..base.clone() },
        Semantics { watermark: secs(6), ..base.clone() },
        Semantics { max_future: secs(11), ..base.clone() },
        Semantics { dedup: Dedup { by: DedupBy::Id, ..Dedup::default() }, ..base.clone() },
        Semantics { dedup: Dedup { max_entries: 7, ..Dedup::default() }, ..base.clone() },
        Semantics { dedup: Dedup { horizon: Some(secs(7)), ..Dedup::default() }, ..base.clone() },
        Semantics { allow_ohlc_disorder: true, ..base.clone() },
        Semantics { max_symbols: 7, ..base.clone() },
        Semantics { partitions: 7, ..base.clone() },
        Semantics { windows: vec![window("sma_5", 15, 5)], ..base.clone() },
        Semantics { bars: vec![secs(5)], ..base.clone() },
        Semantics { indicators: vec!["sma_5".into()], ..base.clone() },
        Semantics { calendar: Calendar::Weekdays, ..base.clone() },
        Semantics { keyed: false, ..base.clone() },
    ];
    let mut hashes: Vec<String> = changed.iter().map(Semantics::hash).chain([base.hash()]).collect();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), changed.len() + 1);
}

#[test]
fn semantics_survive_json() {
    let base = Semantics { tick_span: Some(secs(60)), bars: vec![secs(60)], ..Semantics::default() };
    let back: Semantics = serde_json::from_str(&serde_json::to_string(&base).unwrap()).unwrap();
    assert_eq!(back, base);
    assert_eq!(back.hash(), base.hash());
}
