//! VWAP over n bars and over the session. Each bar counts with its own VWAP over ticks (the typical price where it has
//! none), so that the result is that of all ticks. Absent where no volume was traded.

use market::Timestamp;

use crate::{
    CorruptState, codec,
    history::{History, Sample},
};

pub(crate) fn rolling(history: &History, n: usize) -> Option<f64> {
    let (mut value, mut volume) = (0.0, 0.0);
    for s in history.last(n)? {
        value += s.weighed * s.volume;
        volume += s.volume;
    }
    (volume > 0.0).then(|| value / volume)
}

/// Sums since the session's start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionVwap {
    start: Timestamp,
    value: f64,
    volume: f64,
}

impl SessionVwap {
    pub(crate) fn new() -> Self {
        Self { start: Timestamp::MIN, value: 0.0, volume: 0.0 }
    }

    pub(crate) fn push(&mut self, sample: &Sample, session_start: Timestamp) {
        if session_start != self.start {
            *self = Self { start: session_start, ..Self::new() };
        }
        self.value += sample.weighed * sample.volume;
        self.volume += sample.volume;
    }

    pub(crate) fn value(&self) -> Option<f64> {
        (self.volume > 0.0).then(|| self.value / self.volume)
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.value.is_finite() && self.volume.is_finite()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::put_u64(out, self.start.micros() as u64);
        codec::put_f64(out, self.value);
        codec::put_f64(out, self.volume);
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        self.start = Timestamp::from_micros(codec::u64(bytes)? as i64);
        self.value = codec::f64(bytes)?;
        self.volume = codec::f64(bytes)?;
        Ok(())
    }
}
