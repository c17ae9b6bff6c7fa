//! Restart, hostile bytes, hostile prices, truncation.

use std::sync::Arc;

use indicators::{BarEngine, Computed};
use market::Ohlcv;
use proptest::prelude::*;

use crate::bars::{bars, run, series, spec};

fn bits(c: &Computed) -> Vec<Option<u64>> {
    let features = c.features.iter().flatten().map(|v| Some(v.to_bits()));
    c.indicators.iter().map(|v| v.map(f64::to_bits)).chain(features).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_engine_goes_on_bit_equal(bars in series(120), cuts in proptest::collection::vec(0_usize..120, 3)) {
        let spec = spec(&["all"]);
        let whole = run(&spec, &bars);
        let mut engine = BarEngine::new(Arc::clone(&spec));
        for (i, bar) in bars.iter().enumerate() {
            if cuts.contains(&i) {
                let mut bytes = vec![7];
                engine.encode(&mut bytes);
                bytes.extend([1, 2, 3]);
                let mut rest = &bytes[1..];
                engine = BarEngine::decode(Arc::clone(&spec), &mut rest).unwrap();
                prop_assert_eq!(rest, &[1, 2, 3][..]);
            }
            prop_assert_eq!(bits(&engine.push(bar)), bits(&whole[i]));
        }
    }

    #[test]
    fn finite_windows_do_not_depend_on_the_start(bars in series(120), skip in 0_usize..60) {
        let spec = spec(&["sma_20", "wma_10", "stoch", "cci_20", "bollinger_20", "stddev_20", "mfi_14", "vwap_20",
            "realised_vol_20", "garman_klass_20", "volume_z_20", "imbalance_20", "roc_10", "willr_14"]);
        let skip = skip.min(bars.len());
        let late = run(&spec, &bars[skip..]);
        for (from_start, from_skip) in run(&spec, &bars)[skip..].iter().zip(&late).skip(21) {
            prop_assert_eq!(bits(from_start), bits(from_skip));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bars in series(60), at in 0_usize..4_000, byte: u8, cut in 0_usize..4_000) {
        let spec = spec(&["all"]);
        let mut engine = BarEngine::new(Arc::clone(&spec));
        for bar in &bars {
            engine.push(bar);
        }
        let mut bytes = Vec::new();
        engine.encode(&mut bytes);
        prop_assert!(BarEngine::decode(Arc::clone(&spec), &mut &bytes[..cut.min(bytes.len() - 1)]).is_err());
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(mut engine) = BarEngine::decode(spec, &mut bytes.as_slice()) {
            for bar in &bars {
                for v in engine.push(bar).features.into_iter().flatten() {
                    prop_assert!(v.is_finite());
                }
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = BarEngine::decode(spec(&["default"]), &mut bytes.as_slice());
    }

    #[test]
    fn no_price_makes_a_nan(
        prices in proptest::collection::vec((prop_oneof![
            Just(f64::MAX), Just(f64::MIN_POSITIVE), Just(5e-324), 1e-300_f64..1e300, 1.0_f64..2.0
        ], prop_oneof![Just(0.0), Just(9.2e18), 0.0_f64..1e9]), 1..80)
    ) {
        let prices: Vec<Ohlcv> = prices.into_iter()
            .map(|(p, volume)| Ohlcv { open: p, high: p, low: p / 2.0 + 5e-324, close: p, volume }).collect();
        let spec = spec(&["all"]);
        for computed in run(&spec, &bars(&prices)) {
            prop_assert!(computed.indicators.iter().flatten().all(|v| v.is_finite()));
            prop_assert!(computed.features.iter().flatten().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn a_state_of_another_configuration_is_refused() {
    let mut bytes = Vec::new();
    BarEngine::new(spec(&["sma_5"])).encode(&mut bytes);
    assert!(BarEngine::decode(spec(&["sma_6"]), &mut bytes.as_slice()).is_err());
    assert!(BarEngine::decode(spec(&["sma_5"]), &mut bytes.as_slice()).is_ok());
}

#[test]
fn recursive_indicators_settle_in_the_bars_they_declare() {
    let prices: Vec<Ohlcv> = (0..1_400)
        .map(|i| {
            let p = 100.0 + 10.0 * libm::sin(f64::from(i) / 9.0) + f64::from((i * 7919) % 101) / 50.0;
            Ohlcv { open: p, high: p + 1.0, low: p - 1.0, close: p + 0.3, volume: 5.0 }
        })
        .collect();
    let bars = bars(&prices);
    for name in ["ema_26", "rma_14", "rsi_14", "atr_14", "adx_14", "macd"] {
        let spec = spec(&[name]);
        let settle = spec.schema().settle_bars();
        let skip = 200;
        let (whole, late) = (run(&spec, &bars), run(&spec, &bars[skip..]));
        for i in settle..late.len() {
            for (a, b) in whole[skip + i].indicators.iter().zip(&late[i].indicators) {
                let (a, b) = (a.unwrap(), b.unwrap());
                assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{name} bar {i}: {a} {b}");
            }
        }
    }
}
