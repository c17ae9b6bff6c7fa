//! Indicators that TA-Lib does not have, against their formulas written out.

use indicators::Bar;
use market::{Ohlcv, Timestamp};
use proptest::prelude::*;

use crate::bars::{column, series, spec_of};

fn check(name: &str, bars: &[Bar], formula: impl Fn(usize) -> Option<f64>) {
    for (i, value) in column(&[name], name, bars).into_iter().enumerate() {
        match (value, formula(i)) {
            (Some(a), Some(b)) => {
                assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-6), "{name} bar {i}: {a} is not {b}");
            }
            (a, b) => assert_eq!(a, b, "{name} bar {i}"),
        }
    }
}

fn last(bars: &[Bar], i: usize, n: usize) -> Option<&[Bar]> {
    (i + 1 >= n).then(|| &bars[i + 1 - n..=i])
}

fn deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}

fn sides(window: &[Bar]) -> (f64, f64) {
    let (mut bought, mut sold, mut up) = (0.0, 0.0, None);
    for w in window.windows(2) {
        up = match w[1].prices.close.total_cmp(&w[0].prices.close) {
            std::cmp::Ordering::Greater => Some(true),
            std::cmp::Ordering::Less => Some(false),
            std::cmp::Ordering::Equal => up,
        };
        match up {
            Some(true) => bought += w[1].prices.volume,
            Some(false) => sold += w[1].prices.volume,
            None => {}
        }
    }
    (bought, sold)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn finite_windows(bars in series(80)) {
        let close = |w: &[Bar]| w.iter().map(|b| b.prices.close).collect::<Vec<_>>();
        check("percent_b_20", &bars, |i| {
            let w = last(&bars, i, 20)?;
            let (mean, sd) = deviation(&close(w));
            (sd > 1e-9).then(|| (w[19].prices.close - (mean - 2.0 * sd)) / (4.0 * sd))
        });
        check("bb_width_20", &bars, |i| {
            let (mean, sd) = deviation(&close(last(&bars, i, 20)?));
            Some(4.0 * sd / mean)
        });
        check("realised_vol_20", &bars, |i| {
            let c = close(last(&bars, i, 21)?);
            Some(deviation(&c.windows(2).map(|w| (w[1] / w[0]).ln()).collect::<Vec<_>>()).1)
        });
        check("parkinson_20", &bars, |i| {
            let w = last(&bars, i, 20)?;
            let sum: f64 = w.iter().map(|b| (b.prices.high / b.prices.low).ln().powi(2)).sum();
            Some((sum / 20.0 / (4.0 * 2_f64.ln())).sqrt())
        });
        check("garman_klass_20", &bars, |i| {
            let w = last(&bars, i, 20)?;
            let term = |p: &Ohlcv| 0.5 * (p.high / p.low).ln().powi(2)
                - (2.0 * 2_f64.ln() - 1.0) * (p.close / p.open).ln().powi(2);
            Some((w.iter().map(|b| term(&b.prices)).sum::<f64>() / 20.0).max(0.0).sqrt())
        });
        check("vwap_20", &bars, |i| {
            let w = last(&bars, i, 20)?;
            let volume: f64 = w.iter().map(|b| b.prices.volume).sum();
            let value: f64 = w.iter().map(|b| b.vwap.unwrap_or(0.0) * b.prices.volume).sum();
            (volume > 0.0).then(|| value / volume)
        });
        check("volume_z_20", &bars, |i| {
            let w = last(&bars, i, 20)?;
            let (mean, sd) = deviation(&w.iter().map(|b| b.prices.volume).collect::<Vec<_>>());
            (sd > 0.0).then(|| (w[19].prices.volume - mean) / sd)
        });
        check("imbalance_20", &bars, |i| {
            let (bought, sold) = sides(last(&bars, i, 21)?);
            (bought + sold > 0.0).then(|| (bought - sold) / (bought + sold))
        });
    }

    #[test]
    fn recursive(bars in series(80)) {
        check("rma_14", &bars, |i| {
            let mut mean = bars.get(..14)?.iter().map(|b| b.prices.close).sum::<f64>() / 14.0;
            for b in bars.get(14..=i).unwrap_or_default() {
                mean += (b.prices.close - mean) / 14.0;
            }
            (i >= 13).then_some(mean)
        });
        check("vwap_session", &bars, |i| {
            // The bar that ends at midnight belongs to the day before.
            let day = |b: &Bar| Timestamp::from_micros(b.end.micros() - 1).day();
            let session = || bars[..=i].iter().filter(|b| day(b) == day(&bars[i]));
            let volume: f64 = session().map(|b| b.prices.volume).sum();
            let value: f64 = session().map(|b| b.vwap.unwrap_or(0.0) * b.prices.volume).sum();
            (volume > 0.0).then(|| value / volume)
        });
    }
}

#[test]
fn the_vwap_of_an_exchange_starts_anew_at_its_opening() {
    let sessions = indicators::Sessions::new("America/New_York", "09:30", "16:00", &["2025-01-09"]).unwrap();
    let spec = spec_of(&["vwap_session"], indicators::Calendar::Sessions(sessions));
    let price = |p: f64| Ohlcv { open: p, high: p, low: p, close: p, volume: 10.0 };
    // Minutes from Monday 2025-01-06T00:00Z; New York opens at 14:30Z.
    let at = |minute: usize, p: f64| crate::bars::bar(minute, price(p), crate::bars::MINUTE);
    let opening = 14 * 60 + 30;
    let bars = [at(opening - 1, 1.0), at(opening, 2.0), at(opening + 1, 4.0), at(opening + 1440, 8.0)];
    let values: Vec<_> = crate::bars::run(&spec, &bars).iter().map(|c| c.indicators[0]).collect();
    assert_eq!(values, [Some(1.0), Some(2.0), Some(3.0), Some(8.0)]);
}
