//! Bars whose best possible skill is known, with the features that a live stream would have stored.

use std::{collections::BTreeMap, sync::Arc};

use indicators::{Bar, BarEngine, BarEngineSpec, Calendar};
use market::{FeatureRow, Ohlcv, Symbol, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trainer::Source;

use crate::{BAR, indicators};

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    libm::sqrt(-2.0 * libm::log(u)) * libm::cos(std::f64::consts::TAU * v)
}

/// Bars whose log returns follow r = phi r' + noise; phi 0 is a random walk.
pub(crate) fn bars(symbol: &str, phi: f64, seed: u64, count: usize) -> Vec<FeatureRow> {
    bars_of(symbol, seed, count, |r, noise| phi * r + 0.001 * noise)
}

/// Bars whose returns swing with the one before: a forest sees it, no linear model does.
pub(crate) fn waves(symbol: &str, seed: u64, count: usize) -> Vec<FeatureRow> {
    bars_of(symbol, seed, count, |r, noise| 0.001 * (libm::cos(4_000.0 * r) + 0.5 * noise))
}

fn bars_of(symbol: &str, seed: u64, count: usize, next: impl Fn(f64, f64) -> f64) -> Vec<FeatureRow> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spec = Arc::new(BarEngineSpec::new(indicators(), BAR, Calendar::Always));
    let mut engine = BarEngine::new(spec.clone());
    let mut start = Timestamp::parse("2025-01-02T00:00:00Z").unwrap();
    let (mut close, mut r) = (100.0, 0.0);
    (0..count as u64)
        .map(|i| {
            r = next(r, normal(&mut rng));
            let open = close;
            close *= libm::exp(r);
            let (high, low) = (f64::max(open, close) * 1.0002, f64::min(open, close) * 0.9998);
            let volume = 1_000.0 + 100.0 * rng.random::<f64>();
            let prices = Ohlcv { open, high, low, close, volume };
            let bar = Bar { start, end: start + BAR, prices, n: 4, vwap: Some((open + close) / 2.0) };
            let computed = engine.push(&bar);
            start = bar.end;
            FeatureRow {
                symbol: Symbol::parse(symbol).unwrap(),
                name: "1m".into(),
                window_start: bar.start,
                window_end: bar.end,
                sma: close,
                n: bar.n,
                prices,
                vwap: bar.vwap,
                is_final: true,
                revision: 1,
                partial: false,
                generation: 1,
                part: 0,
                last_offset: i,
                index: 0,
                write_ts: bar.end.micros(),
                indicators: computed.indicators,
                features: computed.features,
                schema_hash: spec.schema().hash(),
            }
        })
        .collect()
}

pub(crate) fn source(symbols: Vec<Vec<FeatureRow>>) -> Source {
    let bars: Vec<FeatureRow> = symbols.into_iter().flatten().collect();
    let now = bars.iter().map(|bar| bar.window_end).max();
    Source { watermarks: now.map(|now| BTreeMap::from([(0, now)])).unwrap_or_default(), now, bars }
}
