//! EMA and RMA: recursive means whose seed is the simple mean of their first n values.

use crate::{CorruptState, codec};

/// How a new value enters.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Weight {
    /// 2 / (n + 1).
    Exponential,
    /// 1 / n, Wilder's.
    Wilder,
}

/// A recursive mean of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecursiveMean {
    n: u32,
    weight: Weight,
    /// Values seen, up to n.
    seen: u32,
    /// The sum while seeding, the mean afterwards.
    acc: f64,
}

impl RecursiveMean {
    pub(crate) fn ema(n: usize) -> Self {
        Self { n: n as u32, weight: Weight::Exponential, seen: 0, acc: 0.0 }
    }

    pub(crate) fn rma(n: usize) -> Self {
        Self { weight: Weight::Wilder, ..Self::ema(n) }
    }

    pub(crate) fn push(&mut self, x: f64) {
        let n = f64::from(self.n);
        if self.seen < self.n {
            self.seen += 1;
            self.acc += x;
            if self.seen == self.n {
                self.acc /= n;
            }
            return;
        }
        self.acc = match self.weight {
            Weight::Exponential => (x - self.acc) * (2.0 / (n + 1.0)) + self.acc,
            Weight::Wilder => (self.acc * (n - 1.0) + x) / n,
        };
    }

    pub(crate) fn value(&self) -> Option<f64> {
        (self.seen == self.n).then_some(self.acc)
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.acc.is_finite()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::put_u32(out, self.seen);
        codec::put_f64(out, self.acc);
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        self.seen = codec::u32(bytes)?;
        self.acc = codec::f64(bytes)?;
        if self.seen > self.n { Err(CorruptState("a mean has seen more than its period")) } else { Ok(()) }
    }
}
