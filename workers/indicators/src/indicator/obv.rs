//! OBV: volume added on rising closes, taken away on falling ones, since the first bar, whose volume it starts with. A
//! sum without end: people look at it, models only see its change ([`flow`]).

use crate::{
    CorruptState, codec,
    history::{History, Sample},
};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Obv(f64);

impl Obv {
    pub(crate) fn new() -> Self {
        Self(0.0)
    }

    pub(crate) fn push(&mut self, history: &History) {
        if let Some(now) = history.back(0) {
            self.0 += history.back(1).map_or(now.volume, |before| signed(now, before));
        }
    }

    pub(crate) fn value(&self) -> f64 {
        self.0
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.0.is_finite()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        codec::put_f64(out, self.0);
    }

    pub(crate) fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), CorruptState> {
        self.0 = codec::f64(bytes)?;
        Ok(())
    }
}

/// Change of OBV over n bars, over their volume: from -1 to 1. Absent where no volume was traded.
pub(crate) fn flow(history: &History, n: usize) -> Option<f64> {
    let bars: Vec<&Sample> = history.last(n + 1)?.collect();
    let (mut change, mut volume) = (0.0, 0.0);
    for pair in bars.windows(2) {
        change += signed(pair[1], pair[0]);
        volume += pair[1].volume;
    }
    (volume > 0.0).then(|| change / volume)
}

fn signed(now: &Sample, before: &Sample) -> f64 {
    if now.close > before.close {
        now.volume
    } else if now.close < before.close {
        -now.volume
    } else {
        0.0
    }
}
