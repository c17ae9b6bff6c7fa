//! What producers send: honest ticks, and everything that is none.

use market::{NewRecord, Timestamp};

use crate::dice::Dice;

/// Symbols of a partition, none of which stands in another: that is what the key promises.
pub fn symbols(partition: u32) -> Vec<String> {
    const NAMES: [&str; 4] = ["AAPL", "MSFT", "日経", "BRK.B"];
    NAMES.iter().map(|name| format!("{name}{partition}")).collect()
}

/// The producers of one partition.
pub struct Ticks {
    symbols: Vec<String>,
    dice: Dice,
    last: Vec<u8>,
    ids: u64,
}

impl Ticks {
    /// Producers that draw from `dice`.
    pub fn new(partition: u32, dice: Dice) -> Self {
        Self { symbols: symbols(partition), dice, last: Vec::new(), ids: 0 }
    }

    /// The next record, at `now` by the wall clock: in twenty records one that is no JSON, one with nothing in it, two
    /// copies, one from the future and one that is late; the others are fine.
    pub fn next(&mut self, now_ms: i64) -> NewRecord {
        let symbol = self.dice.pick(&self.symbols).unwrap_or_default();
        let ts = now_ms.saturating_sub(self.dice.below(3_000) as i64);
        let value = match self.dice.below(20) {
            0 => b"{\"symbol\": 1".to_vec(),
            1 => format!(r#"{{"symbol":"{symbol}"}}"#).into_bytes(),
            2 | 3 if !self.last.is_empty() => self.last.clone(),
            4 => self.tick(&symbol, ts.saturating_add(3_600_000)),
            5 => self.tick(&symbol, ts.saturating_sub(30_000)),
            _ => self.tick(&symbol, ts),
        };
        self.last.clone_from(&value);
        NewRecord { key: Some(symbol.into_bytes()), value }
    }

    fn tick(&mut self, symbol: &str, ms: i64) -> Vec<u8> {
        let ts = Timestamp::from_millis(ms);
        let close = 100.0 + self.dice.below(1_000) as f64 / 7.0;
        let (high, volume) = (close + 1.0, self.dice.below(50));
        self.ids += 1;
        let id = if self.dice.chance(500) { format!(r#","id":{}"#, self.ids) } else { String::new() };
        format!(
            r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{high},"low":{close},"close":{close},"volume":{volume}{id}}}"#
        )
        .into_bytes()
    }
}
