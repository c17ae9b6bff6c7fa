//! RSI after Wilder: gains against losses, each a recursive mean. A flat price has neither and stands at 50
//! (TA-Lib says 0 there, which reads as "falling").

use super::ema::RecursiveMean;
use crate::{CorruptState, history::History};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rsi {
    gain: RecursiveMean,
    loss: RecursiveMean,
}

impl Rsi {
    pub(crate) fn new(n: usize) -> Self {
        Self { gain: RecursiveMean::rma(n), loss: RecursiveMean::rma(n) }
    }

    pub(crate) fn push(&mut self, history: &History) {
        let (Some(now), Some(before)) = (history.back(0), history.back(1)) else { return };
        let change = now.close - before.close;
        self.gain.push(if change > 0.0 { change } else { 0.0 });
        self.loss.push(if change < 0.0 { -change } else { 0.0 });
    }

    pub(crate) fn value(&self) -> Option<f64> {
        let (gain, loss) = (self.gain.value()?, self.loss.value()?);
        let total = gain + loss;
        Some(if total > 0.0 { 100.0 * (gain / total) } else { 50.0 })
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.gain.is_finite() && self.loss.is_finite()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.gain.encode(out);
        self.loss.encode(out);
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        self.gain.restore(bytes)?;
        self.loss.restore(bytes)
    }
}
