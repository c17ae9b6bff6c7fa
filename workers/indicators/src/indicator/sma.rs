//! Means and standard deviations over a window: the ground of SMA, STDDEV, Bollinger and z-scores.

/// Deviations at most this far below the mean are rounding, not movement: a flat window has deviation 0.
const ROUNDING: f64 = 1e-13;

/// Mean, summed in the order given.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len();
    let mut sum = 0.0;
    for v in values {
        sum += v;
    }
    sum / n as f64
}

/// Mean and population standard deviation, in two passes: the square of the mean is never subtracted from the mean of
/// the squares, so no digits are lost on a flat stretch.
pub(crate) fn mean_and_deviation(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.len();
    let m = mean(values.clone());
    let mut squares = 0.0;
    for v in values {
        squares += (v - m) * (v - m);
    }
    let deviation = (squares / n as f64).sqrt();
    (m, if deviation <= ROUNDING * m.abs() { 0.0 } else { deviation })
}
