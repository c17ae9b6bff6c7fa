//! Live skill: what the served forecasts were worth on outcomes that have come in. Pure.
//!
//! Against the last value, unscaled: a stored forecast carries its naive but not the volatility of its instant. Rows that
//! are LATE, IN_SAMPLE or void are counted and not scored; BASELINE rows are the naive itself and are not scored either.

use market::{Outcome, PredictionRow, Role};
use serde::Serialize;

use crate::limits::SKILL_LEAST;

/// Skill of one symbol at one horizon.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LiveSkill {
    /// Scored outcomes.
    pub scored: usize,
    /// Void targets among the rows.
    pub void: usize,
    /// Rows flagged LATE.
    pub late: usize,
    /// Matured rows of every kind.
    pub matured: usize,
    /// `1 - SSE / SSE of the naive`; absent below the least number of outcomes.
    pub skill: Option<f64>,
    /// Lower end of its 90 % interval.
    pub lo: Option<f64>,
    /// Upper end of its 90 % interval.
    pub hi: Option<f64>,
    /// Share of outcomes inside the forecast's own band, where it had one.
    pub coverage: Option<f64>,
}

/// 95 % point of the normal distribution: two of them enclose 90 %.
const Z: f64 = 1.644_853_626_951_472_2;

/// Measures rows of one symbol and horizon in target order. Errors of overlapping targets hang together: the interval
/// uses Bartlett weights up to `horizon` lags.
pub fn measure(rows: &[PredictionRow], horizon: u32) -> LiveSkill {
    let mut out = LiveSkill::default();
    let (mut model, mut naive) = (Vec::new(), Vec::new());
    let (mut inside, mut banded) = (0_usize, 0_usize);
    for row in rows {
        let y_true = match row.outcome {
            Outcome::Pending => continue,
            Outcome::Void => {
                out.matured += 1;
                out.void += 1;
                continue;
            }
            Outcome::Joined { y_true, .. } => y_true,
        };
        out.matured += 1;
        if !row.is_scored() {
            out.late += usize::from(row.flags.contains(&market::Flag::Late));
            continue;
        }
        if row.role != Role::Champion {
            continue;
        }
        if let (Some(lo), Some(hi)) = (row.lo, row.hi) {
            banded += 1;
            inside += usize::from(lo <= y_true && y_true <= hi);
        }
        model.push((row.y_pred - y_true) * (row.y_pred - y_true));
        naive.push((row.y_naive - y_true) * (row.y_naive - y_true));
    }
    out.scored = model.len();
    if banded >= SKILL_LEAST {
        out.coverage = Some(inside as f64 / banded as f64);
    }
    let (sse, base): (f64, f64) = (model.iter().sum(), naive.iter().sum());
    if out.scored < SKILL_LEAST || base <= 0.0 {
        return out;
    }
    let n = out.scored as f64;
    let skill = 1.0 - sse / base;
    // The ratio linearised: its error is that of the mean of `a - (1 - skill) b`, over the mean of `b`.
    let d: Vec<f64> = model.iter().zip(&naive).map(|(a, b)| a - (1.0 - skill) * b).collect();
    let lags = (horizon as usize).min(out.scored - 1);
    let covariance = |lag: usize| d.iter().zip(&d[lag..]).map(|(x, y)| x * y).sum::<f64>() / n;
    let variance = (1..=lags).fold(covariance(0), |sum, lag| {
        sum + 2.0 * (1.0 - lag as f64 / (lags as f64 + 1.0)) * covariance(lag)
    });
    let error = Z * (variance.max(0.0) / n).sqrt() / (base / n);
    out.skill = Some(skill);
    out.lo = Some(skill - error);
    out.hi = Some(skill + error);
    out
}

#[cfg(test)]
mod tests {
    use market::{Flag, Symbol, Timestamp};

    use super::*;

    fn row(y_pred: f64, y_true: f64) -> PredictionRow {
        PredictionRow {
            symbol: Symbol::parse("A").unwrap(),
            bar: "1m".into(),
            horizon: 1,
            made_at: Timestamp::from_micros(0),
            as_of: Timestamp::from_micros(0),
            target_ts: Timestamp::from_micros(0),
            close: 1.0,
            y_pred,
            lo: Some(-1.0),
            hi: Some(1.0),
            y_naive: 0.0,
            version: 1,
            role: Role::Champion,
            flags: vec![],
            outcome: Outcome::Joined { y_true, err: y_pred - y_true },
        }
    }

    /// Outcomes +-2 around a forecast of +-1: SSE 1 against 4 each.
    fn known() -> Vec<PredictionRow> {
        (0..40).map(|i| if i % 2 == 0 { row(1.0, 2.0) } else { row(-1.0, -2.0) }).collect()
    }

    #[test]
    fn a_known_skill_is_found() {
        let got = measure(&known(), 1);
        assert_eq!((got.scored, got.matured, got.skill), (40, 40, Some(0.75)));
        assert!(got.lo.unwrap() <= 0.75 && got.hi.unwrap() >= 0.75);
        assert_eq!(got.coverage, Some(0.0));
    }

    #[test]
    fn what_may_not_be_scored_is_not() {
        let clean = measure(&known(), 1);
        let mut rows = known();
        for (flags, role, outcome) in [
            (vec![Flag::Late], Role::Champion, Outcome::Joined { y_true: 9.0, err: 0.0 }),
            (vec![Flag::InSample], Role::Champion, Outcome::Joined { y_true: 9.0, err: 0.0 }),
            (vec![Flag::Baseline], Role::Baseline, Outcome::Joined { y_true: 9.0, err: 0.0 }),
            (vec![], Role::Champion, Outcome::Void),
            (vec![], Role::Champion, Outcome::Pending),
        ] {
            rows.push(PredictionRow { flags, role, outcome, ..row(1.0, 9.0) });
        }
        let got = measure(&rows, 1);
        assert_eq!((got.scored, got.skill), (clean.scored, clean.skill));
        assert_eq!((got.void, got.late, got.matured), (1, 1, 44));
    }

    #[test]
    fn too_few_outcomes_give_no_figure() {
        let got = measure(&known()[..SKILL_LEAST - 1], 1);
        assert_eq!((got.skill, got.coverage), (None, None));
    }

    #[test]
    fn noise_widens_the_interval_around_its_skill() {
        let rows: Vec<_> = (0..400)
            .map(|i| {
                let u = f64::from((i * 7919) % 401) / 401.0 - 0.5;
                row(0.3 * u, u + f64::from((i * 104_729) % 211) / 211.0 - 0.5)
            })
            .collect();
        let got = measure(&rows, 5);
        let (lo, skill, hi) = (got.lo.unwrap(), got.skill.unwrap(), got.hi.unwrap());
        assert!(lo < skill && skill < hi && hi - lo < 0.5, "{lo} {skill} {hi}");
    }
}
