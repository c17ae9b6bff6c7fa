//! The volatility that errors are divided by, so that a calm and a wild hour count alike.

use std::collections::VecDeque;

use crate::limits::{SIGMA_BARS, SIGMA_FLOOR_BARS, SIGMA_FLOOR_SHARE, SIGMA_LEAST};

/// Realised volatility of the last 20 one-bar returns, known at the bar. A flat stretch would make it 0 and the next
/// move's error infinite, so it is bounded from below by a tenth of the volatility of the last 500 bars and by a
/// hundredth of a basis point. Sums run oldest first over the ring: the value depends on nothing that left it.
#[derive(Debug, Clone, Default)]
pub struct Volatility {
    last: Option<f64>,
    squares: VecDeque<f64>,
}

impl Volatility {
    /// Takes the next close; the volatility with it.
    pub fn push(&mut self, close: f64) -> f64 {
        if let Some(last) = self.last {
            let r = libm::log(close / last);
            if self.squares.len() == SIGMA_FLOOR_BARS {
                self.squares.pop_front();
            }
            self.squares.push_back(if r.is_finite() { r * r } else { 0.0 });
        }
        self.last = Some(close);
        let short = self.rms(SIGMA_BARS);
        let long = self.rms(SIGMA_FLOOR_BARS);
        short.max(SIGMA_FLOOR_SHARE * long).max(SIGMA_LEAST)
    }

    fn rms(&self, bars: usize) -> f64 {
        let taken = self.squares.len().min(bars);
        if taken == 0 {
            return 0.0;
        }
        let sum: f64 = self.squares.iter().skip(self.squares.len() - taken).sum();
        libm::sqrt(sum / taken as f64)
    }
}
