//! Random semantics and random logs that visit every rule: disorder, lateness, copies, ids, jumps, noise, newcomers.

use market::{Ohlcv, Tick, Timestamp, encode_tick};
use proptest::{collection::vec, prelude::*, sample::select};
use windowing::{Dedup, DedupBy, Semantics};

use crate::{
    collect::{SECOND, TEN, secs, window},
    model::Entry,
};

/// Cases a property; `STOCKPIPE_LONG=1` for the long run.
pub fn cases() -> ProptestConfig {
    let long = std::env::var_os("STOCKPIPE_LONG").is_some();
    ProptestConfig {
        cases: if long { 5_000 } else { 150 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub fn semantics() -> impl Strategy<Value = Semantics> {
    let windows = select(vec![
        vec![window("sma_5", 15, 5), window("sma_20", 60, 15)],
        vec![window("a", 10, 5), window("b", 20, 5), window("c", 5, 5)],
        vec![window("only", 7, 1)],
        vec![],
    ]);
    let bars = select(vec![vec![], vec![secs(5), secs(60)], vec![secs(60), secs(3_600)]]);
    let by = select(vec![DedupBy::Auto, DedupBy::Payload, DedupBy::Id, DedupBy::None]);
    let dedup = (by, 1_u64..40, prop::option::of(1_u32..30)).prop_map(|(by, max_entries, horizon)| Dedup {
        by,
        max_entries,
        horizon: horizon.map(secs),
    });
    (select(vec![None, Some(1), Some(5)]), 1_u32..8, windows, bars, dedup, 1_u32..6, any::<bool>()).prop_map(
        |(span, watermark, windows, bars, dedup, max_symbols, allow_ohlc_disorder)| Semantics {
            tick_span: span.map(secs),
            watermark: secs(watermark),
            max_future: secs(10),
            dedup,
            allow_ohlc_disorder,
            max_symbols,
            windows,
            bars,
            indicators: vec!["sma_5".to_owned(), "rsi_2".to_owned(), "obv".to_owned()],
            ..Semantics::default()
        },
    )
}

#[derive(Debug, Clone)]
enum Move {
    /// A tick: seconds/10 from where the stream stands, symbol, close in cents, id, moves the stream or not.
    Tick { ahead: i64, symbol: usize, cents: u32, id: Option<u32>, volume: u32, disorder: bool },
    /// An earlier record again.
    Copy(prop::sample::Index),
    /// The stream stands still for so many seconds.
    Pause(i64),
    /// No tick at all.
    Noise(&'static str),
    /// A tick from a clock that is wrong.
    Future,
}

fn moves() -> impl Strategy<Value = Move> {
    let id = prop_oneof![6 => Just(None), 1 => (0_u32..5).prop_map(Some)];
    let tick = |ahead: std::ops::Range<i64>| {
        (ahead, 0_usize..6, 1_u32..400, id.clone(), 0_u32..3, prop::bool::weighted(0.05)).prop_map(
            |(ahead, symbol, cents, id, volume, disorder)| Move::Tick {
                ahead,
                symbol,
                cents,
                id,
                volume,
                disorder,
            },
        )
    };
    prop_oneof![
        30 => tick(0..12),
        10 => tick(-60..0),
        2 => tick(-2_000..-60),
        6 => any::<prop::sample::Index>().prop_map(Move::Copy),
        2 => (10_i64..400).prop_map(Move::Pause),
        1 => select(vec![4_000_i64, 90_000, 3_000_000]).prop_map(Move::Pause),
        2 => select(vec!["", "{}", "not json", "{\"symbol\":\"A\"}", "{\"symbol\":\"A\",\"ts\":1}"]).prop_map(Move::Noise),
        1 => Just(Move::Future),
    ]
}

pub fn log() -> impl Strategy<Value = Vec<Entry>> {
    (vec(moves(), 1..250), any::<bool>()).prop_map(|(moves, whole_seconds)| {
        let mut log: Vec<Entry> = Vec::new();
        let mut at = TEN;
        for m in moves {
            let unit = if whole_seconds { SECOND } else { SECOND / 10 };
            let value = match m {
                Move::Pause(seconds) => {
                    at += seconds * SECOND;
                    continue;
                }
                Move::Tick { ahead, symbol, cents, id, volume, disorder } => {
                    let ts = at + ahead * unit;
                    at = at.max(ts);
                    let close = f64::from(cents) / 100.0;
                    let high = if disorder { close / 2.0 } else { close * 1.5 };
                    let prices = Ohlcv {
                        open: close,
                        high,
                        low: close / 3.0,
                        close,
                        volume: f64::from(volume) / 10.0,
                    };
                    let symbol = ["A", "B", "AA", "b", "é", "Z"][symbol].into();
                    let id = id.map(|i| i.to_string().into());
                    encode_tick(&Tick { symbol, ts: Timestamp::from_micros(ts), prices, id })
                }
                Move::Copy(i) if !log.is_empty() => log[i.index(log.len())].value.clone(),
                Move::Copy(_) => Vec::new(),
                Move::Noise(text) => text.as_bytes().to_vec(),
                Move::Future => {
                    let ts = Timestamp::from_micros(at + 3_600 * SECOND);
                    let prices = Ohlcv { open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
                    encode_tick(&Tick { symbol: "A".into(), ts, prices, id: None })
                }
            };
            log.push(Entry { record_ms: at / 1_000 + 5, value });
        }
        log
    })
}
