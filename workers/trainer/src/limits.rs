//! Named limits of a training run, each with its unit.

use std::time::Duration;

/// Horizons of one run.
pub const HORIZONS: usize = 16;
/// Longest horizon, in bars.
pub const HORIZON_BARS: u32 = 10_000;
/// Folds of one run.
pub const FOLDS: u32 = 50;
/// Symbols of one run.
pub const SYMBOLS: usize = 10_000;
/// Threads of one run.
pub const THREADS: usize = 256;
/// Shortest time between two writes of a run's row.
pub const RUN_ROW_EVERY: Duration = Duration::from_millis(500);
/// Relative difference allowed between a live and an offline value of a recursive indicator.
pub const PARITY_RELATIVE: f64 = 1e-9;
/// Void share of targets, in per cent, above which the report says `SparseBars`.
pub const SPARSE_PERCENT: f64 = 20.0;
/// Least training rows of a symbol whose forecasts are served.
pub const SYMBOL_ROWS: usize = 500;
/// Seeded draws of the stationary bootstrap.
pub const BOOTSTRAP_DRAWS: usize = 2_000;
/// Symbols of a horizon that a status tells by name; `metrics.json` has them all.
pub const STATUS_SYMBOLS: usize = 20;
/// Fold and rival lines of a status, over all horizons; `metrics.json` has every fold.
pub const STATUS_LINES: usize = 60;
