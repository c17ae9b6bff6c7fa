//! What a model could learn of a made symbol at best.
//!
//! Skill is 1 - SSE / SSE of the best naive forecast (`evaluation`), so its ceiling is the share of a return's variance
//! that the best forecast from everything known explains. All processes live at one time scale, the bar that the
//! predictor works on; the truths hold for log returns of those bars, with at least one tick in each.
//!
//! With r the return of a bar, s² its variance, and r(h) the sum of the next h:
//!
//! - **Gbm**: returns are independent. 0 at every horizon.
//! - **Ar1**: r' = phi r + e. The forecast of r(h) is a r with a = phi (1 - phi^h) / (1 - phi), of variance a² s²;
//!   r(h) has variance s² (h + 2 sum over i < h of (h - i) phi^i). At h = 1: phi².
//! - **Signal**: r' = phi s f + e with f = 1 after a bar of ordinary volume and -1 after one of little or much, each half
//!   the time. Only the next bar's part of r(h) can be known: phi² / h. No linear model of the volume sees it.
//! - **Regime**: Ar1 with phi before the switch and -phi after it: one ceiling each.
//! - **Iid**: closes, not returns, are independent. Returns are far from unpredictable, but the naive "back to the mean"
//!   knows all there is: 0 against it.

use std::collections::BTreeMap;

use market::Timestamp;
use serde::Serialize;

use crate::model::{Model, SymbolSpec};

/// What is known of a symbol.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// The process in words: `Ar1 phi 0.3`.
    pub name: String,
    /// The model.
    pub model: Model,
    /// Weight of what is known in the next return.
    pub phi: f64,
    /// Standard deviation of log returns, a year of them.
    pub volatility: f64,
    /// When the regime changes; only for [`Model::Regime`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switches_at: Option<Timestamp>,
    /// Best possible skill by horizon in bars; for a regime, the one that holds now (after the switch).
    pub ceilings: BTreeMap<u32, f64>,
    /// The same before the switch; only for [`Model::Regime`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ceilings_before: BTreeMap<u32, f64>,
}

impl Truth {
    /// The truth of a symbol whose regime, if it has one, changes at `switches_at`.
    pub fn of(spec: &SymbolSpec, switches_at: Option<Timestamp>, horizons: &[u32]) -> Self {
        let table = |phi: f64| horizons.iter().map(|h| (*h, ceiling(spec.model, phi, *h))).collect();
        let regime = spec.model == Model::Regime;
        let phi = if spec.model.uses_phi() { spec.phi } else { 0.0 };
        let name = match spec.model {
            Model::Gbm | Model::Iid => spec.model.as_str().to_owned(),
            Model::Ar1 | Model::Signal => format!("{} phi {phi}", spec.model.as_str()),
            Model::Regime => format!("Regime phi {phi} to {}", -phi),
        };
        Truth {
            name,
            model: spec.model,
            phi,
            volatility: spec.volatility,
            switches_at: switches_at.filter(|_| regime),
            ceilings: table(if regime { -phi } else { phi }),
            ceilings_before: if regime { table(phi) } else { BTreeMap::new() },
        }
    }
}

/// Best possible skill of a forecast over `horizon` bars.
pub fn ceiling(model: Model, phi: f64, horizon: u32) -> f64 {
    let h = f64::from(horizon.max(1));
    match model {
        Model::Gbm | Model::Iid => 0.0,
        Model::Signal => phi * phi / h,
        Model::Ar1 | Model::Regime => {
            let forecast = phi * (1.0 - libm::pow(phi, h)) / (1.0 - phi);
            // h + 2 (sum over i < h of (h - i) phi^i), the sum in closed form.
            let cross = phi * (h * (1.0 - phi) - (1.0 - libm::pow(phi, h))) / ((1.0 - phi) * (1.0 - phi));
            forecast * forecast / (h + 2.0 * cross)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_is_the_sum() {
        for phi in [-0.7_f64, -0.3, 0.2, 0.5, 0.9] {
            for h in 1..=12_u32 {
                let a: f64 = (1..=h).map(|i| phi.powi(i as i32)).sum();
                let cross: f64 = (1..h).map(|i| f64::from(h - i) * phi.powi(i as i32)).sum();
                let direct = a * a / (f64::from(h) + 2.0 * cross);
                assert!((ceiling(Model::Ar1, phi, h) - direct).abs() < 1e-12, "phi {phi} h {h}");
            }
        }
    }

    #[test]
    fn the_figures_of_the_manual() {
        assert!((ceiling(Model::Ar1, 0.5, 1) - 0.25).abs() < 1e-12);
        assert!((ceiling(Model::Ar1, 0.5, 5) - 0.0844).abs() < 1e-4);
        assert!((ceiling(Model::Ar1, 0.2, 1) - 0.04).abs() < 1e-12);
        assert_eq!(ceiling(Model::Gbm, 0.5, 1), 0.0);
        assert!((ceiling(Model::Signal, 0.3, 5) - 0.018).abs() < 1e-12);
    }
}
