//! Bars of an autoregression in returns, with the features that ingest would have stored.

use std::sync::Arc;

use indicators::{Bar, BarEngine, BarEngineSpec, Calendar, IndicatorSet};
use market::{FeatureRow, Ohlcv, Symbol, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::BAR;

pub(crate) fn spec() -> Arc<BarEngineSpec> {
    let set = IndicatorSet::parse(&["sma_5"]).unwrap();
    Arc::new(BarEngineSpec::new(set, BAR, Calendar::Always))
}

/// Schema hash and number of features.
pub(crate) fn schema() -> (u64, usize) {
    let spec = spec();
    (spec.schema().hash(), spec.schema().entries().len())
}

pub(crate) fn bars(symbol: &str, phi: f64, seed: u64, count: usize) -> Vec<FeatureRow> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let spec = spec();
    let mut engine = BarEngine::new(spec.clone());
    let mut start = Timestamp::parse("2025-01-02T00:00:00Z").unwrap();
    let (mut close, mut r) = (100.0, 0.0);
    (0..count as u64)
        .map(|i| {
            r = phi * r + 0.002 * (rng.random::<f64>() - 0.5);
            let open = close;
            close *= libm::exp(r);
            let prices = Ohlcv { open, high: open.max(close), low: open.min(close), close, volume: 10.0 };
            let bar = Bar { start, end: start + BAR, prices, n: 1, vwap: Some(close) };
            let computed = engine.push(&bar);
            start = bar.end;
            FeatureRow {
                symbol: Symbol::parse(symbol).unwrap(),
                name: "1m".into(),
                window_start: bar.start,
                window_end: bar.end,
                sma: close,
                n: 1,
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
