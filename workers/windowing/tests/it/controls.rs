//! Gaps, new topics and new configurations.

use std::sync::Arc;

use market::{FeatureRow, Record};
use proptest::{prelude::*, sample::Index};
use windowing::{Control, Dedup, Partition, Semantics};

use crate::{
    collect::{Kept, SECOND, TEN, apply, partition, secs, tick, window, windows_only},
    logs::{cases, log},
    model::Entry,
};

fn bars(sizes: &[u32]) -> Semantics {
    Semantics {
        windows: Vec::new(),
        bars: sizes.iter().map(|s| secs(*s)).collect(),
        indicators: vec!["sma_5".into()],
        ..windows_only()
    }
}

#[test]
fn rows_that_saw_a_gap_are_partial() {
    let (mut p, mut kept) = (partition(&bars(&[10])), Kept::default());
    for at in [0, 10, 20] {
        apply(&mut p, &tick("A", at * SECOND, 1.0), &mut kept);
    }
    let t_floor = p.write_ts() + 77;
    p.control(Control::Gap { to: 100, t_floor }).unwrap();
    assert_eq!((p.next_offset(), p.write_ts()), (100, t_floor));
    // W was 15 s: [10, 20) and [20, 30) were open. The stream goes on at 42 s, so [40, 50) may have missed ticks too.
    for at in [42, 55, 60, 70, 100] {
        apply(&mut p, &tick("A", at * SECOND, 1.0), &mut kept);
    }
    let got: Vec<_> =
        kept.rows.iter().map(|r| ((r.window_start.micros() - TEN) / SECOND, r.partial)).collect();
    assert_eq!(got, [(0, false), (10, true), (20, true), (40, true), (50, false), (60, false), (70, false)]);
}

