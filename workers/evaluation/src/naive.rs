//! Forecasts that know no dynamics. Whoever is not better than the best of them has learnt nothing.

use serde::{Deserialize, Serialize};

use crate::Sample;

/// The three, in the order of every array of three here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Naive {
    /// N0: the last value stays, r = 0.
    LastValue,
    /// N1: the mean return over the horizon.
    MeanReturn,
    /// N2: back to the mean log price, r = m - ln C.
    MeanPrice,
}

impl Naive {
    /// All, in order.
    pub const ALL: [Naive; 3] = [Naive::LastValue, Naive::MeanReturn, Naive::MeanPrice];

    /// The name used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Naive::LastValue => "last value",
            Naive::MeanReturn => "mean return",
            Naive::MeanPrice => "mean price",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Means {
    rows: f64,
    y: f64,
    log_close: f64,
}

/// The means of one training fold, for each symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Naives {
    by_symbol: Vec<Means>,
}

impl Naives {
    /// Fits on the rows of a training fold.
    pub fn fit(samples: &[Sample], train: &[usize], symbols: usize) -> Self {
        let mut by_symbol = vec![Means::default(); symbols];
        for sample in train.iter().map(|&i| &samples[i]) {
            let means = &mut by_symbol[sample.symbol as usize];
            means.rows += 1.0;
            means.y += sample.y;
            means.log_close += libm::log(sample.close);
        }
        for means in &mut by_symbol {
            if means.rows > 0.0 {
                means.y /= means.rows;
                means.log_close /= means.rows;
            }
        }
        Self { by_symbol }
    }

    /// The three forecasts of a row. A symbol that the training fold does not know has the last value in all.
    pub fn forecast(&self, sample: &Sample) -> [f64; 3] {
        let means = &self.by_symbol[sample.symbol as usize];
        if means.rows == 0.0 {
            return [0.0; 3];
        }
        [0.0, means.y, means.log_close - libm::log(sample.close)]
    }
}
