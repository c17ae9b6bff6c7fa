//! The closes of the predictor's bars follow the processes: measured on long runs of each generator.

use market::{Span, Symbol, Timestamp};
use producer::{
    Model, SymbolSpec,
    model::{Grid, Source},
    truth::ceiling,
};

const BARS: usize = 24_000;

/// Returns and volumes of consecutive bars of one symbol.
fn bars(model: Model, phi: f64, grid: Grid, switch_after: Option<i64>) -> (Vec<f64>, Vec<f64>) {
    let spec = SymbolSpec { phi, ..SymbolSpec::new(Symbol::parse("AAA").unwrap(), model) };
    let from = grid.first_at(Timestamp::from_micros(grid.bar.micros() * 1_000_000));
    let first_bar = grid.bar_of(from);
    let at = switch_after.map(|n| Timestamp::from_micros((first_bar + n) * grid.bar.micros()));
    let mut source = Source::new(grid, &[spec], |_| at, |_| None, 7, from);
    let (mut closes, mut volumes) = (vec![0.0; BARS], vec![0.0; BARS]);
    let mut g = from;
    loop {
        let bar = (grid.bar_of(g) - first_bar) as usize;
        if bar >= BARS {
            break;
        }
        let tick = source.tick(g);
        let p = tick.prices;
        assert!(p.low > 0.0 && p.low <= p.open.min(p.close) && p.open.max(p.close) <= p.high, "{p:?}");
        assert!(tick.ts.micros() >= 0 && p.volume >= 1.0);
        closes[bar] = p.close;
        volumes[bar] += p.volume;
        g += 1;
    }
    (closes.windows(2).map(|w| (w[1] / w[0]).ln()).collect(), volumes)
}

fn grid(rate: u32) -> Grid {
    Grid { bar: Span::from_secs(5), tick_span: None, ticks_per_second: rate, symbols: 1 }
}

/// Share of the variance of the next `h` returns that a linear function of `x` explains.
fn explained(x: &[f64], returns: &[f64], h: usize) -> f64 {
    let n = returns.len() - h;
    let y: Vec<f64> = (0..n).map(|i| returns[i + 1..=i + h].iter().sum()).collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x[..n]), mean(&y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for i in 0..n {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx).powi(2);
        yy += (y[i] - my).powi(2);
    }
    if xx == 0.0 { 0.0 } else { xy * xy / (xx * yy) }
}

#[test]
fn returns_of_the_predictors_bars_reach_their_ceilings() {
    for phi in [0.5, 0.2, -0.4] {
        let (r, _) = bars(Model::Ar1, phi, grid(1), None);
        for h in [1, 5] {
            let (measured, truth) = (explained(&r, &r, h), ceiling(Model::Ar1, phi, h as u32));
            assert!((measured - truth).abs() < 0.02, "phi {phi} h {h}: {measured} is not {truth}");
        }
    }
    let (r, _) = bars(Model::Gbm, 0.5, grid(1), None);
    assert!(explained(&r, &r, 1) < 1e-3 && explained(&r, &r, 5) < 1e-3);
}

#[test]
fn it_is_the_bar_that_remembers_whatever_the_tick_rate() {
    for rate in [1, 3, 7] {
        let (r, _) = bars(Model::Ar1, 0.5, grid(rate), None);
        assert!((explained(&r, &r, 1) - 0.25).abs() < 0.025, "{rate} ticks a second");
    }
    // Records that cover a second each belong to the bar with their last instant.
    let spans = Grid { tick_span: Some(Span::from_secs(1)), ..grid(1) };
    let (r, _) = bars(Model::Ar1, 0.5, spans, None);
    assert!((explained(&r, &r, 1) - 0.25).abs() < 0.025);
}

#[test]
fn a_signal_is_seen_in_the_volume_and_only_there() {
    let phi = 0.3;
    let (r, v) = bars(Model::Signal, phi, grid(1), None);
    // Bar i of `v` ends where return i begins its life as "the next": returns are between bars.
    let usual: Vec<f64> =
        v[1..].iter().map(|v| if (1_000.0..4_000.0).contains(v) { 1.0 } else { -1.0 }).collect();
    for h in [1, 5] {
        let (measured, truth) = (explained(&usual, &r, h), ceiling(Model::Signal, phi, h as u32));
        assert!((measured - truth).abs() < 0.012, "h {h}: {measured} is not {truth}");
    }
    let ln: Vec<f64> = v[1..].iter().map(|v| v.ln()).collect();
    assert!(explained(&ln, &r, 1) < 1e-3, "no linear model of the volume sees it");
    assert!(explained(&r, &r, 1) < 1e-3, "no linear model of returns sees it");
}

#[test]
fn a_regime_turns_round_at_its_instant() {
    let half = BARS / 2;
    let (r, _) = bars(Model::Regime, 0.5, grid(1), Some(half as i64));
    let slope = |r: &[f64]| {
        let xy: f64 = r.windows(2).map(|w| w[0] * w[1]).sum();
        xy / r.iter().map(|x| x * x).sum::<f64>()
    };
    assert!((slope(&r[..half - 2]) - 0.5).abs() < 0.03, "{}", slope(&r[..half - 2]));
    assert!((slope(&r[half..]) + 0.5).abs() < 0.03, "{}", slope(&r[half..]));
}

#[test]
fn independent_closes_are_known_to_the_mean() {
    let (r, _) = bars(Model::Iid, 0.0, grid(1), None);
    let slope: f64 = r.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / r.iter().map(|x| x * x).sum::<f64>();
    assert!((slope + 0.5).abs() < 0.03, "{slope}");
}

#[test]
fn all_models_have_the_volatility_asked_for() {
    for model in [Model::Gbm, Model::Ar1, Model::Signal, Model::Regime] {
        let (r, _) = bars(model, 0.3, grid(1), None);
        let sd = (r.iter().map(|x| x * x).sum::<f64>() / r.len() as f64).sqrt();
        let asked = producer::model::VOLATILITY * (5.0_f64 / (365.0 * 86_400.0)).sqrt();
        assert!((sd / asked - 1.0).abs() < 0.03, "{model:?}: {sd} is not {asked}");
    }
}
