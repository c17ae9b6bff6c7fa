//! CCI: distance of the typical price from its mean, in mean absolute deviations.

use super::sma;
use crate::history::{History, Sample};

/// Mean deviations below this part of the price are rounding: the price is flat, the CCI 0.
const ROUNDING: f64 = 1e-12;

pub(crate) fn value(history: &History, n: usize) -> Option<f64> {
    let typical = history.last(n)?.map(Sample::typical);
    let mean = sma::mean(typical.clone());
    let deviation = sma::mean(typical.map(|t| (t - mean).abs()));
    let now = history.back(0)?.typical();
    Some(if deviation > ROUNDING * mean { (now - mean) / (0.015 * deviation) } else { 0.0 })
}
