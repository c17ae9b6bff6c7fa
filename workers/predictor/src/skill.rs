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
        let errors = &mut self.windows.entry(key).or_default().errors;
        errors.push_back((err, row.y_naive - y_true));
        if errors.len() > SKILL_OUTCOMES {
            errors.pop_front();
        }
    }

    /// Per symbol, in order of (version, horizon, symbol).
    pub(crate) fn by_symbol(&self) -> Vec<LiveSkill> {
        let figures = self.windows.iter().map(|((version, horizon, symbol), window)| {
            figure(Some(symbol.clone()), *horizon, *version, window.errors.iter())
        });
        figures.collect()
    }

    /// Pooled over the symbols of a version and horizon.
    pub(crate) fn pooled(&self, version: u64, horizon: u32) -> Option<LiveSkill> {
        let errors = self.windows.iter().filter(|((v, h, _), _)| *v == version && *h == horizon);
        let found = figure(None, horizon, version, errors.flat_map(|(_, window)| window.errors.iter()));
        (found.n > 0).then_some(found)
    }
}

fn figure<'a>(
    symbol: Option<Symbol>,
    horizon: u32,
    version: u64,
    errors: impl Iterator<Item = &'a (f64, f64)>,
) -> LiveSkill {
    let (mut n, mut sse, mut naive) = (0_usize, 0.0, 0.0);
    for (err, naive_err) in errors {
        n += 1;
        sse += err * err;
        naive += naive_err * naive_err;
    }
    let skill = (naive > 0.0).then(|| 1.0 - sse / naive);
    LiveSkill { symbol, horizon, version, n, skill, rmse: libm::sqrt(sse / (n.max(1) as f64)) }
}
