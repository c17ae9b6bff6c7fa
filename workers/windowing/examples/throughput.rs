//! Ticks per second of one core: decoding alone, and decoding with dedup, windows, bars and indicators.
//!
//! `cargo run --release -p stockpipe-windowing --example throughput -- [symbols] [millions]`. The log is synthetic:
//! 10,000 ticks per second of event time, in memory, records of about 120 bytes.

// The crate is pure; what measures it is not.
#![allow(clippy::disallowed_methods)]

use std::{hint::black_box, sync::Arc, time::Instant};

use market::{
    DecodeRules, FeatureRow, Ohlcv, Record, RecordBatch, Span, Tick, Timestamp, decode, decode_reference,
    encode_tick,
};
use windowing::{DeadLetter, Dedup, DedupBy, Partition, RawRow, Semantics, Sink};

#[derive(Default)]
struct Count {
    raw: u64,
    dead: u64,
    rows: u64,
}

impl Sink for Count {
    fn raw(&mut self, row: RawRow<'_>) {
        black_box(row);
        self.raw += 1;
    }
    fn dead(&mut self, _: DeadLetter<'_>) {
        self.dead += 1;
    }
    fn row(&mut self, row: FeatureRow) {
        black_box(&row);
        self.rows += 1;
    }
}

fn log(symbols: u64, ticks: u64) -> RecordBatch {
    let mut batch = RecordBatch::new(0, 0);
    let mut state = 42_u64;
    for i in 0..ticks {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let symbol = format!("S{:04}", (state >> 33) % symbols);
        let cents = 10_000 + (state >> 40) % 5_000;
        let at = 1_735_812_000_000_000 + i as i64 * 100;
        let price = |c: u64| c as f64 / 100.0;
        let prices = Ohlcv {
            open: price(cents),
            high: price(cents + 25),
            low: price(cents - 25),
            close: price(cents + 10),
            volume: (100 + state % 900) as f64,
        };
        let ts = Timestamp::from_micros(at);
        let value = encode_tick(&Tick { symbol: symbol.as_str().into(), ts, prices, id: None });
        batch.push(Record { offset: i, record_ms: at / 1_000, key: Some(symbol.as_bytes()), value: &value });
    }
    batch
}

/// Seconds this thread has spent on a core, where the system tells (Linux); other processes do not count then.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

fn rate(name: &str, ticks: usize, work: impl FnOnce()) {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    work();
    let wall = wall.elapsed().as_secs_f64();
    let cpu = cpu.zip(cpu_seconds()).map_or(wall, |(before, after)| after - before);
    let n = ticks as f64;
    println!(
        "{name:<28} {:6.2} M ticks/CPU-s  {:6.1} ns a tick  ({wall:.2} s)",
        n / cpu / 1e6,
        cpu * 1e9 / n
    );
}

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let (symbols, millions) = (args.next().unwrap_or(500), args.next().unwrap_or(2));
    let batch = log(symbols, millions * 1_000_000);
    println!(
        "{symbols} symbols, {} ticks, {:.0} bytes each",
        batch.len(),
        batch.bytes() as f64 / batch.len() as f64
    );
    rate("decode", batch.len(), || {
        for record in batch.iter() {
            let _ = black_box(decode(record.value, DecodeRules::default()));
        }
    });
    rate("decode by serde_json", batch.len(), || {
        for record in batch.iter() {
            let _ = black_box(decode_reference(record.value, DecodeRules::default()));
        }
    });
    let base = Semantics { tick_span: None, partitions: 16, ..Semantics::default() };
    let windows = Semantics { bars: Vec::new(), ..base.clone() };
    let copies = Semantics { dedup: Dedup { by: DedupBy::None, ..Dedup::default() }, ..windows.clone() };
    let one = Semantics { bars: vec![Span::from_secs(60)], ..base.clone() };
    let runs = [
        ("+ windows, no dedup", copies),
        ("+ windows", windows),
        ("+ windows, 1m bars", one),
        ("+ windows, 5s and 1m bars", base),
    ];
    for (name, semantics) in runs {
        let mut sink = Count::default();
        let Ok(mut partition) = Partition::new(Arc::new(semantics), 0, 0) else { continue };
        rate(name, batch.len(), || {
            for record in batch.iter() {
                partition.apply(record, &mut sink);
            }
        });
        println!(
            "    stored {}, dead {}, rows {}, state {:.1} MB",
            sink.raw,
            sink.dead,
            sink.rows,
            partition.state_bytes() as f64 / 1e6
        );
    }
}
