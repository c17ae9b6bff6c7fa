//! One bar of a process: its return, its volume, and the prices of its ticks.

use market::Ohlcv;

use super::{
    Model,
    noise::{Key, Noise},
};

/// Seconds of a year round the clock.
const YEAR: f64 = 365.0 * 86_400.0;
/// Mean volume of a bar's tick.
const VOLUME: f64 = 400.0;
/// How much of a tick's usual move its high and low reach past its open and close.
const WICK: f64 = 0.5;
/// Factor between little, ordinary and much volume in [`Model::Signal`].
const VOLUME_STEP: f64 = 4.0;
/// Significant digits of a price.
const DIGITS: i32 = 7;
/// Log prices stay within these: a walk that lasts for years still gives prices.
const LN_PRICE: (f64, f64) = (-10.0, 25.0);

/// What a bar's draws are made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pub key: Key,
    pub model: Model,
    /// In force in this bar: a regime's sign is applied.
    pub phi: f64,
    /// Standard deviation of a bar's return.
    pub sigma: f64,
}

impl Process {
    /// Standard deviation of a bar's return at a yearly volatility.
    pub(super) fn sigma(volatility: f64, bar_micros: i64) -> f64 {
        volatility * (bar_micros as f64 / 1e6 / YEAR).sqrt()
    }

    /// A return of the stationary process: what "the last return" is before the first bar.
    pub(super) fn first_return(&self, bar: i64) -> f64 {
        self.sigma * Noise::of_bar(self.key, bar).normal()
    }

    /// The return of a bar after one that returned `last`. Its variance is sigma² whatever the model.
    pub(super) fn bar_return(&self, bar: i64, last: f64) -> f64 {
        let shock = self.sigma * Noise::of_bar(self.key, bar).normal();
        let rest = (1.0 - self.phi * self.phi).sqrt() * shock;
        match self.model {
            Model::Gbm | Model::Iid => shock,
            Model::Ar1 | Model::Regime => self.phi * last + rest,
            Model::Signal => {
                let ordinary = self.volume_level(bar.wrapping_sub(1)) == 0;
                self.phi * self.sigma * if ordinary { 1.0 } else { -1.0 } + rest
            }
        }
    }

    /// -1, 0 or 1: little, ordinary or much volume, with probabilities 1/4, 1/2, 1/4.
    fn volume_level(&self, bar: i64) -> i32 {
        if self.model != Model::Signal {
            return 0;
        }
        let mut noise = Noise::of_bar(self.key, bar);
        noise.normal();
        match noise.uniform() {
            u if u < 0.25 => -1,
            u if u < 0.75 => 0,
            _ => 1,
        }
    }

    /// The ticks of a bar that starts at log price `from` and ends at `to`.
    pub(super) fn ticks(&self, bar: i64, from: f64, to: f64, n: usize) -> Vec<Ohlcv> {
        let mut noise = Noise::of_bar(self.key, bar);
        // Passed over: the return's draw and the volume level's.
        noise.normal();
        noise.uniform();
        if self.model == Model::Iid {
            return (0..n).map(|_| iid(&mut noise)).collect();
        }
        let step = self.sigma / (n as f64).sqrt();
        let mut walk = Vec::with_capacity(n);
        let mut at = 0.0;
        for _ in 0..n {
            at += step * noise.normal();
            walk.push(at);
        }
        let end = at;
        let level = libm::pow(VOLUME_STEP, f64::from(self.volume_level(bar)));
        let spread = if self.model == Model::Signal { 0.1 } else { 0.5 };
        let mut open = from;
        let mut out = Vec::with_capacity(n);
        for (i, w) in walk.into_iter().enumerate() {
            let part = (i + 1) as f64 / n as f64;
            let close = if i + 1 == n { to } else { from + part * (to - from) + (w - part * end) };
            let (up, down) = (WICK * step * noise.uniform(), WICK * step * noise.uniform());
            let volume = (VOLUME * level * libm::exp(spread * noise.normal())).round().max(1.0);
            out.push(tick(open, close, up, down, volume));
            open = close;
        }
        out
    }
}

/// A valid tick from log prices.
fn tick(open: f64, close: f64, up: f64, down: f64, volume: f64) -> Ohlcv {
    let (open, high, low, close) =
        (price(open), price(open.max(close) + up), price(open.min(close) - down), price(close));
    Ohlcv { open, high: high.max(open).max(close), low: low.min(open).min(close), close, volume }
}

/// The replaced producer's bar, made valid: close uniform in 140..160, open within 2 of it, wicks up to 5.
fn iid(noise: &mut Noise) -> Ohlcv {
    let cents = |x: f64| (x * 100.0).round() / 100.0;
    let close = cents(140.0 + 20.0 * noise.uniform());
    let open = cents(close - 2.0 + 4.0 * noise.uniform());
    let high = cents(open.max(close) + 5.0 * noise.uniform());
    let low = cents(open.min(close) - 5.0 * noise.uniform());
    Ohlcv { open, high, low, close, volume: (100.0 + 900.0 * noise.uniform()).round() }
}

/// A price of seven significant digits.
fn price(ln: f64) -> f64 {
    let p = libm::exp(ln.clamp(LN_PRICE.0, LN_PRICE.1));
    let decimals = DIGITS - 1 - libm::floor(libm::log10(p)) as i32;
    let scale = libm::pow(10.0, f64::from(decimals.abs()));
    if decimals >= 0 { (p * scale).round() / scale } else { (p / scale).round() * scale }
}
