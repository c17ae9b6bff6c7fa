//! ROC: change over n bars in percent.

use crate::history::History;

pub(crate) fn value(history: &History, n: usize) -> Option<f64> {
    Some((history.back(0)?.close / history.back(n)?.close - 1.0) * 100.0)
}
