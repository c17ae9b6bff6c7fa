//! Folds against their definition, asked of every pair of rows.
//!
//! The reference knows no sorted instants and no purge limits: it walks the calendar bar by bar, looks at each training
//! row beside each tested row, and says what every row has to be.

use evaluation::{Fold, FoldSpec, Sample, Window, walk_forward};
use indicators::{Calendar, Sessions};
use market::{Span, Timestamp};
use proptest::prelude::*;

const BAR: Span = Span::from_secs(3_600);

/// What a row is to one fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Learnt from.
    Train,
    /// Forecast.
    Test,
    /// Inside the window, but too near the test.
    Purged,
    /// Before the window, or after the test.
    Out,
}

fn bars_after(calendar: &Calendar, from: Timestamp, bars: u32) -> Timestamp {
    (0..bars).fold(from, |at, _| calendar.advance(at, 1, BAR))
}

/// What each row has to be in fold `number`.
fn wanted(samples: &[Sample], spec: &FoldSpec<'_>, number: usize) -> Vec<Use> {
    let rank = |at: Timestamp| {
        let mut before: Vec<Timestamp> =
            samples.iter().map(|s| s.as_of).filter(|other| *other < at).collect();
        before.sort_unstable();
        before.dedup();
        before.len()
    };
    let ranks: Vec<usize> = samples.iter().map(|s| rank(s.as_of)).collect();
    let instants = ranks.iter().max().map_or(0, |last| last + 1);
    let (first, tested) = (instants / 3, instants - instants / 3);
    let chunk =
        first + tested * number / spec.folds as usize..first + tested * (number + 1) / spec.folds as usize;
    let window_from = match spec.window {
        Window::Expanding => 0,
        Window::Rolling => chunk.start - first,
    };
    let test: Vec<&Sample> =
        samples.iter().zip(&ranks).filter(|(_, rank)| chunk.contains(rank)).map(|(s, _)| s).collect();
    let embargo = spec.embargo_bars.unwrap_or(spec.horizon);
    let judge = |(row, rank): (&Sample, &usize)| {
        if chunk.contains(rank) {
            return Use::Test;
        }
        if *rank >= chunk.end || *rank < window_from {
            return Use::Out;
        }
        let over = bars_after(spec.calendar, row.target_ts, embargo);
        let away = bars_after(spec.calendar, row.as_of, spec.purge_bars.unwrap_or(0));
        let near = |tested: &&Sample| {
            let overlaps = row.target_ts > tested.as_of && row.as_of < tested.target_ts;
            overlaps || tested.as_of < over || tested.as_of < away
        };
        if test.iter().any(near) { Use::Purged } else { Use::Train }
    };
    samples.iter().zip(&ranks).map(judge).collect()
}

/// Where a fold is not what it has to be.
fn fault(samples: &[Sample], spec: &FoldSpec<'_>, fold: &Fold) -> Option<String> {
    let wanted = wanted(samples, spec, fold.number as usize);
    let of = |what: Use| -> Vec<usize> { (0..samples.len()).filter(|i| wanted[*i] == what).collect() };
    if fold.train != of(Use::Train) {
        return Some(format!("fold {} learns from {:?}, not {:?}", fold.number, fold.train, of(Use::Train)));
    }
    if fold.test != of(Use::Test) {
        return Some(format!("fold {} forecasts {:?}, not {:?}", fold.number, fold.test, of(Use::Test)));
    }
    let purged = of(Use::Purged).len();
    (fold.purged != purged).then(|| format!("fold {} purged {}, not {purged}", fold.number, fold.purged))
}

fn calendars() -> [Calendar; 3] {
    let sessions = Sessions::new("America/New_York", "09:30", "16:00", &["2025-01-20"]).unwrap();
    [Calendar::Always, Calendar::Weekdays, Calendar::Sessions(sessions)]
}

/// Rows of three symbols on the bars of a calendar; some are absent, and some outcomes came late.
fn samples(calendar: &Calendar, rows: &[(u8, u8)], horizon: u32) -> Vec<Sample> {
    let start = Timestamp::parse("2025-01-02T15:00:00Z").unwrap();
    let ends: Vec<Timestamp> = (1..=rows.len() as u32).map(|i| bars_after(calendar, start, i)).collect();
    let mut out = Vec::new();
    for symbol in 0..3 {
        for (end, (present, late)) in ends.iter().zip(rows).filter(|(_, r)| r.0 & (1 << symbol) != 0) {
            let _ = present;
            out.push(Sample {
                row: out.len(),
                symbol,
                as_of: *end,
                target_ts: bars_after(calendar, *end, horizon + u32::from(late / 60)),
                close: 1.0,
                sigma: 1.0,
                ret_1: 0.0,
                y: 0.0,
            });
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn folds_are_what_every_pair_of_rows_says(
        rows in prop::collection::vec((0_u8..8, any::<u8>()), 12..60), folds in 1_u32..6, horizon in 1_u32..6,
        rolling in any::<bool>(), calendar in 0_usize..3,
        purge_bars in prop::option::of(0_u32..9), embargo_bars in prop::option::of(0_u32..9),
    ) {
        let calendar = &calendars()[calendar];
        let window = if rolling { Window::Rolling } else { Window::Expanding };
        let spec = FoldSpec { folds, window, horizon, bar: BAR, calendar, purge_bars, embargo_bars };
        let samples = samples(calendar, &rows, horizon);
        let Ok(found) = walk_forward(&samples, &spec) else {
            // Refused: some fold would have nothing to learn from, or there are too few instants.
            let mut instants: Vec<Timestamp> = samples.iter().map(|s| s.as_of).collect();
            instants.sort_unstable();
            instants.dedup();
            let few = instants.len() < 3 || instants.len() - instants.len() / 3 < folds as usize;
            let bare = |n: usize| !wanted(&samples, &spec, n).contains(&Use::Train);
            prop_assert!(few || (0..folds as usize).any(bare));
            return Ok(());
        };
        prop_assert_eq!(found.len(), folds as usize);
        for fold in &found {
            let wrong = fault(&samples, &spec, fold);
            prop_assert!(wrong.is_none(), "{}", wrong.unwrap());
        }
    }
}

/// A fold that learns from one row too many, forgets one, or was cut with another embargo is told apart.
#[test]
fn a_fold_that_is_off_is_told_apart() {
    let calendar = &calendars()[2];
    let samples = samples(calendar, &[(7, 0); 40], 2);
    let spec = FoldSpec {
        folds: 3,
        window: Window::Rolling,
        horizon: 2,
        bar: BAR,
        calendar,
        purge_bars: None,
        embargo_bars: None,
    };
    for fold in walk_forward(&samples, &spec).unwrap() {
        assert_eq!(fault(&samples, &spec, &fold), None);
        let mut leaky = fold.clone();
        let near =
            (0..samples.len()).find(|i| wanted(&samples, &spec, fold.number as usize)[*i] == Use::Purged);
        leaky.train.push(near.unwrap());
        leaky.train.sort_unstable();
        let mut short = fold.clone();
        short.train.pop();
        let mut untested = fold.clone();
        untested.test.remove(0);
        let mut hidden = fold.clone();
        hidden.purged += 1;
        for off in [leaky, short, untested, hidden] {
            assert!(fault(&samples, &spec, &off).is_some());
        }
    }
    let laxer = FoldSpec { embargo_bars: Some(0), ..spec };
    let found = walk_forward(&samples, &laxer).unwrap();
    assert!(found.iter().all(|fold| fault(&samples, &spec, fold).is_some()));
}
