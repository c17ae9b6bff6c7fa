//! The peer of decode and windows: what one writes in an afternoon. No watermark, no dedup, no late ticks, no bars with
//! indicators: it does less.

use std::collections::HashMap;

use market::Timestamp;
use serde::{Deserialize, Serialize};

/// A tick by derive.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlainTick {
    pub symbol: String,
    pub ts: Timestamp,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
}

/// Sums and counts by (symbol, size, window start).
#[derive(Default)]
pub struct Windows {
    open: HashMap<(String, i64, i64), (f64, u64)>,
    pub closed: u64,
    newest: i64,
}

const SECOND: i64 = 1_000_000;
const WINDOWS: [(i64, i64); 2] = [(15 * SECOND, 5 * SECOND), (60 * SECOND, 15 * SECOND)];

impl Windows {
    /// Decodes a tick and adds it to its windows.
    pub fn apply(&mut self, value: &[u8]) -> Result<PlainTick, serde_json::Error> {
        let tick: PlainTick = serde_json::from_slice(value)?;
        let ts = tick.ts.micros();
        for (size, slide) in WINDOWS {
            let mut start = ts - ts.rem_euclid(slide);
            while start > ts - size {
                let window = self.open.entry((tick.symbol.clone(), size, start)).or_default();
                window.0 += tick.close;
                window.1 += 1;
                start -= slide;
            }
        }
        if ts / SECOND > self.newest {
            self.newest = ts / SECOND;
            let before = self.open.len();
            self.open.retain(|(_, size, start), _| start + size > ts - 5 * SECOND);
            self.closed += (before - self.open.len()) as u64;
        }
        Ok(tick)
    }
}
