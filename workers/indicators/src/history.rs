//! The last bars of one symbol, oldest first: what every finite window is computed from.

use std::collections::VecDeque;

use crate::{Bar, CorruptState, codec};

/// What is kept of a bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
    /// Price that stands for the bar's volume: its own VWAP over ticks, the typical price where it has none.
    pub weighed: f64,
    /// Bars are missing right before this one.
    pub gap: bool,
}

impl Sample {
    pub(crate) fn new(bar: &Bar, gap: bool) -> Self {
        let p = &bar.prices;
        let typical = (p.high + p.low + p.close) / 3.0;
        Self {
            open: p.open,
            high: p.high,
            low: p.low,
            close: p.close,
            volume: p.volume,
            weighed: bar.vwap.filter(|v| v.is_finite()).unwrap_or(typical),
            gap,
        }
    }

    pub(crate) fn typical(&self) -> f64 {
        (self.high + self.low + self.close) / 3.0
    }

    fn is_finite(&self) -> bool {
        [self.open, self.high, self.low, self.close, self.volume, self.weighed].iter().all(|v| v.is_finite())
    }
}

/// A ring of the last `capacity` bars.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    ring: VecDeque<Sample>,
    capacity: usize,
}

impl History {
    /// A ring for windows of up to `bars` bars; a bar and its predecessor are always there.
    pub(crate) fn new(bars: usize) -> Self {
        let capacity = bars.max(2);
        Self { ring: VecDeque::with_capacity(capacity), capacity }
    }

    /// Appends a bar, forgets the oldest past the capacity. A bar with a number that is not finite is refused.
    pub(crate) fn push(&mut self, sample: Sample) -> bool {
        if !sample.is_finite() {
            return false;
        }
        if self.ring.len() == self.capacity {
            self.ring.pop_front();
        }
        self.ring.push_back(sample);
        true
    }

    /// The newest `n` bars, oldest first; `None` while there are fewer.
    pub(crate) fn last(&self, n: usize) -> Option<impl ExactSizeIterator<Item = &Sample> + Clone> {
        let from = self.ring.len().checked_sub(n)?;
        Some(self.ring.range(from..))
    }

    /// The bar `n` before the newest; 0 is the newest.
    pub(crate) fn back(&self, n: usize) -> Option<&Sample> {
        let last = self.ring.len().checked_sub(1)?;
        self.ring.get(last.checked_sub(n)?)
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * size_of::<Sample>()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::put_u32(out, self.ring.len() as u32);
        for s in &self.ring {
            for v in [s.open, s.high, s.low, s.close, s.volume, s.weighed] {
                codec::put_f64(out, v);
            }
            codec::put_u8(out, u8::from(s.gap));
        }
    }

    pub(crate) fn decode(bars: usize, bytes: &mut &[u8]) -> Result<Self, CorruptState> {
        let mut history = Self::new(bars);
        let len = codec::u32(bytes)? as usize;
        if len > history.capacity {
            return Err(CorruptState("it holds more bars than the configuration needs"));
        }
        for _ in 0..len {
            let mut v = [0.0; 6];
            for slot in &mut v {
                *slot = codec::f64(bytes)?;
            }
            let [open, high, low, close, volume, weighed] = v;
            let gap = match codec::u8(bytes)? {
                0 => false,
                1 => true,
                _ => return Err(CorruptState("a flag is neither 0 nor 1")),
            };
            history.ring.push_back(Sample { open, high, low, close, volume, weighed, gap });
        }
        Ok(history)
    }
}
