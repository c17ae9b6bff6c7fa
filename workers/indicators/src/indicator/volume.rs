//! How unusual the volume is, and which side it was on.

use super::sma;
use crate::history::{History, Sample};

/// Deviations of ln-volume below this are rounding.
const ROUNDING: f64 = 1e-9;

/// (volume - mean) / deviation over n bars; absent where the volume did not change.
pub(crate) fn z_score(history: &History, n: usize) -> Option<f64> {
    let (mean, deviation) = sma::mean_and_deviation(history.last(n)?.map(|s| s.volume));
    (deviation > 0.0).then(|| history.back(0).map(|s| (s.volume - mean) / deviation))?
}

/// The same of ln(volume), over those of the n bars that traded; absent where the newest did not, where fewer than two
/// did, or where the volume did not change.
pub(crate) fn ln_z_score(history: &History, n: usize) -> Option<f64> {
    let now = history.back(0).filter(|s| s.volume > 0.0)?;
    let logs: Vec<f64> = history.last(n)?.filter(|s| s.volume > 0.0).map(|s| libm::log(s.volume)).collect();
    if logs.len() < 2 {
        return None;
    }
    let mean = sma::mean(logs.iter().copied());
    let deviation = sma::mean(logs.iter().map(|l| (l - mean) * (l - mean))).sqrt();
    (deviation > ROUNDING).then(|| (libm::log(now.volume) - mean) / deviation)
}

/// Tick-rule imbalance (bought - sold) / (bought + sold) over n bars: a bar is bought when its close rose, sold when it
/// fell, and as the one before it where it stood still. The carrying does not reach past the window, so that the value
/// does not depend on where the engine started. Absent where no volume has a side.
pub(crate) fn imbalance(history: &History, n: usize) -> Option<f64> {
    let bars: Vec<&Sample> = history.last(n + 1)?.collect();
    let (mut bought, mut sold, mut side) = (0.0, 0.0, 0);
    for pair in bars.windows(2) {
        if pair[1].close > pair[0].close {
            side = 1;
        } else if pair[1].close < pair[0].close {
            side = -1;
        }
        match side {
            1 => bought += pair[1].volume,
            -1 => sold += pair[1].volume,
            _ => {}
        }
    }
    let total = bought + sold;
    (total > 0.0).then(|| (bought - sold) / total)
}
