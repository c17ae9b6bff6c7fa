//! MACD as TA-Lib computes it: both means are seeded on the bars that end at bar `slow`, and all three columns begin
//! together, with the first signal.

use super::ema::RecursiveMean;
use crate::{CorruptState, codec};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Macd {
    /// Bars the fast mean still has to wait, so that its seed ends where the slow one's does.
    wait: u32,
    fast: RecursiveMean,
    slow: RecursiveMean,
    signal: RecursiveMean,
}

impl Macd {
    pub(crate) fn new(fast: usize, slow: usize, signal: usize) -> Self {
        Self {
            wait: (slow - fast) as u32,
            fast: RecursiveMean::ema(fast),
            slow: RecursiveMean::ema(slow),
            signal: RecursiveMean::ema(signal),
        }
    }

    pub(crate) fn push(&mut self, close: f64) {
        self.slow.push(close);
        if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.fast.push(close);
        if let Some(macd) = self.macd() {
            self.signal.push(macd);
        }
    }

    fn macd(&self) -> Option<f64> {
        Some(self.fast.value()? - self.slow.value()?)
    }

    /// MACD, signal, histogram.
    pub(crate) fn values(&self) -> Option<[f64; 3]> {
        let (macd, signal) = (self.macd()?, self.signal.value()?);
        Some([macd, signal, macd - signal])
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.fast.is_finite() && self.slow.is_finite() && self.signal.is_finite()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::put_u32(out, self.wait);
        for mean in [&self.fast, &self.slow, &self.signal] {
            mean.encode(out);
        }
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        let wait = codec::u32(bytes)?;
        if wait > self.wait {
            return Err(CorruptState("a MACD waits longer than its periods allow"));
        }
        self.wait = wait;
        for mean in [&mut self.fast, &mut self.slow, &mut self.signal] {
            mean.restore(bytes)?;
        }
        Ok(())
    }
}
