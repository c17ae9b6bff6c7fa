//! Named limits, each with its unit.

/// Longest period of an indicator, in bars.
pub const PERIOD: usize = 500;
/// Shortest period of an indicator, in bars.
pub const PERIOD_MIN: usize = 2;
/// Most indicators of one manifest, after `default` and `all` are written out.
pub const INDICATORS: usize = 64;
/// Longest list of holidays, in days.
pub const HOLIDAYS: usize = 4_000;
/// Days that are searched for the next session before a calendar counts as closed for good.
pub const SESSION_SEARCH_DAYS: i32 = 400;
/// Greatest value of the feature `bars_since_gap`, in bars.
pub const GAP_BARS: usize = 20;
/// Open stretches a calendar walks through in one question; past them it counts round the clock.
pub const SESSION_STEPS: usize = 100_000;
