//! The ticks of all symbols in time order, from any instant on.
//!
//! Tick number g of all is at g / ticksPerSecond seconds after the Unix epoch and belongs to symbol g mod (number of
//! symbols): the grid has no beginning, so it does not matter when a run started.

use std::sync::Arc;

use market::{Ohlcv, Span, Symbol, Timestamp};

use super::{Model, SymbolSpec, bar::Process, noise};

/// Where a symbol's walk stands: everything that is carried from bar to bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The bar, counted from the epoch.
    pub bar: i64,
    /// Log price at the bar's start.
    pub ln_price: f64,
    /// Log return of the bar before.
    pub last_return: f64,
}

/// One tick of one symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeTick {
    /// Position of the symbol in the settings.
    pub symbol: usize,
    /// Event time.
    pub ts: Timestamp,
    /// Prices.
    pub prices: Ohlcv,
}

/// What all symbols share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// The bar the processes live on.
    pub bar: Span,
    /// A tick belongs to the bar with its last instant: `source.tickSpan`.
    pub tick_span: Option<Span>,
    /// Ticks a second, over all symbols; > 0.
    pub ticks_per_second: u32,
    /// Number of symbols; > 0.
    pub symbols: usize,
}

impl Grid {
    /// Event time of tick `g`.
    pub fn ts(&self, g: i64) -> Timestamp {
        Timestamp::from_micros((i128::from(g) * 1_000_000 / i128::from(self.ticks_per_second)) as i64)
    }

    /// The first tick that is not before `ts` (>= the epoch).
    pub fn first_at(&self, ts: Timestamp) -> i64 {
        let rate = i128::from(self.ticks_per_second);
        let mut g = (i128::from(ts.micros()) * rate).div_euclid(1_000_000) as i64;
        while self.ts(g) < ts {
            g += 1;
        }
        g
    }

    /// The first tick whose span does not end by `now`: what must not be made yet.
    pub fn end_at(&self, now: Timestamp) -> i64 {
        let until = self.tick_span.map_or(now, |s| now - s);
        self.first_at(Timestamp::from_micros(until.micros().saturating_add(1)))
    }

    /// The bar that tick `g` belongs to.
    pub fn bar_of(&self, g: i64) -> i64 {
        let last = self.tick_span.map_or(0, |s| s.micros() - 1);
        self.ts(g).micros().saturating_add(last).div_euclid(self.bar.micros())
    }

    /// Among the ticks of the same symbol and bar: the position of `g`, and how many there are.
    fn place(&self, g: i64) -> (usize, usize) {
        let (bar, step) = (self.bar_of(g), self.symbols as i64);
        let last = self.tick_span.map_or(0, |s| s.micros() - 1);
        let start = |bar: i64| {
            self.first_at(Timestamp::from_micros(bar.saturating_mul(self.bar.micros()).saturating_sub(last)))
        };
        let (from, until) = (start(bar), start(bar + 1));
        let first = from + (g - from).rem_euclid(step);
        (((g - first) / step) as usize, ((until - 1 - first) / step + 1).max(1) as usize)
    }
}

/// One symbol at work.
#[derive(Debug, Clone)]
struct Walker {
    process: Process,
    /// The bar from which the regime has its other sign.
    switch_bar: i64,
    level: Level,
    /// Ticks of the level's bar, once asked for.
    made: Option<Arc<[Ohlcv]>>,
}

/// Makes ticks.
#[derive(Debug, Clone)]
pub struct Source {
    grid: Grid,
    walkers: Vec<Walker>,
}

impl Source {
    /// Symbols that start at the bar of tick `from`, each where `level` says it stood, or anew. `switches` holds the
    /// instants at which regimes change, by symbol.
    pub fn new(
        grid: Grid,
        symbols: &[SymbolSpec],
        switches: impl Fn(&Symbol) -> Option<Timestamp>,
        level: impl Fn(&Symbol) -> Option<Level>,
        seed: u64,
        from: i64,
    ) -> Self {
        let walkers = symbols
            .iter()
            .map(|s| {
                let key = noise::Key::new(seed, s.symbol.as_str());
                let phi = if s.model.uses_phi() { s.phi } else { 0.0 };
                let sigma = Process::sigma(s.volatility, grid.bar.micros());
                let process = Process { key, model: s.model, phi, sigma };
                let switch_bar = match (s.model, switches(&s.symbol)) {
                    (Model::Regime, Some(at)) => at.micros().div_euclid(grid.bar.micros()),
                    _ => i64::MAX,
                };
                let level = level(&s.symbol).unwrap_or_else(|| {
                    let bar = grid.bar_of(from);
                    Level {
                        bar,
                        ln_price: first_price(&s.symbol, seed),
                        last_return: process.first_return(bar - 1),
                    }
                });
                Walker { process, switch_bar, level, made: None }
            })
            .collect();
        Self { grid, walkers }
    }

    /// Tick `g`. Numbers must not decrease for a symbol.
    pub fn tick(&mut self, g: i64) -> MadeTick {
        let symbol = g.rem_euclid(self.walkers.len().max(1) as i64) as usize;
        let (position, n) = self.grid.place(g);
        let bar = self.grid.bar_of(g);
        let walker = &mut self.walkers[symbol];
        while walker.level.bar < bar {
            walker.advance();
        }
        let ticks = walker.ticks(n);
        MadeTick { symbol, ts: self.grid.ts(g), prices: ticks[position.min(ticks.len() - 1)] }
    }

    /// Where a symbol stands: with it, the next tick can be made by another process.
    pub fn level(&self, symbol: usize) -> Level {
        self.walkers[symbol].level
    }
}

impl Walker {
    fn process(&self) -> Process {
        let turned = self.level.bar >= self.switch_bar;
        Process { phi: if turned { -self.process.phi } else { self.process.phi }, ..self.process }
    }

    fn advance(&mut self) {
        let Level { bar, ln_price, last_return } = self.level;
        let r = self.process().bar_return(bar, last_return);
        self.level = Level { bar: bar + 1, ln_price: ln_price + r, last_return: r };
        self.made = None;
    }

    fn ticks(&mut self, n: usize) -> Arc<[Ohlcv]> {
        let Level { bar, ln_price, last_return } = self.level;
        let process = self.process();
        self.made
            .get_or_insert_with(|| {
                let r = process.bar_return(bar, last_return);
                process.ticks(bar, ln_price, ln_price + r, n).into()
            })
            .clone()
    }
}

/// Between 50 and 500, by name and seed.
fn first_price(symbol: &Symbol, seed: u64) -> f64 {
    let part = (noise::fnv(format!("{symbol}/{seed}").as_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
    libm::log(50.0) + part * libm::log(10.0)
}
