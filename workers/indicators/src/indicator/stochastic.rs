//! Stochastic oscillator and Williams %R: where the close lies in the range of the last bars. A range of zero gives 0,
//! as in TA-Lib.

use super::sma;
use crate::history::{History, Sample};

/// Slow %K and %D: the mean of `slow` raw values, and the mean of `d` of those.
pub(crate) fn stochastic(history: &History, k: usize, slow: usize, d: usize) -> Option<[f64; 2]> {
    let bars: Vec<&Sample> = history.last(k + slow + d - 2)?.collect();
    let raw: Vec<f64> = bars.windows(k).map(raw_k).collect();
    let slow_k: Vec<f64> = raw.windows(slow).map(|w| sma::mean(w.iter().copied())).collect();
    Some([*slow_k.last()?, sma::mean(slow_k.iter().copied())])
}

/// Williams %R, from -100 (at the low) to 0 (at the high).
pub(crate) fn williams_r(history: &History, n: usize) -> Option<f64> {
    let (low, high) = range(history.last(n)?);
    let close = history.back(0)?.close;
    Some(if high > low { (high - close) / (high - low) * -100.0 } else { 0.0 })
}

fn raw_k(bars: &[&Sample]) -> f64 {
    let (low, high) = range(bars.iter().copied());
    let close = bars.last().map_or(low, |s| s.close);
    if high > low { (close - low) / (high - low) * 100.0 } else { 0.0 }
}

fn range<'a>(bars: impl Iterator<Item = &'a Sample>) -> (f64, f64) {
    bars.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s.low), high.max(s.high)))
}
