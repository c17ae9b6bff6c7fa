//! `features::v1`.

use indicators::{Bar, Calendar, FeatureSchema, IndicatorSet};
use market::{Ohlcv, Span};
use proptest::prelude::*;

use crate::bars::{MINUTE, bar, bars, run, series, spec};

#[test]
fn the_default_schema_is_spelled_out() {
    let schema = FeatureSchema::v1(&IndicatorSet::parse(&["default"]).unwrap(), MINUTE, &Calendar::ByBar);
    assert_eq!(
        schema.entries(),
        [
            "ln(close/close[1])",
            "ln(close/close[2])",
            "ln(close/close[3])",
            "ln(close/close[5])",
            "ln(close/close[10])",
            "ln(close/close[20])",
            "realised_vol(close,20)",
            "(close-low)/(high-low)",
            "(high-low)/close",
            "(close-open)/close",
            "zscore(ln(volume),20)",
            "imbalance(close,volume,20)",
            "sin(2*pi*time_of_day(UTC))",
            "cos(2*pi*time_of_day(UTC))",
            "min(bars_since_gap(UTC),20)",
            "ln(close/sma(close,5))",
            "ln(close/sma(close,20))",
            "ln(close/ema(close,12))",
            "ln(close/ema(close,26))",
            "rsi(close,14)",
            "macd(close,12,26,9)/close",
            "macd_signal(close,12,26,9)/close",
            "macd_hist(close,12,26,9)/close",
            "stoch_k(14,3,3)",
            "stoch_d(14,3,3)",
            "ln(close/bb_upper(close,20,2))",
            "ln(close/bb_lower(close,20,2))",
            "atr(14)/close",
            "adx(14)",
            "(obv-obv[20])/sum(volume,20)",
            "ln(close/vwap(20))",
            "mfi(14)",
        ]
    );
    // A change of this number is a change of the schema: every stored model becomes unfit.
    assert_eq!(format!("{:016x}", schema.hash()), "e58a283662e9cccb");
    assert_eq!((schema.warmup_bars(), schema.settle_bars()), (34, 560));
    assert_eq!(
        (0..schema.entries().len()).filter(|i| schema.is_calendar(*i)).collect::<Vec<_>>(),
        [12, 13, 14]
    );
}

#[test]
fn an_instrument_without_volume_or_movement_has_complete_vectors() {
    let flat = Ohlcv { open: 7.0, high: 7.0, low: 7.0, close: 7.0, volume: 0.0 };
    let spec = spec(&["all"]);
    let out = run(&spec, &bars(&[flat; 80]));
    let warm = spec.schema().warmup_bars();
    for (i, computed) in out.iter().enumerate() {
        assert_eq!(computed.features.is_some(), i + 1 >= warm, "bar {i}");
    }
    let vector = out[79].features.as_ref().unwrap();
    let of = |name: &str| vector[spec.schema().entries().iter().position(|e| e == name).unwrap()];
    assert_eq!(of("(close-low)/(high-low)"), 0.5);
    assert_eq!(of("zscore(ln(volume),20)"), 0.0);
    assert_eq!(of("imbalance(close,volume,20)"), 0.0);
    assert_eq!(of("ln(close/vwap(20))"), 0.0);
    assert_eq!(of("rsi(close,14)"), 50.0);
    assert_eq!(of("percent_b(close,20,2)"), 0.5);
}

#[test]
fn gaps_are_counted_from_the_newest_bar() {
    let p = Ohlcv { open: 7.0, high: 7.0, low: 7.0, close: 7.0, volume: 1.0 };
    let spec = spec(&["sma_5"]);
    let steps: Vec<Bar> = (0..30).chain(31..60).map(|i| bar(i, p, MINUTE)).collect();
    let at = spec.schema().entries().iter().position(|e| e.starts_with("min(bars_since_gap")).unwrap();
    let seen: Vec<f64> = run(&spec, &steps).iter().filter_map(|c| Some(c.features.as_ref()?[at])).collect();
    assert_eq!(seen[..12], [20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 0.0, 1.0]);
    assert_eq!(seen.last(), Some(&20.0));
}

#[test]
fn a_weekend_is_no_gap_for_daily_bars() {
    let day = Span::parse("1d").unwrap();
    let p = Ohlcv { open: 7.0, high: 7.0, low: 7.0, close: 7.0, volume: 1.0 };
    let set = IndicatorSet::parse(&["sma_5"]).unwrap();
    let spec = std::sync::Arc::new(indicators::BarEngineSpec::new(set, day, Calendar::ByBar));
    let weekdays: Vec<Bar> = (0..60).filter(|d| d % 7 < 5).map(|d| bar(d, p, day)).collect();
    let at = spec.schema().entries().iter().position(|e| e.starts_with("min(bars_since_gap")).unwrap();
    for c in run(&spec, &weekdays) {
        assert!(c.features.is_none_or(|f| f[at] == 20.0));
    }
}

fn scaled(bars: &[Bar], price: f64, volume: f64) -> Vec<Bar> {
    bars.iter()
        .map(|b| Bar {
            prices: Ohlcv {
                open: b.prices.open * price,
                high: b.prices.high * price,
                low: b.prices.low * price,
                close: b.prices.close * price,
                volume: b.prices.volume * volume,
            },
            vwap: b.vwap.map(|v| v * price),
            ..*b
        })
        .collect()
}

/// The same bars without two equal prices. Ties (is the move up as large as the move down?) are decided by the last bit,
/// and a factor of ten changes last bits.
fn without_ties(bars: &[Bar]) -> Vec<Bar> {
    bars.iter()
        .enumerate()
        .map(|(i, b)| {
            let stretch = |p: f64, k: usize| p * (1.0 + 1e-4 * ((i * 4 + k) as f64 * 0.618_034).fract());
            let (open, close) = (stretch(b.prices.open, 0), stretch(b.prices.close, 1));
            let high = stretch(b.prices.high, 2).max(open).max(close);
            let low = stretch(b.prices.low, 3).min(open).min(close);
            Bar { prices: Ohlcv { open, high, low, close, ..b.prices }, ..*b }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_unit_of_price_and_volume_does_not_matter(bars in series(120)) {
        let spec = spec(&["all", "stoch_5_3_3", "macd_5_35_5"]);
        let untied = without_ties(&bars);
        for (from, price, volume) in [
            (&bars, 8.0, 1.0), (&bars, 1.0, 10.0), (&bars, 0.25, 1000.0), (&untied, 10.0, 1.0), (&untied, 0.1, 10.0),
        ] {
            let plain = run(&spec, from);
            for (i, (a, b)) in plain.iter().zip(run(&spec, &scaled(from, price, volume))).enumerate() {
                let (Some(a), Some(b)) = (&a.features, &b.features) else {
                    prop_assert_eq!(a.features.is_some(), b.features.is_some());
                    continue;
                };
                for (k, (x, y)) in a.iter().zip(b).enumerate() {
                    prop_assert!(
                        (x - y).abs() <= 1e-7 * x.abs().max(1.0),
                        "bar {} {}: {} {}", i, spec.schema().entries()[k], x, y
                    );
                }
            }
        }
    }
}
