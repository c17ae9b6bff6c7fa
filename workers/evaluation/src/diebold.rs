//! The Diebold-Mariano test: is one forecast's loss greater than another's, given that losses of neighbours depend?
//!
//! Bartlett kernel for the long-run variance and the small-sample factor of Harvey, Leybourne and Newbold. Their
//! Student distribution is taken as normal: the gate asks for 500 instants, where the two do not differ visibly.

use serde::{Deserialize, Serialize};

/// Outcome of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The statistic; above 0 the first forecast loses more.
    pub statistic: f64,
    /// One-sided p-value of "the first is worse".
    pub p_worse: f64,
    /// One-sided p-value of "the first is better".
    pub p_better: f64,
}

/// Compares losses, one a target instant in time order: `differences` = loss of the first minus loss of the second.
/// Absent where there are fewer than ten, or where they do not vary.
pub fn diebold_mariano(differences: &[f64], horizon: u32) -> Option<Comparison> {
    let n = differences.len();
    let h = horizon.max(1) as usize;
    if n < 10 || n <= 2 * h {
        return None;
    }
    let size = n as f64;
    let mean = differences.iter().sum::<f64>() / size;
    // Newey and West's rule, and at least the overlap of the labels
    let rule = libm::floor(4.0 * libm::pow(size / 100.0, 2.0 / 9.0)) as usize;
    let lags = rule.max(h - 1).min(n - 1);
    let covariance = |lag: usize| {
        differences[lag..].iter().zip(differences).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / size
    };
    let mut variance = covariance(0);
    for lag in 1..=lags {
        variance += 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    }
    if variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let h = h as f64;
    let correction = (size + 1.0 - 2.0 * h + h * (h - 1.0) / size) / size;
    let statistic = mean / libm::sqrt(variance / size) * libm::sqrt(correction);
    let above = |z: f64| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
    Some(Comparison { statistic, p_worse: above(statistic), p_better: above(-statistic) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_loss_is_seen_and_its_mirror_too() {
        let worse: Vec<f64> = (0..400).map(|i| 0.2 + f64::from(i * 7919 % 101) / 101.0 - 0.5).collect();
        let found = diebold_mariano(&worse, 1).unwrap();
        assert!(found.p_worse < 1e-6 && found.p_better > 0.999, "{found:?}");
        let better: Vec<f64> = worse.iter().map(|d| -d).collect();
        let mirrored = diebold_mariano(&better, 1).unwrap();
        assert!((mirrored.statistic + found.statistic).abs() < 1e-12);
        assert_eq!(diebold_mariano(&[1.0; 50], 1), None);
        assert_eq!(diebold_mariano(&worse[..9], 1), None);
    }
}
