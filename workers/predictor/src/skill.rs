//! Live skill: 1 - SSE / SSE of the naive, over the newest outcomes that count.
//!
//! Raw returns, not scaled by volatility: a live figure for people and alerts. The gates' figure is the trainer's.

use std::collections::{BTreeMap, VecDeque};

use market::{Outcome, PredictionRow, Symbol};

use crate::limits::{SKILL_OUTCOMES, SKILLS};

/// Rolling sums of one (symbol, horizon, version).
#[derive(Debug, Clone, Default)]
struct Window {
    errors: VecDeque<(f64, f64)>,
    /// Sums over the window, oldest first: made anew with every outcome, so that nothing drifts.
    sums: Sums,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: usize,
    sse: f64,
    naive: f64,
}

/// A rolling figure.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSkill {
    /// The instrument; absent for the pooled figure.
    pub symbol: Option<Symbol>,
    /// Bars ahead.
    pub horizon: u32,
    /// Model version.
    pub version: u64,
    /// Outcomes in it.
    pub n: usize,
    /// 1 - SSE / SSE of the naive; absent where the naive made no error.
    pub skill: Option<f64>,
    /// Root of the mean squared error of the log return.
    pub rmse: f64,
}

/// The rolling skills of all versions that were served.
#[derive(Debug, Default)]
pub(crate) struct Skills {
    windows: BTreeMap<(u64, u32, Symbol), Window>,
}

impl Skills {
    /// Takes an outcome; LATE, IN_SAMPLE, Void and BASELINE rows do not count.
    pub(crate) fn add(&mut self, row: &PredictionRow) {
        let Outcome::Joined { y_true, err } = row.outcome else { return };
        if row.version == 0 || !row.is_scored() {
            return;
        }
        let key = (row.version, row.horizon, row.symbol.clone());
        if !self.windows.contains_key(&key) && self.windows.len() >= SKILLS {
            // The least key belongs to the oldest version.
            self.windows.pop_first();
        }
        let window = self.windows.entry(key).or_default();
        window.errors.push_back((err, row.y_naive - y_true));
        if window.errors.len() > SKILL_OUTCOMES {
            window.errors.pop_front();
        }
        window.sums = window.errors.iter().fold(Sums::default(), |sums, (err, naive)| Sums {
            n: sums.n + 1,
            sse: sums.sse + err * err,
            naive: sums.naive + naive * naive,
        });
    }

    /// Per symbol of one version and horizon, in order of symbols.
    pub(crate) fn by_symbol(&self, version: u64, horizon: u32) -> Vec<LiveSkill> {
        let windows = self.windows.iter().filter(|((v, h, _), _)| *v == version && *h == horizon);
        windows
            .map(|((_, _, symbol), window)| figure(Some(symbol.clone()), horizon, version, window.sums))
            .collect()
    }

    /// Pooled over the symbols of a version and horizon.
    pub(crate) fn pooled(&self, version: u64, horizon: u32) -> Option<LiveSkill> {
        let windows = self.windows.iter().filter(|((v, h, _), _)| *v == version && *h == horizon);
        let sums = windows.fold(Sums::default(), |sums, (_, window)| Sums {
            n: sums.n + window.sums.n,
            sse: sums.sse + window.sums.sse,
            naive: sums.naive + window.sums.naive,
        });
        (sums.n > 0).then(|| figure(None, horizon, version, sums))
    }
}

fn figure(symbol: Option<Symbol>, horizon: u32, version: u64, sums: Sums) -> LiveSkill {
    let skill = (sums.naive > 0.0).then(|| 1.0 - sums.sse / sums.naive);
    let rmse = libm::sqrt(sums.sse / sums.n.max(1) as f64);
    LiveSkill { symbol, horizon, version, n: sums.n, skill, rmse }
}
