//! Generators of known truth.
//!
//! Every process lives on the bars of the predictor: one return a bar, and inside the bar a path (a Brownian bridge) that
//! ends there exactly, so that the closes of those bars follow the process and nothing inside a bar tells of the next. A
//! bar's randomness is a function of (seed, symbol, bar) alone; only the price level and the last return are carried.

mod bar;
mod noise;
mod source;

use market::{Span, Symbol};
use serde::{Deserialize, Serialize};

pub(crate) use noise::fnv as hash;
pub use source::{Grid, Level, MadeTick, Source};

/// The truths there are; `truth` says what each allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Model {
    /// Geometric Brownian motion without drift: nothing to learn.
    Gbm,
    /// The next return remembers the last with weight phi.
    Ar1,
    /// The next return follows the last bar's volume, not linearly; phi is their correlation.
    Signal,
    /// [`Model::Ar1`] with phi until an instant, -phi from then on.
    Regime,
    /// Closes independent around 150, as the replaced producer made them, within valid bars.
    Iid,
}

impl Model {
    /// The name in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Model::Gbm => "Gbm",
            Model::Ar1 => "Ar1",
            Model::Signal => "Signal",
            Model::Regime => "Regime",
            Model::Iid => "Iid",
        }
    }

    /// True where phi means something.
    pub fn uses_phi(self) -> bool {
        matches!(self, Model::Ar1 | Model::Signal | Model::Regime)
    }
}

/// Usual phi.
pub const PHI: f64 = 0.3;
/// Usual volatility of a year of 365 days round the clock.
pub const VOLATILITY: f64 = 0.5;

/// One symbol and its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolSpec {
    /// The instrument.
    pub symbol: Symbol,
    /// Its process.
    pub model: Model,
    /// Weight of what is known in the next return, in -1..1.
    pub phi: f64,
    /// Standard deviation of log returns, a year of them; > 0.
    pub volatility: f64,
    /// How long before the first start the regime changed; only for [`Model::Regime`].
    pub switch_before: Option<Span>,
}

impl SymbolSpec {
    /// A symbol with the model's usual values.
    pub fn new(symbol: Symbol, model: Model) -> Self {
        Self { symbol, model, phi: PHI, volatility: VOLATILITY, switch_before: None }
    }
}
