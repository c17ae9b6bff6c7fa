//! Volatility per bar: from closes (realised), from ranges (Parkinson), from both (Garman-Klass).

use std::f64::consts::LN_2;

use super::sma;
use crate::history::History;

/// Population standard deviation of n log returns.
pub(crate) fn realised(history: &History, n: usize) -> Option<f64> {
    let closes: Vec<f64> = history.last(n + 1)?.map(|s| s.close).collect();
    let returns: Vec<f64> = closes.windows(2).map(|w| libm::log(w[1] / w[0])).collect();
    let m = sma::mean(returns.iter().copied());
    Some(sma::mean(returns.iter().map(|r| (r - m) * (r - m))).sqrt())
}

/// sqrt(mean(ln(H/L)²) / (4 ln 2)).
pub(crate) fn parkinson(history: &History, n: usize) -> Option<f64> {
    let squares = history.last(n)?.map(|s| square(libm::log(s.high / s.low)));
    Some((sma::mean(squares) / (4.0 * LN_2)).sqrt())
}

/// sqrt(mean(ln(H/L)²/2 - (2 ln 2 - 1) ln(C/O)²)), 0 where the mean is below zero.
pub(crate) fn garman_klass(history: &History, n: usize) -> Option<f64> {
    let terms = history.last(n)?.map(|s| {
        0.5 * square(libm::log(s.high / s.low)) - (2.0 * LN_2 - 1.0) * square(libm::log(s.close / s.open))
    });
    Some(sma::mean(terms).max(0.0).sqrt())
}

fn square(x: f64) -> f64 {
    x * x
}
