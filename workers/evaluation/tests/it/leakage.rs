//! The replaced system reported R² 0.983 on data that cannot be forecast, because its label stood among its features.

use evaluation::metrics::r_squared;
use evaluation::{Close, GroupBy, Label, OosRow, targets};
use indicators::Calendar;
use market::{Span, Timestamp};

use crate::market_of_truth::Truth;
use crate::recipe::{dataset, dataset_of, run, symbols};

/// R² of the next close, as the replaced system printed it.
fn r2_of_price(rows: &[OosRow], forecast: fn(&OosRow) -> f64) -> f64 {
    let price = |r: f64, close: f64| close * libm::exp(r);
    let truth: Vec<f64> = rows.iter().map(|r| price(r.y, r.close)).collect();
    let prices: Vec<f64> = rows.iter().map(|r| price(forecast(r), r.close)).collect();
    r_squared(&prices, &truth).unwrap()
}

/// Closes are independent: the best forecast of the next one is their mean, with R² 0.
#[test]
fn independent_closes_cannot_be_forecast() {
    let outcome = run(&dataset(&[Truth::Iid; 4], 1_200, 1, 42), 1, GroupBy::None, 42);
    let honest = r2_of_price(&outcome.rows, |r| r.model);
    println!("R² of the next close {honest:+.4}, forest skill {:+.4}", outcome.forest_skill());
    assert!(honest <= 0.01, "R² {honest}: something of the next close is known");
    assert!(honest > -0.5, "R² {honest}: the mean price was not even learnt");
    // returns of such closes are easy, which is why skill compares with the mean price
    assert!(r2_of_price(&outcome.rows, |r| r.naive[0]) < -0.9, "persistence is bad here");
    assert!(outcome.forest_skill() < 0.01 && !outcome.verdict.passed);
}

/// The check above can fail: with one feature that knows the next close it finds what the replaced system printed.
#[test]
fn a_leak_would_be_seen() {
    let mut rows = symbols(&[Truth::Iid; 2], 1_200, 42);
    for series in &mut rows {
        let closes: Vec<f64> = series.iter().map(|r| r.close).collect();
        for (row, next) in series.iter_mut().zip(&closes[1..]) {
            if let Some(features) = &mut row.features {
                features[4] = libm::log(next / row.close);
            }
        }
    }
    let outcome = run(&dataset_of(&rows, 1), 1, GroupBy::None, 42);
    assert!(r2_of_price(&outcome.rows, |r| r.model) > 0.5 && outcome.forest_skill() > 0.5);
}

/// The same rows as the recorded case: what is learnt at 10:00:06 is the close of 10:00:09.
#[test]
fn the_label_is_the_next_close_not_this_one() {
    let at = |s: u32| Timestamp::parse(&format!("2025-01-02T10:00:{s:02}Z")).unwrap();
    let close = |s, close| Close { end: at(s), close };
    let closes = [close(0, 150.0), close(3, 153.0), close(6, 147.9), close(9, 149.379)];
    let found = targets(&closes, &Calendar::Always, 1, Span::from_secs(3), Some(at(9)));
    assert_eq!(found[2].target_ts, at(9));
    assert_eq!(found[2].y, Label::Matured(libm::log(149.379 / 147.9)));
    assert_eq!(found[3].y, Label::Pending);
}
