//! Ticks for the measurements: a seeded walk per symbol, JSON as a producer writes it, at most 10,000 ticks an event
//! second.

use std::time::Duration;

use market::{NewRecord, Ohlcv, Record, RecordBatch, Tick, Timestamp};

/// Ticks of one event second: the density that the figures are defined at.
pub const DENSITY: u64 = 10_000;
/// 2026-01-05T00:00:00Z.
const START_MICROS: i64 = 1_767_571_200_000_000;

/// Makes ticks in order of time.
pub struct Ticks {
    symbols: Vec<String>,
    prices: Vec<f64>,
    state: u64,
    made: u64,
    /// Event time between two ticks, in nanoseconds.
    apart: u64,
}

impl Ticks {
    /// A source of `symbols` symbols and `per_second` ticks an event second.
    pub fn new(symbols: usize, per_second: u64) -> Self {
        Self::apart(symbols, Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(u32::MAX))
    }

    /// A source of `symbols` symbols whose ticks are `apart` in event time.
    pub fn apart(symbols: usize, apart: Duration) -> Self {
        Self {
            symbols: (0..symbols).map(|i| format!("SYM{i:04}")).collect(),
            prices: vec![100.0; symbols],
            state: 42,
            made: 0,
            apart: apart.as_nanos() as u64,
        }
    }

    fn random(&mut self) -> f64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f64 / f64::from(1 << 24) - 0.5
    }

    /// Event time of the next tick.
    pub fn now(&self) -> Timestamp {
        let micros = u128::from(self.made) * u128::from(self.apart) / 1_000;
        Timestamp::from_micros(START_MICROS + micros as i64)
    }

    /// The next tick: its symbol and its bytes.
    pub fn next(&mut self) -> (&str, Vec<u8>) {
        let ts = self.now();
        let at = (self.made % self.symbols.len() as u64) as usize;
        let cents = |v: f64| (v * 100.0).round() / 100.0;
        let open = self.prices[at];
        let close = cents((open + self.random()).max(1.0));
        let (high, low) = (cents(open.max(close) + 0.01), cents(open.min(close) - 0.01));
        let volume = (self.random() + 0.6).abs() * 1_000.0;
        self.prices[at] = close;
        self.made += 1;
        let symbol = self.symbols[at].as_str();
        let prices = Ohlcv { open, high, low, close, volume: volume.round() };
        (symbol, market::encode_tick(&Tick { symbol: symbol.into(), ts, prices, id: None }))
    }

    /// The next `n` ticks as records of one partition, from `offset` on.
    pub fn batch(&mut self, offset: u64, n: u64) -> RecordBatch {
        let mut batch = RecordBatch::new(0, offset);
        for offset in offset..offset + n {
            let record_ms = self.now().micros() / 1_000;
            let (symbol, value) = self.next();
            batch.push(Record { offset, record_ms, key: Some(symbol.as_bytes()), value: &value });
        }
        batch
    }

    /// The next `n` ticks by partition.
    pub fn records(&mut self, n: u64, partitions: u32) -> Vec<Vec<NewRecord>> {
        self.dated_records(n, partitions).0
    }

    /// The next `n` ticks by partition, and the newest event time of each in microseconds.
    pub fn dated_records(&mut self, n: u64, partitions: u32) -> (Vec<Vec<NewRecord>>, Vec<Option<i64>>) {
        let mut records = vec![Vec::new(); partitions as usize];
        let mut newest = vec![None; partitions as usize];
        for _ in 0..n {
            let ts = self.now().micros();
            let (symbol, value) = self.next();
            let key = symbol.as_bytes().to_vec();
            let partition = tick_log::partition_of(&key, partitions) as usize;
            records[partition].push(NewRecord { key: Some(key), value });
            newest[partition] = Some(ts);
        }
        (records, newest)
    }

    /// All symbols, in the order of their ticks.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }
}
