//! Linear models that a forest has to beat: if it cannot, one of them is published in its place.
//!
//! All are fitted on the rows of a training fold only, standardisation included, and all can be written as a linear
//! section of a model file, so that what was evaluated is what is served.

mod cholesky;
mod ridge;

pub use ridge::RIDGE_PENALTY;

use forest::{Linear, Matrix};
use serde::{Deserialize, Serialize};

use crate::{GroupBy, Sample};

/// The rivals, in the order of every array of three here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rival {
    /// r_h = a + b * the last one-bar return, for each symbol.
    Ar1Returns,
    /// r_h = a + b * ln C, for each symbol: an autoregression of the log price.
    Ar1LogPrice,
    /// Ridge regression on all features, for each group.
    Ridge,
}

impl Rival {
    /// All, in order.
    pub const ALL: [Rival; 3] = [Rival::Ar1Returns, Rival::Ar1LogPrice, Rival::Ridge];

    /// The name used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Rival::Ar1Returns => "AR(1) on returns",
            Rival::Ar1LogPrice => "AR(1) on log price",
            Rival::Ridge => "ridge",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Rival::Ar1Returns => 0,
            Rival::Ar1LogPrice => 1,
            Rival::Ridge => 2,
        }
    }
}

/// A straight line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Line {
    intercept: f64,
    slope: f64,
}

impl Line {
    /// Least squares; the mean where x does not vary, the last value where there is nothing.
    fn fit(points: &[(f64, f64)]) -> Self {
        if points.is_empty() {
            return Self::default();
        }
        let n = points.len() as f64;
        let mean_x = points.iter().map(|p| p.0).sum::<f64>() / n;
        let mean_y = points.iter().map(|p| p.1).sum::<f64>() / n;
        let (mut xx, mut xy) = (0.0, 0.0);
        for (x, y) in points {
            xx += (x - mean_x) * (x - mean_x);
            xy += (x - mean_x) * (y - mean_y);
        }
        let slope = xy / xx;
        // constant x: 0/0, or noise of rounding over it
        let slope = if slope.is_finite() && xx > n * 1e-20 { slope } else { 0.0 };
        Self { intercept: mean_y - slope * mean_x, slope }
    }

    fn at(self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

/// All rivals, fitted on one set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rivals {
    returns: Vec<Line>,
    log_price: Vec<Line>,
    ridge: Vec<Linear>,
    group_by: GroupBy,
    return_column: usize,
    features: usize,
}

impl Rivals {
    /// Fits on rows `train` of `samples`, whose features are rows of `x`.
    pub fn fit(
        samples: &[Sample],
        x: &Matrix,
        train: &[usize],
        symbols: usize,
        group_by: GroupBy,
        return_column: usize,
    ) -> Self {
        let mut of_symbol: Vec<Vec<usize>> = vec![Vec::new(); symbols];
        for &index in train {
            of_symbol[samples[index].symbol as usize].push(index);
        }
        let line = |indexes: &Vec<usize>, x: fn(&Sample) -> f64| {
            let points: Vec<(f64, f64)> = indexes.iter().map(|&i| (x(&samples[i]), samples[i].y)).collect();
            Line::fit(&points)
        };
        let ridge = match group_by {
            GroupBy::None => vec![ridge::fit(samples, x, train)],
            GroupBy::Symbol => of_symbol.iter().map(|rows| ridge::fit(samples, x, rows)).collect(),
        };
        Self {
            returns: of_symbol.iter().map(|rows| line(rows, |s| s.ret_1)).collect(),
            log_price: of_symbol.iter().map(|rows| line(rows, |s| libm::log(s.close))).collect(),
            ridge,
            group_by,
            return_column,
            features: x.cols(),
        }
    }

    /// The forecasts of a row, in the order of [`Rival::ALL`].
    pub fn forecast(&self, sample: &Sample, features: &[f64]) -> [f64; 3] {
        let symbol = sample.symbol as usize;
        let ridge = match self.group_by {
            GroupBy::None => &self.ridge[0],
            GroupBy::Symbol => &self.ridge[symbol],
        };
        let weighted = ridge.coefficients.iter().zip(features);
        [
            self.returns[symbol].at(sample.ret_1),
            self.log_price[symbol].at(libm::log(sample.close)),
            weighted.fold(ridge.intercept, |sum, (coefficient, x)| sum + coefficient * x),
        ]
    }

    /// One rival as a model, for a symbol.
    pub fn linear(&self, rival: Rival, symbol: u32) -> Linear {
        let symbol = symbol as usize;
        let mut coefficients = vec![0.0; self.features];
        match (rival, self.group_by) {
            (Rival::Ar1Returns, _) => {
                let line = self.returns[symbol];
                coefficients[self.return_column] = line.slope;
                Linear { intercept: line.intercept, coefficients, log_close: 0.0 }
            }
            (Rival::Ar1LogPrice, _) => {
                let line = self.log_price[symbol];
                Linear { intercept: line.intercept, coefficients, log_close: line.slope }
            }
            (Rival::Ridge, GroupBy::None) => self.ridge[0].clone(),
            (Rival::Ridge, GroupBy::Symbol) => self.ridge[symbol].clone(),
        }
    }
}
