//! How many symbols there may be, and when one leaves.

use market::Reason;
use windowing::Semantics;

use crate::collect::{Kept, SECOND, apply, partition, tick, windows_only};

const DAY: i64 = 86_400 * SECOND;

#[test]
fn newcomers_beyond_the_limit_are_dead_letters() {
    let (mut p, mut kept) = (partition(&Semantics { max_symbols: 2, ..windows_only() }), Kept::default());
    for symbol in ["A", "B", "C", "A", "C", "B"] {
        let at = kept.dump.len() as i64;
        apply(&mut p, &tick(symbol, at, 1.0), &mut kept);
    }
    let dead: Vec<_> = kept.dead.iter().map(|d| (d.offset, d.reason)).collect();
    assert_eq!(dead, [(2, Reason::TooManySymbols), (4, Reason::TooManySymbols)]);
    assert_eq!(p.symbol_count(), 2);
}

#[test]
fn a_symbol_leaves_after_thirty_idle_days() {
    let semantics =
        Semantics { max_symbols: 2, max_future: crate::collect::secs(4_000_000), ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    let watermark = 5 * SECOND;
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    apply(&mut p, &tick("B", 30 * DAY + watermark - 1, 1.0), &mut kept);
    apply(&mut p, &tick("C", 30 * DAY, 1.0), &mut kept);
    assert_eq!(kept.dead.len(), 1, "a microsecond too early");
    apply(&mut p, &tick("B", 30 * DAY + watermark, 1.0), &mut kept);
    assert_eq!(p.symbol_count(), 1);
    apply(&mut p, &tick("C", 30 * DAY, 1.0), &mut kept);
    assert_eq!((kept.dead.len(), p.symbol_count()), (1, 2));
}

#[test]
fn a_restored_delta_forgets_who_left() {
    let semantics = Semantics { max_future: crate::collect::secs(4_000_000), ..windows_only() };
    let (mut p, mut kept) = (partition(&semantics), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    let full = p.encode_full();
    let first = p.encode_delta();
    apply(&mut p, &tick("B", 31 * DAY, 1.0), &mut kept);
    let second = p.encode_delta();
    let restored = windowing::Partition::decode_stored(&full, &[first, second]).unwrap();
    assert_eq!(restored.symbol_count(), 1);
    assert!(restored.encode_full() == p.encode_full());
}

#[test]
fn a_key_that_is_not_the_symbol_is_counted() {
    let (mut p, mut kept) = (partition(&windows_only()), Kept::default());
    for (offset, key) in [Some("A"), Some("B"), None].into_iter().enumerate() {
        let value = tick("A", offset as i64, 1.0);
        let key = key.map(str::as_bytes);
        let record = market::Record {
            offset: offset as u64,
            record_ms: crate::collect::TEN / 1_000,
            key,
            value: &value,
        };
        p.apply(record, &mut kept);
    }
    assert_eq!((p.counters().key_mismatches, p.counters().stored), (1, 3));
}

#[test]
fn long_names_and_short_ones_stay_apart() {
    let (mut p, mut kept) = (partition(&windows_only()), Kept::default());
    let names =
        ["x".repeat(16), "x".repeat(17), "x".repeat(64), format!("{}y", "x".repeat(63)), "x".to_owned()];
    for round in 0..2 {
        for (i, name) in names.iter().enumerate() {
            apply(&mut p, &tick(name, round * 9 + i as i64, 1.0), &mut kept);
        }
    }
    assert_eq!((p.symbol_count(), kept.raw.len()), (5, 10));
    p.provisional(false, &mut kept);
    assert!(kept.rows.iter().all(|r| r.n == 2));
}