#[test]
fn a_gap_survives_a_restart() {
    let (mut p, mut kept) = (partition(&bars(&[10])), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    p.control(Control::Gap { to: 9, t_floor: 0 }).unwrap();
    let mut p = Partition::decode_stored(&p.encode_full(), &[]).unwrap();
    apply(&mut p, &tick("A", 60 * SECOND, 1.0), &mut kept);
    assert!(kept.rows[0].partial);
}

#[test]
fn a_new_topic_starts_over_and_t_does_not() {
    let (mut p, mut kept) = (partition(&bars(&[10])), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    let floor = p.write_ts() + 77;
    p.control(Control::Generation { generation: 2, next_offset: 0, t_floor: floor }).unwrap();
    assert_eq!((p.next_offset(), p.generation(), p.write_ts()), (0, 2, floor));
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    assert_eq!(kept.raw.len(), 2, "copies across topics are not known");
    assert_eq!((kept.raw[1].generation, kept.raw[1].offset), (2, 0));
}

#[test]
fn an_invalid_configuration_changes_nothing() {
    let (mut p, mut kept) = (partition(&bars(&[10])), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    let before = p.encode_full();
    let semantics = Arc::new(Semantics { max_symbols: 0, ..bars(&[10]) });
    assert!(p.control(Control::Config { semantics, t_floor: i64::MAX }).is_err());
    assert!(p.encode_full() == before);
}

#[test]
fn a_longer_watermark_takes_nothing_back() {
    let (mut p, mut kept) = (partition(&bars(&[10])), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    apply(&mut p, &tick("A", 16 * SECOND, 1.0), &mut kept);
    let w = p.watermark();
    let semantics = Arc::new(Semantics { watermark: secs(60), ..bars(&[10]) });
    p.control(Control::Config { semantics, t_floor: 0 }).unwrap();
    apply(&mut p, &tick("A", 20 * SECOND, 1.0), &mut kept);
    assert_eq!(p.watermark(), w);
    apply(&mut p, &tick("A", 3 * SECOND, 1.0), &mut kept);
    assert!(kept.raw[3].late, "[0, 10) has closed");
    assert_eq!(kept.rows.len(), 1);
}

#[test]
fn a_state_is_read_with_its_own_semantics() {
    let (mut p, mut kept) = (partition(&bars(&[10])), Kept::default());
    apply(&mut p, &tick("A", 0, 1.0), &mut kept);
    let (full, other) = (p.encode_full(), Arc::new(bars(&[10, 20])));
    let error = Partition::decode(Arc::clone(&other), &full, &[]).unwrap_err();
    assert!(matches!(error, windowing::CorruptState::OtherSemantics { .. }), "{error}");
    p.control(Control::Config { semantics: Arc::clone(&other), t_floor: 0 }).unwrap();
    let delta = p.encode_delta();
    let restored = Partition::decode(other, &full, &[delta]).unwrap();
    assert!(restored.encode_full() == p.encode_full());
    assert_eq!(restored.revision(), 1);
}

/// A row without what a control changes by design: T, revision, and its place among others.
fn value(row: &FeatureRow) -> FeatureRow {
    FeatureRow { write_ts: 0, revision: 0, index: 0, ..row.clone() }
}

fn run(p: &mut Partition, log: &[Entry], range: std::ops::Range<usize>, kept: &mut Kept) {
    for i in range {
        p.apply(
            Record { offset: i as u64, record_ms: log[i].record_ms, key: None, value: &log[i].value },
            kept,
        );
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Old rows go on as if nothing had happened; new ones are as if they had always been there, from the first start
    /// after everything seen.
    #[test]
    fn a_new_configuration_keeps_what_is_unchanged(log in log(), at in any::<Index>(), span in prop::option::of(1_u32..4)) {
        let tick_span = span.map(secs);
        let base = Semantics {
            tick_span,
            windows: vec![window("old", 20, 5), window("gone", 10, 10)],
            bars: vec![secs(5), secs(120)],
            indicators: vec!["sma_5".into(), "ema_3".into()],
            // The automatic horizon would follow the windows.
            dedup: Dedup { horizon: Some(secs(30)), ..Dedup::default() },
            ..windows_only()
        };
        let new = Semantics {
            windows: vec![window("new", 30, 5), window("old", 20, 5)],
            bars: vec![secs(60), secs(5)],
            ..base.clone()
        };
        let at = at.index(log.len() + 1);
        let (mut before, mut after, mut whole) = (Kept::default(), Kept::default(), Kept::default());
        let mut p = partition(&base);
        run(&mut p, &log, 0..at, &mut before);
        let seen = before.raw.iter().map(|r| r.ts.micros() + tick_span.map_or(0, |s| s.micros() - 1)).max();
        p.control(Control::Config { semantics: Arc::new(new.clone()), t_floor: 0 }).unwrap();
        run(&mut p, &log, at..log.len(), &mut after);
        let mut all = partition(&Semantics {
            windows: [new.windows.clone(), vec![window("gone", 10, 10)]].concat(),
            bars: vec![secs(5), secs(60), secs(120)],
            ..base.clone()
        });
        run(&mut all, &log, 0..log.len(), &mut whole);
        for name in ["old", "5s"] {
            let got: Vec<_> = before.named(name).into_iter().chain(after.named(name)).map(value).collect();
            let want: Vec<_> = whole.named(name).into_iter().map(value).collect();
            prop_assert_eq!(got, want);
        }
        let strip = |row: &FeatureRow| FeatureRow { indicators: Vec::new(), features: None, ..value(row) };
        for name in ["new", "1m"] {
            let got: Vec<_> = after.named(name).into_iter().map(strip).collect();
            let want: Vec<_> = whole
                .named(name)
                .into_iter()
                .filter(|r| seen.is_none_or(|s| r.window_start.micros() > s))
                .map(strip)
                .collect();
            prop_assert_eq!(got, want);
        }
        prop_assert!(after.named("gone").is_empty() && after.named("2m").is_empty());
        prop_assert!(after.rows.iter().all(|r| r.revision == 1));
        let restored = Partition::decode_stored(&p.encode_full(), &[]).unwrap();
        prop_assert!(restored.encode_full() == p.encode_full());
    }
}
