//! Copies: what is one, for how long, and what is kept of it.

use market::{Ohlcv, Reason, Record, Tick, Timestamp, encode_tick};
use windowing::{Dedup, DedupBy, Semantics};

use crate::collect::{Kept, SECOND, TEN, apply, flat, partition, secs, tick, windows_only};

fn with(by: DedupBy, max_entries: u64, horizon: u32) -> Semantics {
    Semantics { dedup: Dedup { by, max_entries, horizon: Some(secs(horizon)) }, ..windows_only() }
}

fn with_id(id: &str, micros: i64, prices: Ohlcv) -> Vec<u8> {
    let ts = Timestamp::from_micros(TEN + micros);
    encode_tick(&Tick { symbol: "A".into(), ts, prices, id: Some(id.into()) })
}

/// Applies all and says which offsets were copies, and of which.
fn copies(semantics: &Semantics, log: &[Vec<u8>]) -> Vec<(u64, Option<u64>, usize)> {
    let (mut p, mut kept) = (partition(semantics), Kept::default());
    log.iter().for_each(|value| apply(&mut p, value, &mut kept));
    assert!(kept.dead.iter().all(|d| d.reason == Reason::Duplicate));
    kept.dead.iter().map(|d| (d.offset, d.first_offset, d.kept)).collect()
}

#[test]
fn a_copy_names_the_first_and_keeps_no_bytes() {
    let t = tick("A", 0, 1.0);
    let spelled = String::from_utf8(t.clone()).unwrap().replace("1.0", "1.00e0").into_bytes();
    assert_eq!(copies(&windows_only(), &[t.clone(), t, spelled]), [(1, Some(0), 0), (2, Some(0), 0)]);
}

#[test]
fn the_set_holds_exactly_its_entries() {
    let log =
        |n: i64| -> Vec<Vec<u8>> { (0..n).map(|i| tick("A", i, 1.0)).chain([tick("A", 0, 1.0)]).collect() };
    assert_eq!(copies(&with(DedupBy::Payload, 3, 60), &log(3)), [(3, Some(0), 0)]);
    assert_eq!(copies(&with(DedupBy::Payload, 3, 60), &log(4)), []);
}

#[test]
fn the_horizon_is_inclusive() {
    let log = |after: i64| vec![tick("A", 0, 1.0), tick("B", after, 1.0), tick("A", 0, 1.0)];
    assert_eq!(copies(&with(DedupBy::Auto, 100, 20), &log(20 * SECOND)), [(2, Some(0), 0)]);
    assert_eq!(copies(&with(DedupBy::Auto, 100, 20), &log(20 * SECOND + 1)), []);
}

#[test]
fn shares_are_a_partitions() {
    let semantics = Semantics { partitions: 4, ..with(DedupBy::Auto, 10, 20) };
    assert_eq!(semantics.dedup_entries(), 2);
    assert_eq!(Semantics { partitions: 4, ..with(DedupBy::Auto, 1, 20) }.dedup_entries(), 1);
}

#[test]
fn the_automatic_horizon_follows_the_longest_row() {
    let horizon = |bars: &[u32]| {
        Semantics { bars: bars.iter().map(|b| secs(*b)).collect(), ..windows_only() }.dedup_horizon()
    };
    assert_eq!(horizon(&[5]), secs(65));
    assert_eq!(horizon(&[300]), secs(305));
    assert_eq!(horizon(&[86_400]), secs(605));
}

#[test]
fn an_id_beats_the_payload() {
    let log = [
        with_id("1", 0, flat(1.0)),
        with_id("2", 0, flat(1.0)),
        with_id("1", SECOND, flat(2.0)),
        tick("A", 0, 1.0),
    ];
    let correction = log[2].len();
    assert_eq!(
        copies(&with(DedupBy::Auto, 100, 60), &log),
        [(2, Some(0), correction)],
        "a correction keeps its bytes"
    );
    assert_eq!(copies(&with(DedupBy::Payload, 100, 60), &log), [(1, Some(0), 0), (3, Some(0), 0)]);
    assert_eq!(
        copies(
            &with(DedupBy::Id, 100, 60),
            &[log[3].clone(), log[3].clone(), log[0].clone(), log[0].clone()]
        ),
        [(3, Some(2), 0)]
    );
    assert_eq!(
        copies(
            &with(DedupBy::None, 100, 60),
            &[log[3].clone(), log[3].clone(), log[0].clone(), log[0].clone()]
        ),
        []
    );
}

/// Far more ticks than entries, so that slots are used again and the table is built anew many times, against a list.
#[test]
fn the_table_survives_many_rounds() {
    let (mut p, mut kept) = (partition(&with(DedupBy::Payload, 50, 60)), Kept::default());
    let mut remembered: Vec<i64> = Vec::new();
    let mut copies = Vec::new();
    for i in 0..20_000_i64 {
        // Every third record goes back by up to 80, which is often too far.
        let at = if i % 3 == 2 { (i - (i * 31) % 80).max(0) } else { i };
        if remembered.iter().rev().take(50).any(|r| *r == at) {
            copies.push(i as u64);
        } else {
            remembered.push(at);
        }
        apply(&mut p, &tick("A", at, 1.0), &mut kept);
    }
    assert!(copies.len() > 1_000);
    assert_eq!(kept.dead.iter().map(|d| d.offset).collect::<Vec<_>>(), copies);
}

/// A symbol that has left and come back is looked up again, whatever it was known to be newer than before.
#[test]
fn a_symbol_that_comes_back_has_not_forgotten() {
    const DAYS: i64 = 86_400 * SECOND;
    let log = [
        tick("A", 10 * SECOND, 1.0),
        tick("A", 20 * SECOND, 1.0),
        tick("B", 31 * DAYS, 1.0),
        tick("A", 15 * SECOND, 1.0),
        tick("A", 20 * SECOND, 1.0),
        tick("A", 31 * DAYS, 1.0),
        tick("A", 31 * DAYS, 1.0),
    ];
    let (mut p, mut kept) = (partition(&with(DedupBy::Auto, 100, 40 * 86_400)), Kept::default());
    let record_ms = (TEN + 40 * DAYS) / 1_000;
    for (value, offset) in log.iter().zip(0..) {
        p.apply(Record { offset, record_ms, key: None, value }, &mut kept);
        if offset == 2 {
            assert_eq!(p.symbol_count(), 1, "A has left");
        }
    }
    let dead: Vec<_> = kept.dead.iter().map(|d| (d.offset, d.reason, d.first_offset)).collect();
    assert_eq!(dead, [(4, Reason::Duplicate, Some(1)), (6, Reason::Duplicate, Some(5))]);
}
