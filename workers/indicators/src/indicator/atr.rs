//! True range, and ATR after Wilder: its first value is the mean of the first n true ranges, of which the first bar has
//! none.

use super::ema::RecursiveMean;
use crate::{
    CorruptState,
    history::{History, Sample},
};

pub(crate) fn true_range(now: &Sample, before: &Sample) -> f64 {
    (now.high - now.low).max((now.high - before.close).abs()).max((now.low - before.close).abs())
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Atr(RecursiveMean);

impl Atr {
    pub(crate) fn new(n: usize) -> Self {
        Self(RecursiveMean::rma(n))
    }

    pub(crate) fn push(&mut self, history: &History) {
        if let (Some(now), Some(before)) = (history.back(0), history.back(1)) {
            self.0.push(true_range(now, before));
        }
    }

    pub(crate) fn value(&self) -> Option<f64> {
        self.0.value()
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.0.is_finite()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        self.0.restore(bytes)
    }
}
