//! ADX after Wilder, in TA-Lib's order of operations: n - 1 bars are summed, n more give the first mean of DX.

use super::atr::true_range;
use crate::{CorruptState, codec, history::History};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Adx {
    n: u32,
    /// Bars with a predecessor seen, up to 2n - 1.
    seen: u32,
    plus: f64,
    minus: f64,
    range: f64,
    /// Sum of DX while seeding, the ADX afterwards.
    acc: f64,
}

impl Adx {
    pub(crate) fn new(n: usize) -> Self {
        Self { n: n as u32, seen: 0, plus: 0.0, minus: 0.0, range: 0.0, acc: 0.0 }
    }

    pub(crate) fn push(&mut self, history: &History) {
        let (Some(now), Some(before)) = (history.back(0), history.back(1)) else { return };
        let n = f64::from(self.n);
        let (up, down) = (now.high - before.high, before.low - now.low);
        let warm = self.value().is_some();
        if self.seen >= self.n - 1 {
            self.plus -= self.plus / n;
            self.minus -= self.minus / n;
            self.range -= self.range / n;
        }
        if down > 0.0 && up < down {
            self.minus += down;
        } else if up > 0.0 && up > down {
            self.plus += up;
        }
        self.range += true_range(now, before);
        if !warm {
            self.seen += 1;
        }
        if self.seen < self.n {
            return;
        }
        match (self.dx(), warm) {
            (Some(dx), true) => self.acc = (self.acc * (n - 1.0) + dx) / n,
            // Nothing moved: the mean stands.
            (None, true) => {}
            (dx, false) => self.acc += dx.unwrap_or(0.0),
        }
        if !warm && self.value().is_some() {
            self.acc /= n;
        }
    }

    fn dx(&self) -> Option<f64> {
        if self.range <= 0.0 {
            return None;
        }
        let (plus, minus) = (100.0 * (self.plus / self.range), 100.0 * (self.minus / self.range));
        let sum = plus + minus;
        (sum > 0.0).then(|| 100.0 * ((minus - plus).abs() / sum))
    }

    pub(crate) fn value(&self) -> Option<f64> {
        (self.seen == 2 * self.n - 1).then_some(self.acc)
    }

    pub(crate) fn is_finite(&self) -> bool {
        [self.plus, self.minus, self.range, self.acc].iter().all(|v| v.is_finite())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::put_u32(out, self.seen);
        for v in [self.plus, self.minus, self.range, self.acc] {
            codec::put_f64(out, v);
        }
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        self.seen = codec::u32(bytes)?;
        if self.seen > 2 * self.n - 1 {
            return Err(CorruptState("an ADX has seen more than its period"));
        }
        for v in [&mut self.plus, &mut self.minus, &mut self.range, &mut self.acc] {
            *v = codec::f64(bytes)?;
        }
        Ok(())
    }
}
