//! Folds: what may be learnt from when.

use std::collections::BTreeSet;

use evaluation::{FoldError, FoldSpec, Sample, Window, min_leaf, walk_forward};
use indicators::Calendar;
use market::{Span, Timestamp};
use proptest::prelude::*;

const BAR: Span = Span::from_secs(60);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * BAR.micros())
}

/// Rows of three symbols; `present` says which (minute, symbol) exist.
fn samples(present: &[Vec<bool>], horizon: u32) -> Vec<Sample> {
    let mut out = Vec::new();
    for symbol in 0..3 {
        for (minute, row) in present.iter().enumerate().filter(|(_, row)| row[symbol]) {
            let _ = row;
            out.push(Sample {
                row: out.len(),
                symbol: symbol as u32,
                as_of: at(minute as i64),
                target_ts: at(minute as i64 + i64::from(horizon)),
                close: 1.0,
                sigma: 1.0,
                ret_1: 0.0,
                y: 0.0,
            });
        }
    }
    out
}

fn spec(folds: u32, window: Window, horizon: u32) -> FoldSpec<'static> {
    FoldSpec {
        folds,
        window,
        horizon,
        bar: BAR,
        calendar: &Calendar::Always,
        purge_bars: None,
        embargo_bars: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_training_row_knows_the_test(
        present in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 60..160),
        folds in 1_u32..7, horizon in 1_u32..6, rolling in any::<bool>(), extra in 0_u32..9,
    ) {
        let samples = samples(&present, horizon);
        let window = if rolling { Window::Rolling } else { Window::Expanding };
        let spec = FoldSpec { purge_bars: Some(extra), ..spec(folds, window, horizon) };
        let Ok(found) = walk_forward(&samples, &spec) else { return Ok(()) };
        prop_assert_eq!(found.len(), folds as usize);
        let mut tested = BTreeSet::new();
        let mut last = Timestamp::MIN;
        for fold in &found {
            let first = fold.test.iter().map(|&i| samples[i].as_of).min().unwrap();
            prop_assert_eq!(first, fold.test_from);
            prop_assert!(first > last, "folds follow one another");
            last = fold.test_to;
            for &i in &fold.test {
                prop_assert!(tested.insert(i), "tested once");
                prop_assert!((fold.test_from..=fold.test_to).contains(&samples[i].as_of));
            }
            // the same instants for all symbols
            let between = samples.iter().filter(|s| (fold.test_from..=fold.test_to).contains(&s.as_of)).count();
            prop_assert_eq!(between, fold.test.len());
            for &i in &fold.train {
                let clear = i64::from(horizon) * BAR.micros();
                prop_assert!(samples[i].target_ts.micros() + clear <= first.micros(), "purge and embargo");
                prop_assert!(samples[i].as_of.micros() + i64::from(extra) * BAR.micros() <= first.micros());
            }
            if !rolling {
                let before = samples.iter().filter(|s| s.as_of < first).count();
                prop_assert_eq!(fold.train.len() + fold.purged, before);
            }
        }
        prop_assert_eq!(found.last().unwrap().test_to, samples.iter().map(|s| s.as_of).max().unwrap());
    }
}

#[test]
fn a_rolling_window_keeps_its_length() {
    let all = samples(&vec![vec![true; 3]; 300], 1);
    let expanding = walk_forward(&all, &spec(4, Window::Expanding, 1)).unwrap();
    let rolling = walk_forward(&all, &spec(4, Window::Rolling, 1)).unwrap();
    assert_eq!(rolling.iter().map(|f| f.train.len()).collect::<Vec<_>>(), [3 * 99; 4]);
    assert_eq!(expanding.iter().map(|f| f.train.len()).collect::<Vec<_>>(), [297, 447, 597, 747]);
    assert!(rolling.iter().zip(&expanding).all(|(r, e)| r.test == e.test));
    // target one bar on, embargo one more: the row one bar before the test goes
    assert!(rolling.iter().all(|f| f.purged == 3));
}

#[test]
fn what_cannot_be_cut_is_refused() {
    let few = samples(&vec![vec![true; 3]; 10], 5);
    assert_eq!(walk_forward(&few, &spec(0, Window::Expanding, 1)), Err(FoldError::Folds(0)));
    assert!(matches!(
        walk_forward(&few, &spec(9, Window::Expanding, 1)),
        Err(FoldError::TooFew { instants: 10, .. })
    ));
    // all that precedes the first test lies in the embargo
    assert!(matches!(walk_forward(&few, &spec(2, Window::Expanding, 5)), Err(FoldError::TooFew { .. })));
    assert!(matches!(
        walk_forward(&[], &spec(1, Window::Expanding, 1)),
        Err(FoldError::TooFew { instants: 0, .. })
    ));
}

#[test]
fn leaves_grow_with_overlap_and_with_rows() {
    assert_eq!((min_leaf(1, 100), min_leaf(5, 100), min_leaf(1, 40_000)), (50, 250, 800));
}
