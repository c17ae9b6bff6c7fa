//! Targets and datasets.

use evaluation::{Close, Dataset, DatasetError, DatasetSpec, Label, Series, SeriesRow, Volatility, targets};
use indicators::Calendar;
use market::{Span, Timestamp};
use proptest::prelude::*;

const BAR: Span = Span::from_secs(60);

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(minute * BAR.micros())
}

proptest! {
    /// Against the definition, bar by bar: void exactly where no bar ends in (as_of, target], else the last that does.
    #[test]
    fn targets_are_what_their_definition_says(
        gaps in prop::collection::vec((1_i64..4, 1.0_f64..2.0), 1..40), horizon in 1_u32..6, behind in 0_i64..20,
    ) {
        let mut minute = 0;
        let closes: Vec<Close> = gaps.iter().map(|(gap, close)| {
            minute += gap;
            Close { end: at(minute), close: *close }
        }).collect();
        let watermark = at(minute - behind);
        let found = targets(&closes, &Calendar::Always, horizon, BAR, Some(watermark));
        for (close, target) in closes.iter().zip(&found) {
            let due = Timestamp::from_micros(close.end.micros() + i64::from(horizon) * BAR.micros());
            let later = closes.iter().rfind(|c| c.end > close.end && c.end <= due);
            let expected = match (watermark >= due, later) {
                (false, _) => Label::Pending,
                (true, None) => Label::Void,
                (true, Some(c)) => Label::Matured(libm::log(c.close / close.close)),
            };
            prop_assert_eq!((target.as_of, target.target_ts, target.y), (close.end, due, expected));
        }
    }

    /// What is beyond the instant asked for changes nothing: not a row, not a label, not the hash.
    #[test]
    fn a_dataset_knows_nothing_after_its_instant(
        closes in prop::collection::vec(1.0_f64..2.0, 12..40), cut in 4_usize..10,
    ) {
        let rows = series(&closes);
        let to = rows[cut].end;
        let build = |rows: &[SeriesRow]| {
            let spec = DatasetSpec { to: Some(to), ..spec(&[1, 3]) };
            Dataset::build(&[Series { symbol: "A", watermark: Some(at(1_000)), rows }], &spec).unwrap()
        };
        let whole = build(&rows);
        let past = build(&rows[..=cut]);
        prop_assert_eq!(&whole, &past);
        prop_assert_eq!(whole.hash(1), past.hash(1));
        prop_assert!(whole.samples(3).iter().all(|s| s.target_ts <= to));
    }
}

fn series(closes: &[f64]) -> Vec<SeriesRow> {
    let row = |(i, close): (usize, &f64)| SeriesRow {
        end: at(i as i64 + 1),
        close: *close,
        features: (i > 0).then(|| vec![libm::log(close / closes[i - 1]), i as f64]),
    };
    closes.iter().enumerate().map(row).collect()
}

fn spec(horizons: &[u32]) -> DatasetSpec<'_> {
    DatasetSpec {
        calendar: &Calendar::Always,
        bar: BAR,
        horizons,
        from: None,
        to: None,
        features: 2,
        return_column: 0,
    }
}

