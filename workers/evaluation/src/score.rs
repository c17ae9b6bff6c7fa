//! All figures of one set of forecast rows.

use market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::metrics::{self, Directional};
use crate::{
    Bootstrap, EvaluationSpec, Naive, OosRow, Rival, block_length, diebold_mariano,
    limits::CROSS_SECTION_SYMBOLS,
};

/// Figures of one set of rows. Errors are scaled by the volatility known at the row for every sum of squares and what
/// follows from it; RMSE, MAE and R² are over raw log returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Rows.
    pub rows: usize,
    /// Distinct target instants.
    pub instants: usize,
    /// Root mean squared error, log return.
    pub rmse: f64,
    /// Mean absolute error, log return.
    pub mae: f64,
    /// R² over log returns, for continuity only.
    pub r2: Option<f64>,
    /// 1 - SSE / SSE of the best naive.
    pub skill: f64,
    /// 1 - SSE / SSE of the best rival.
    pub skill_linear: f64,
    /// Lower bound of skill at the one-sided level of the evaluation.
    pub skill_lower: Option<f64>,
    /// Upper 90 % bound of skill, one-sided.
    pub skill_upper: Option<f64>,
    /// The best naive.
    pub best_naive: Naive,
    /// The best rival.
    pub best_rival: Rival,
    /// Scaled sum of squared errors of the forecast.
    pub sse: f64,
    /// Those of the naives.
    pub sse_naive: [f64; 3],
    /// Those of the rivals.
    pub sse_rival: [f64; 3],
    /// Correlation of forecast and outcome: across symbols where there are at least ten at an instant, otherwise over
    /// time for each symbol; the mean, weighted by rows.
    pub ic: Option<f64>,
    /// The same over ranks.
    pub rank_ic: Option<f64>,
    /// Directional accuracy.
    pub directional: Option<Directional>,
    /// One-sided p-value that the forecast is better than the best naive (Diebold-Mariano).
    pub p_better: Option<f64>,
}

/// Squared scaled errors of one target instant: the forecast, three naives, three rivals.
pub(crate) type Losses = [f64; 7];

/// Squared scaled errors of one row.
pub(crate) fn losses(row: &OosRow) -> Losses {
    let mut out = [0.0; 7];
    let forecasts = [row.model].into_iter().chain(row.naive).chain(row.rival);
    for (loss, forecast) in out.iter_mut().zip(forecasts) {
        let error = (forecast - row.y) / row.sigma;
        *loss = error * error;
    }
    out
}

/// Sums losses over the symbols of each target instant; in time order.
pub(crate) fn by_instant(rows: &[&OosRow]) -> Vec<Losses> {
    let mut each: Vec<(Timestamp, Losses)> = rows.iter().map(|row| (row.target_ts, losses(row))).collect();
    each.sort_by_key(|(at, _)| *at);
    let mut out: Vec<(Timestamp, Losses)> = Vec::new();
    for (at, losses) in each {
        match out.last_mut() {
            Some((last, sums)) if *last == at => {
                sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss)
            }
            _ => out.push((at, losses)),
        }
    }
    out.into_iter().map(|(_, losses)| losses).collect()
}

/// Index of the least of three.
pub(crate) fn least(sums: &[f64]) -> usize {
    (1..sums.len()).fold(0, |best, i| if sums[i] < sums[best] { i } else { best })
}

impl Score {
    /// Measures rows; bounds come from the bootstrap when `seed` is given. Absent without rows.
    pub(crate) fn of(rows: &[&OosRow], spec: &EvaluationSpec, level: f64, seed: Option<u64>) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        let instants = by_instant(rows);
        let mut sums = [0.0; 7];
        for losses in &instants {
            sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
        }
        let naive = least(&sums[1..4]);
        let rival = least(&sums[4..7]);
        let bounds = seed.and_then(|seed| {
            let errors: Vec<[f64; 4]> = instants.iter().map(|l| [l[0], l[1], l[2], l[3]]).collect();
            Bootstrap::draw(&errors, block_length(spec.horizon, errors.len()), spec.draws, seed)
        });
        let differences: Vec<f64> = instants.iter().map(|l| l[0] - l[1 + naive]).collect();
        let forecast: Vec<f64> = rows.iter().map(|r| r.model).collect();
        let truth: Vec<f64> = rows.iter().map(|r| r.y).collect();
        Some(Score {
            rows: rows.len(),
            instants: instants.len(),
            rmse: metrics::rmse(&forecast, &truth),
            mae: metrics::mae(&forecast, &truth),
            r2: metrics::r_squared(&forecast, &truth),
            skill: metrics::skill(sums[0], sums[1 + naive]),
            skill_linear: metrics::skill(sums[0], sums[4 + rival]),
            skill_lower: bounds.as_ref().map(|b| b.quantile(level)),
            skill_upper: bounds.as_ref().map(|b| b.quantile(0.90)),
            best_naive: Naive::ALL[naive],
            best_rival: Rival::ALL[rival],
            sse: sums[0],
            sse_naive: [sums[1], sums[2], sums[3]],
            sse_rival: [sums[4], sums[5], sums[6]],
            ic: grouped(rows, metrics::correlation),
            rank_ic: grouped(rows, metrics::rank_correlation),
            directional: metrics::directional(&forecast, &truth),
            p_better: diebold_mariano(&differences, spec.horizon).map(|c| c.p_better),
        })
    }
}

/// A correlation within groups that may be compared, averaged by rows: across symbols at each instant where most
/// instants have enough symbols, else over time for each symbol. Between groups levels differ for other reasons.
fn grouped(rows: &[&OosRow], measure: fn(&[f64], &[f64]) -> Option<f64>) -> Option<f64> {
    let mut by_instant: Vec<&OosRow> = rows.to_vec();
    by_instant.sort_by_key(|row| (row.target_ts, row.symbol));
    let instants: Vec<&[&OosRow]> = by_instant.chunk_by(|a, b| a.target_ts == b.target_ts).collect();
    let wide = instants.iter().filter(|rows| rows.len() >= CROSS_SECTION_SYMBOLS).count();
    let mut by_symbol: Vec<&OosRow> = rows.to_vec();
    by_symbol.sort_by_key(|row| (row.symbol, row.target_ts));
    let groups: Vec<&[&OosRow]> = if 2 * wide > instants.len() {
        instants.into_iter().filter(|rows| rows.len() >= CROSS_SECTION_SYMBOLS).collect()
    } else {
        by_symbol.chunk_by(|a, b| a.symbol == b.symbol).collect()
    };
    let (mut sum, mut weight) = (0.0, 0.0);
    for group in groups {
        let forecast: Vec<f64> = group.iter().map(|r| r.model).collect();
        let truth: Vec<f64> = group.iter().map(|r| r.y).collect();
        if let Some(value) = measure(&forecast, &truth) {
            sum += value * group.len() as f64;
            weight += group.len() as f64;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}
