//! Bollinger bands at two population standard deviations, and what is read off them: %B and width.

use super::sma;
use crate::history::History;

/// Half the width of the bands, in standard deviations.
const DEVIATIONS: f64 = 2.0;

/// Upper, middle, lower.
pub(crate) fn bands(history: &History, n: usize) -> Option<[f64; 3]> {
    let (mean, deviation) = sma::mean_and_deviation(history.last(n)?.map(|s| s.close));
    Some([mean + DEVIATIONS * deviation, mean, mean - DEVIATIONS * deviation])
}

/// 0 at the lower band, 1 at the upper; absent where the bands meet.
pub(crate) fn percent_b(history: &History, n: usize) -> Option<f64> {
    let [upper, _, lower] = bands(history, n)?;
    (upper > lower).then(|| history.back(0).map(|s| (s.close - lower) / (upper - lower)))?
}

/// (upper - lower) / middle.
pub(crate) fn width(history: &History, n: usize) -> Option<f64> {
    let [upper, middle, lower] = bands(history, n)?;
    Some((upper - lower) / middle)
}
