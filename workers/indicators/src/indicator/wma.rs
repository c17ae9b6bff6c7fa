//! WMA: weights 1..=n, the newest the heaviest.

use crate::history::History;

pub(crate) fn value(history: &History, n: usize) -> Option<f64> {
    let mut sum = 0.0;
    for (i, s) in history.last(n)?.enumerate() {
        sum += s.close * (i + 1) as f64;
    }
    Some(sum / (n * (n + 1) / 2) as f64)
}
