//! Bars for tests.

use std::sync::Arc;

use indicators::{Bar, BarEngine, BarEngineSpec, Calendar, Computed, IndicatorSet};
use market::{Ohlcv, Span, Timestamp};
use proptest::prelude::*;

pub const MINUTE: Span = Span::from_secs(60);

/// The `i`-th bar of a series that began at `2025-01-06T00:00:00Z`, a Monday.
pub fn bar(i: usize, prices: Ohlcv, size: Span) -> Bar {
    let start = Timestamp::from_micros(1_736_121_600_000_000 + i as i64 * size.micros());
    let vwap = (prices.volume > 0.0).then(|| (prices.high + prices.low + prices.close) / 3.0);
    Bar { start, end: start + size, prices, n: 1, vwap }
}

pub fn bars(prices: &[Ohlcv]) -> Vec<Bar> {
    prices.iter().enumerate().map(|(i, p)| bar(i, *p, MINUTE)).collect()
}

pub fn spec(names: &[&str]) -> Arc<BarEngineSpec> {
    spec_of(names, Calendar::ByBar)
}

pub fn spec_of(names: &[&str], calendar: Calendar) -> Arc<BarEngineSpec> {
    Arc::new(BarEngineSpec::new(IndicatorSet::parse(names).unwrap(), MINUTE, calendar))
}

pub fn run(spec: &Arc<BarEngineSpec>, bars: &[Bar]) -> Vec<Computed> {
    let mut engine = BarEngine::new(Arc::clone(spec));
    bars.iter().map(|b| engine.push(b)).collect()
}

/// Values of one column, bar by bar.
pub fn column(names: &[&str], column: &str, bars: &[Bar]) -> Vec<Option<f64>> {
    let spec = spec(names);
    let at = spec.set().columns().iter().position(|c| c == column).unwrap();
    run(&spec, bars).iter().map(|c| c.indicators[at]).collect()
}

/// Random bars with flat stretches, empty volumes and gaps between bars. Prices have two decimals.
pub fn series(max: usize) -> impl Strategy<Value = Vec<Bar>> {
    let step = (
        prop_oneof![3 => -300_i64..300, 1 => Just(0)],
        prop_oneof![3 => 0_i64..200, 1 => Just(0)],
        prop_oneof![3 => 0_i64..200, 1 => Just(0)],
        prop_oneof![3 => 1_u32..100_000, 1 => Just(0)],
        prop_oneof![9 => Just(1_usize), 1 => 2_usize..500],
    );
    proptest::collection::vec(step, 1..max).prop_map(|steps| {
        let (mut close, mut at) = (20_000_i64, 0);
        steps
            .into_iter()
            .map(|(move_, above, below, volume, skip)| {
                let open = close;
                close = (close + move_).max(5_000);
                let cents = |c: i64| c as f64 / 100.0;
                let prices = Ohlcv {
                    open: cents(open),
                    high: cents(open.max(close) + above),
                    low: cents((open.min(close) - below).max(100)),
                    close: cents(close),
                    volume: f64::from(volume),
                };
                at += skip;
                bar(at, prices, MINUTE)
            })
            .collect()
    })
}
