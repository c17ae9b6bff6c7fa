//! Bars of markets whose best possible forecast is known.

use std::sync::Arc;

use evaluation::SeriesRow;
use indicators::{Bar, BarEngine, BarEngineSpec, Calendar, IndicatorSet};
use market::{Ohlcv, Span, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub const MINUTE: Span = Span::from_secs(60);
const START_MICROS: i64 = 1_735_812_000_000_000;

/// How closes come about.
#[derive(Debug, Clone, Copy)]
pub enum Truth {
    /// Independent normal returns: nothing to learn.
    Gbm,
    /// r(t) = phi r(t-1) + noise.
    Ar1(f64),
    /// Independent uniform closes in 140..160, as the replaced system's generator made them.
    Iid,
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let u: f64 = 1.0 - rng.random::<f64>();
    let v: f64 = rng.random();
    libm::sqrt(-2.0 * libm::log(u)) * libm::cos(std::f64::consts::TAU * v)
}

/// Valid bars, one a minute without gaps.
pub fn bars(truth: Truth, count: usize, seed: u64) -> Vec<Bar> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sd = 1e-3;
    let (mut r, mut last) = (0.0, 100.0_f64);
    let bar = |index: usize| {
        let close = match truth {
            Truth::Gbm => last * libm::exp(sd * normal(&mut rng)),
            Truth::Ar1(phi) => {
                r = phi * r + sd * normal(&mut rng);
                last * libm::exp(r)
            }
            Truth::Iid => 140.0 + 20.0 * rng.random::<f64>(),
        };
        let wick = 1.0 + 0.5 * sd * rng.random::<f64>();
        let prices = Ohlcv {
            open: last,
            high: last.max(close) * wick,
            low: last.min(close) / wick,
            close,
            volume: 100.0 + (900.0 * rng.random::<f64>()).floor(),
        };
        last = close;
        let start = Timestamp::from_micros(START_MICROS + index as i64 * MINUTE.micros());
        Bar { start, end: start.saturating_add(MINUTE), prices, n: 12, vwap: Some(close) }
    };
    (0..count).map(bar).collect()
}

/// Engine over the default indicators.
pub fn spec() -> Arc<BarEngineSpec> {
    let set = IndicatorSet::parse(&["default"]).unwrap();
    Arc::new(BarEngineSpec::new(set, MINUTE, Calendar::Always))
}

/// Bars with the vectors that ingest would have stored.
pub fn series(spec: &Arc<BarEngineSpec>, bars: &[Bar]) -> Vec<SeriesRow> {
    let mut engine = BarEngine::new(spec.clone());
    let row =
        |bar: &Bar| SeriesRow { end: bar.end, close: bar.prices.close, features: engine.push(bar).features };
    bars.iter().map(row).collect()
}
