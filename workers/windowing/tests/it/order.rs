//! The order of rows, what T is, and what open rows look like.

use market::{Reason, Record, Span};
use windowing::Semantics;

use crate::collect::{Kept, SECOND, TEN, apply, partition, secs, tick, window, windows_only};

#[test]
fn rows_close_by_end_symbol_size_and_name() {
    let semantics = Semantics {
        windows: vec![window("b", 10, 5), window("a", 10, 5), window("z", 5, 5)],
        bars: vec![secs(5), secs(10)],
        ..windows_only()
    };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    for symbol in ["b", "a"] {
        apply(&mut p, &tick(symbol, 0, 1.0), &mut kept);
    }
    apply(&mut p, &tick("a", 60 * SECOND, 1.0), &mut kept);
    let got: Vec<(i64, String, String)> = kept
        .rows
        .iter()
        .map(|r| ((r.window_end.micros() - TEN) / SECOND, r.symbol.to_string(), r.name.to_string()))
        .collect();
    let mut want = Vec::new();
    for (end, names) in [(5, &["a", "b", "5s", "z"][..]), (10, &["10s", "a", "b"][..])] {
        for symbol in ["a", "b"] {
            want.extend(names.iter().map(|n| (end, symbol.to_owned(), n.to_string())));
        }
    }
    assert_eq!(got, want);
    assert!(kept.rows.iter().enumerate().all(|(i, r)| r.index as usize == i && r.last_offset == 2));
}

#[test]
fn t_grows_with_every_record_and_follows_record_time() {
    let (mut p, mut kept) = (partition(&windows_only()), Kept::default());
    let mut seen = Vec::new();
    for (offset, record_ms) in [(0, 1_000), (1, 1_000), (2, 999), (5, 2_000), (6, -7), (7, i64::MAX)] {
        p.apply(Record { offset, record_ms, key: None, value: b"noise" }, &mut kept);
        seen.push(p.write_ts());
    }
    assert_eq!(seen, [1_000_000, 1_000_001, 1_000_002, 2_000_000, 2_000_001, 4_102_444_800_000_000]);
    assert_eq!((p.record_ms(), p.next_offset()), (4_102_444_800_000, 8));
    assert_eq!(p.watermark(), None, "rejects move nothing");
}

#[test]
fn a_skipped_record_is_kept_and_counted() {
    let (mut p, mut kept) = (partition(&windows_only()), Kept::default());
    let value = tick("A", 0, 1.0);
    p.skip(Record { offset: 0, record_ms: 5, key: None, value: &value }, &mut kept);
    assert_eq!((kept.dead[0].reason, kept.dead[0].kept), (Reason::Skipped, value.len()));
    assert_eq!((p.next_offset(), p.counters().rejected(), p.symbol_count()), (1, 1, 0));
}

#[test]
fn long_dead_letters_keep_their_head() {
    let (mut p, mut kept) = (partition(&windows_only()), Kept::default());
    apply(&mut p, &vec![b'x'; 5_000], &mut kept);
    assert_eq!(kept.dead[0].kept, 4_096);
    assert!(kept.dump[0].contains(" length=5000 "));
}

#[test]
fn a_record_belongs_where_its_last_instant_is() {
    let semantics =
        Semantics { tick_span: Some(secs(60)), windows: Vec::new(), bars: vec![secs(60)], ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    // Stamped at the start of their minute, and one that straddles: its last instant is in the second minute.
    for at in [0, 30, 60, 120, 180] {
        apply(&mut p, &tick("A", at * SECOND, at as f64 + 1.0), &mut kept);
    }
    assert_eq!(p.max_ts().unwrap().micros(), TEN + 240 * SECOND);
    assert_eq!(p.watermark().unwrap().micros(), TEN + 235 * SECOND);
    let got: Vec<_> =
        kept.rows.iter().map(|r| ((r.window_start.micros() - TEN) / SECOND, r.n, r.prices.close)).collect();
    assert_eq!(got, [(0, 1, 1.0), (60, 2, 61.0), (120, 1, 121.0)]);
}

#[test]
fn vwap_is_null_without_volume() {
    let semantics = Semantics { windows: Vec::new(), bars: vec![secs(5)], ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    let silent = |at| String::from_utf8(tick("A", at, 3.0)).unwrap().replace("10.0", "0").into_bytes();
    apply(&mut p, &silent(0), &mut kept);
    apply(&mut p, &tick("A", 5 * SECOND, 3.0), &mut kept);
    apply(&mut p, &tick("A", 20 * SECOND, 3.0), &mut kept);
    let got: Vec<_> = kept.rows.iter().map(|r| r.vwap).collect();
    assert_eq!(got, [None, Some(3.0)]);
}

#[test]
fn extreme_prices_stay_finite() {
    let semantics = Semantics { bars: vec![secs(5)], ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    for i in 0..5 {
        apply(&mut p, &tick("A", i, 1.7e308), &mut kept);
    }
    apply(&mut p, &tick("A", 90 * SECOND, 5e-324), &mut kept);
    apply(&mut p, &tick("A", 180 * SECOND, 5e-324), &mut kept);
    assert!(!kept.rows.is_empty());
    for row in &kept.rows {
        assert!(row.sma.is_finite() && row.vwap.is_none_or(f64::is_finite), "{row:?}");
        assert!(row.indicators.iter().flatten().all(|v| v.is_finite()), "{row:?}");
    }
}

#[test]
fn open_rows_are_shown_once_per_change() {
    let semantics = Semantics { bars: vec![secs(5)], ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    apply(&mut p, &tick("B", 0, 1.0), &mut kept);
    apply(&mut p, &tick("A", 7 * SECOND, 1.0), &mut kept);
    let show = |p: &mut windowing::Partition, touched: bool| {
        let mut shown = Kept::default();
        p.provisional(touched, &mut shown);
        assert!(shown.rows.iter().all(|r| !r.is_final && r.write_ts == p.write_ts() && r.features.is_none()));
        shown.rows
    };
    let all = show(&mut p, true);
    assert!(all.windows(2).all(|w| (w[0].window_end, &w[0].symbol) <= (w[1].window_end, &w[1].symbol)));
    assert!(all.iter().any(|r| r.symbol.as_str() == "B"));
    assert!(show(&mut p, true).is_empty());
    assert_eq!(show(&mut p, false), all);
    apply(&mut p, &tick("A", 8 * SECOND, 2.0), &mut kept);
    let changed = show(&mut p, true);
    assert!(!changed.is_empty() && changed.iter().all(|r| r.symbol.as_str() == "A" && r.n == 2));
}

#[test]
fn a_window_of_many_panes_closes_every_slide_once() {
    let semantics = Semantics { windows: vec![window("w", 720, 1)], ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    apply(&mut p, &tick("A", 100 * SECOND, 3.0), &mut kept);
    apply(&mut p, &tick("A", 3_000 * SECOND, 1.0), &mut kept);
    let ends: Vec<i64> = kept.rows.iter().map(|r| (r.window_end.micros() - TEN) / SECOND).collect();
    assert_eq!(ends, (1..=820).collect::<Vec<_>>());
    assert!(kept.rows.iter().all(|r| r.sma == if r.n == 2 { 2.0 } else { r.prices.close }));
    assert_eq!(kept.rows[0].window_start + Span::from_secs(720), kept.rows[0].window_end);
}
