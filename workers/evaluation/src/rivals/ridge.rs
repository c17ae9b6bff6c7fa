//! Ridge regression on standardised features, returned over raw ones.

use forest::{Linear, Matrix};

use super::cholesky;
use crate::Sample;

/// Penalty on each coefficient, as a share of the variance of a standardised feature. Features of one price series are
/// strongly correlated; this much costs a lone strong feature a twentieth and keeps the rest from cancelling.
pub const RIDGE_PENALTY: f64 = 0.05;

/// Fits on rows `train`. Where nothing can be learnt the mean is returned, where there are no rows the last value.
pub(super) fn fit(samples: &[Sample], x: &Matrix, train: &[usize]) -> Linear {
    let p = x.cols();
    let mut out = Linear { intercept: 0.0, coefficients: vec![0.0; p], log_close: 0.0 };
    if train.is_empty() {
        return out;
    }
    let n = train.len() as f64;
    let mean_y = train.iter().map(|&i| samples[i].y).sum::<f64>() / n;
    let row = |index: usize| x.row(samples[index].row);
    let mut mean = vec![0.0; p];
    for &index in train {
        mean.iter_mut().zip(row(index)).for_each(|(sum, value)| *sum += value);
    }
    mean.iter_mut().for_each(|sum| *sum /= n);
    let (gram, moment) = moments(samples, train, &mean, mean_y, row);
    let sd: Vec<f64> = (0..p).map(|j| libm::sqrt(gram[j * p + j] / n)).collect();
    // a feature that does not vary (to rounding of its own size) has no say
    let varies: Vec<usize> = (0..p).filter(|&j| sd[j] > 1e-12 * (1.0 + mean[j].abs())).collect();
    let m = varies.len();
    let mut a = vec![0.0; m * m];
    for (r, &i) in varies.iter().enumerate() {
        for (c, &j) in varies.iter().enumerate().take(r + 1) {
            // the upper triangle is the one that was summed
            a[r * m + c] = gram[j.min(i) * p + j.max(i)] / (n * sd[i] * sd[j]);
        }
        a[r * m + r] += RIDGE_PENALTY;
    }
    let b: Vec<f64> = varies.iter().map(|&j| moment[j] / (n * sd[j])).collect();
    out.intercept = mean_y;
    if let Some(solution) = cholesky::solve(&mut a, m, &b) {
        for (&j, standardised) in varies.iter().zip(&solution) {
            out.coefficients[j] = standardised / sd[j];
            out.intercept -= out.coefficients[j] * mean[j];
        }
    }
    out
}

/// Sums of products of centred features (upper triangle) and of centred features with the centred target.
fn moments<'a>(
    samples: &[Sample],
    train: &[usize],
    mean: &[f64],
    mean_y: f64,
    row: impl Fn(usize) -> &'a [f64],
) -> (Vec<f64>, Vec<f64>) {
    let p = mean.len();
    let mut gram = vec![0.0; p * p];
    let mut moment = vec![0.0; p];
    let mut centred = vec![0.0; p];
    for &index in train {
        for (c, (value, mean)) in centred.iter_mut().zip(row(index).iter().zip(mean)) {
            *c = value - mean;
        }
        let y = samples[index].y - mean_y;
        for i in 0..p {
            let ci = centred[i];
            moment[i] += ci * y;
            for (sum, cj) in gram[i * p + i..(i + 1) * p].iter_mut().zip(&centred[i..]) {
                *sum += ci * cj;
            }
        }
    }
    (gram, moment)
}
