//! Plain measures over plain slices. Where a measure is not defined it is absent, never NaN.

/// Mean of a slice; 0 for an empty one.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Root mean squared error.
pub fn rmse(forecast: &[f64], truth: &[f64]) -> f64 {
    let squares: Vec<f64> = forecast.iter().zip(truth).map(|(f, t)| (f - t) * (f - t)).collect();
    libm::sqrt(mean(&squares))
}

/// Mean absolute error.
pub fn mae(forecast: &[f64], truth: &[f64]) -> f64 {
    let errors: Vec<f64> = forecast.iter().zip(truth).map(|(f, t)| (f - t).abs()).collect();
    mean(&errors)
}

/// R²: 1 - SSE / sum of squares about the mean of these very rows. For continuity only: that mean was not known when
/// the forecasts were made.
pub fn r_squared(forecast: &[f64], truth: &[f64]) -> Option<f64> {
    let centre = mean(truth);
    let total: f64 = truth.iter().map(|t| (t - centre) * (t - centre)).sum();
    let error: f64 = forecast.iter().zip(truth).map(|(f, t)| (f - t) * (f - t)).sum();
    (total > 0.0).then(|| 1.0 - error / total)
}

/// Pearson correlation; absent where one side does not vary.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        aa += (a - mean_a) * (a - mean_a);
        bb += (b - mean_b) * (b - mean_b);
        ab += (a - mean_a) * (b - mean_b);
    }
    // below rounding of the mean a side counts as constant
    let varies = |squares: f64, mean: f64| squares > a.len() as f64 * 1e-28 * (mean * mean) && squares > 0.0;
    (varies(aa, mean_a) && varies(bb, mean_b)).then(|| ab / (libm::sqrt(aa) * libm::sqrt(bb)))
}

/// Spearman rank correlation: Pearson over ranks, ties sharing their mean rank.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    correlation(&ranks(a), &ranks(b))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut out = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        for &index in &order[start..end] {
            out[index] = (start + end - 1) as f64 / 2.0;
        }
        start = end;
    }
    out
}

/// How often the sign was right, with its Wilson interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directional {
    /// Rows with a sign on both sides.
    pub rows: usize,
    /// Share of them with equal signs.
    pub accuracy: f64,
    /// Lower end of the 95 % Wilson interval; rows that overlap make it too narrow.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Directional accuracy over rows where neither side is 0; absent where there is none.
pub fn directional(forecast: &[f64], truth: &[f64]) -> Option<Directional> {
    let signed = forecast.iter().zip(truth).filter(|(f, t)| **f != 0.0 && **t != 0.0);
    let (mut rows, mut hits) = (0_usize, 0_usize);
    for (f, t) in signed {
        rows += 1;
        hits += usize::from((*f > 0.0) == (*t > 0.0));
    }
    if rows == 0 {
        return None;
    }
    // 97.5 % point of the normal distribution
    let z = 1.959_963_984_540_054;
    let n = rows as f64;
    let share = hits as f64 / n;
    let scale = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / scale;
    let half = z / scale * libm::sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n));
    Some(Directional { rows, accuracy: share, low: centre - half, high: centre + half })
}

/// 1 - error / reference; 0 where the reference has no error, because nothing was left to gain.
pub fn skill(error: f64, reference: f64) -> f64 {
    if reference > 0.0 { 1.0 - error / reference } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let truth = [1.0, 2.0, 3.0, 4.0];
        let forecast = [1.0, 2.0, 3.0, 2.0];
        assert_eq!(rmse(&forecast, &truth), 1.0);
        assert_eq!(mae(&forecast, &truth), 0.5);
        assert_eq!(r_squared(&forecast, &truth), Some(1.0 - 4.0 / 5.0));
        assert_eq!(r_squared(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert!((correlation(&truth, &[2.0, 4.0, 6.0, 8.0]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(correlation(&truth, &[0.1; 4]), None);
        assert!((rank_correlation(&[1.0, 10.0, 100.0], &[-1.0, -2.0, -3.0]).unwrap() + 1.0).abs() < 1e-12);
        assert_eq!(ranks(&[5.0, 1.0, 5.0]), [1.5, 0.0, 1.5]);
        assert_eq!(skill(1.0, 4.0), 0.75);
        assert_eq!(skill(0.0, 0.0), 0.0);
    }

    #[test]
    fn direction_has_a_wilson_interval() {
        let forecast: Vec<f64> = (0..100).map(|i| if i < 60 { 1.0 } else { -1.0 }).collect();
        let found = directional(&forecast, &[1.0; 100]).unwrap();
        assert_eq!(found.accuracy, 0.6);
        assert!((found.low - 0.5020).abs() < 1e-4 && (found.high - 0.6906).abs() < 1e-4, "{found:?}");
        assert_eq!(directional(&[0.0], &[1.0]), None);
    }
}