#[test]
fn rows_stand_in_order_and_the_hash_is_theirs() {
    let (a, b) = (series(&[1.0, 1.1, 1.2, 1.3]), series(&[5.0, 4.0, 3.0]));
    let one = Series { symbol: "A", watermark: Some(at(3)), rows: &a };
    let two = Series { symbol: "B", watermark: Some(at(9)), rows: &b };
    let data = Dataset::build(&[two, one], &spec(&[1])).unwrap();
    assert_eq!(data, Dataset::build(&[one, two], &spec(&[1])).unwrap());
    assert_eq!(data.symbols(), ["A", "B"]);
    let keys: Vec<(u32, i64)> =
        data.keys().iter().map(|k| (k.symbol, k.as_of.micros() / BAR.micros())).collect();
    assert_eq!(keys, [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3)]);
    // A: 2 -> 3 known, 3 -> 4 and 4 -> 5 beyond its watermark; B: 2 -> 3 known, 3 -> 4 void
    let counts = data.counts(1);
    assert_eq!((counts.matured, counts.void, counts.pending), (2, 1, 2));
    assert_eq!(counts.void_share(), 1.0 / 3.0);
    let samples = data.samples(1);
    assert_eq!(
        samples.iter().map(|s| (s.row, s.ret_1 == data.x().row(s.row)[0])).collect::<Vec<_>>(),
        [(0, true), (3, true)]
    );
    assert!(data.samples(2).is_empty(), "not asked for");
    let mut changed = b.clone();
    changed[1].features = Some(vec![0.0, 7.0]);
    let other = Dataset::build(&[one, Series { rows: &changed, ..two }], &spec(&[1])).unwrap();
    assert_ne!(other.hash(1), data.hash(1));
    assert_ne!(data.hash(2), data.hash(1), "another schema is another dataset");
}

/// Two bars after Friday is Tuesday where weekends do not count, and what Monday lacked is not void.
#[test]
fn targets_follow_the_calendar() {
    let day = |text: &str| Timestamp::parse(text).unwrap();
    let (friday, monday, tuesday) = (day("2025-01-04"), day("2025-01-07"), day("2025-01-08"));
    let closes = [Close { end: friday, close: 100.0 }, Close { end: tuesday, close: 110.0 }];
    let of = |calendar: &Calendar, horizon| {
        targets(&closes, calendar, horizon, Span::from_secs(86_400), Some(day("2025-02-01")))[0]
    };
    let two = of(&Calendar::Weekdays, 2);
    assert_eq!((two.target_ts, two.y), (tuesday, Label::Matured(libm::log(1.1))));
    let one = of(&Calendar::Weekdays, 1);
    assert_eq!((one.target_ts, one.y), (monday, Label::Void));
    assert_eq!(of(&Calendar::Always, 2).y, Label::Void, "a weekend counts there");
}

#[test]
fn broken_bars_are_named() {
    let good = series(&[1.0, 1.1, 1.2]);
    let build = |rows: &[SeriesRow]| {
        Dataset::build(&[Series { symbol: "AAPL", watermark: None, rows }], &spec(&[1])).unwrap_err()
    };
    let mut rows = good.clone();
    rows.swap(0, 1);
    assert!(matches!(build(&rows), DatasetError::Order { .. }));
    let mut rows = good.clone();
    rows[1].features = Some(vec![1.0]);
    assert!(matches!(build(&rows), DatasetError::Width { found: 1, expected: 2, .. }));
    let mut rows = good.clone();
    rows[2].features = Some(vec![1.0, f64::NAN]);
    assert!(build(&rows).to_string().contains("AAPL") && build(&rows).to_string().contains("feature 1"));
    for price in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut rows = good.clone();
        rows[1].close = price;
        assert!(matches!(build(&rows), DatasetError::NotFinite { .. }));
    }
    let twice = Series { symbol: "A", watermark: None, rows: &good };
    assert!(matches!(Dataset::build(&[twice, twice], &spec(&[1])), Err(DatasetError::Order { .. })));
}

#[test]
fn volatility_is_never_zero_and_forgets() {
    let mut flat = Volatility::default();
    assert!((0..50).all(|_| flat.push(100.0) == 1e-6));
    // alternating moves of 1 %: exactly that
    let mut steady = Volatility::default();
    let mut last = 0.0;
    for i in 0..40 {
        last = steady.push(if i % 2 == 0 { 100.0 } else { 100.0 * libm::exp(0.01) });
    }
    assert!((last - 0.01).abs() < 1e-12);
    // then flat: bounded by a tenth of the long volatility, until that has forgotten too
    for _ in 0..40 {
        last = steady.push(100.0);
    }
    assert!(last > 5e-4 && last < 1e-3, "{last}");
    for _ in 0..600 {
        last = steady.push(100.0);
    }
    assert_eq!(last, 1e-6);
}
