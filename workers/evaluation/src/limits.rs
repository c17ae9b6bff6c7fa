//! Named limits and constants of evaluation, each with its unit.

/// Most folds of one horizon.
pub const FOLDS: u32 = 50;
/// Most bars ahead.
pub const HORIZON_BARS: u32 = 10_000;
/// Bars of the volatility that scales errors.
pub const SIGMA_BARS: usize = 20;
/// Bars of the volatility that bounds it from below.
pub const SIGMA_FLOOR_BARS: usize = 500;
/// The lower bound as a share of the volatility over [`SIGMA_FLOOR_BARS`].
pub const SIGMA_FLOOR_SHARE: f64 = 0.1;
/// Least volatility, log return a bar: a hundredth of a basis point.
pub const SIGMA_LEAST: f64 = 1e-6;
/// Draws of the stationary bootstrap.
pub const BOOTSTRAP_DRAWS: u32 = 2_000;
/// Rows of a leaf at least, for each bar of the horizon: labels of neighbours overlap.
pub const LEAF_ROWS_PER_BAR: usize = 50;
/// A leaf holds at least the rows of a fold divided by this.
pub const LEAVES: usize = 50;
/// Symbols at one instant from which rank and correlation are taken across symbols instead of over time.
pub const CROSS_SECTION_SYMBOLS: usize = 10;
