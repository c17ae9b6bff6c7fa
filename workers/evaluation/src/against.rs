//! The published forecast against each other forecast of the same rows, one by one.

use crate::{Naive, OosRow, Rival, diebold_mariano, metrics, score::by_instant};

/// One comparison with a naive or a linear rival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// Name of the other forecast.
    pub name: &'static str,
    /// 1 - SSE / SSE of the other, errors scaled as for every skill.
    pub skill: f64,
    /// Two-sided p-value that the losses differ (Diebold-Mariano); absent where they do not vary.
    pub dm_p: Option<f64>,
}

/// Compares out-of-sample rows with the naives, then with the rivals. Empty without rows.
pub fn against(rows: &[OosRow], horizon: u32) -> Vec<Against> {
    let all: Vec<&OosRow> = rows.iter().collect();
    let instants = by_instant(&all);
    if instants.is_empty() {
        return Vec::new();
    }
    let sum = |column: usize| instants.iter().map(|losses| losses[column]).sum::<f64>();
    let names = Naive::ALL.iter().map(|n| n.as_str()).chain(Rival::ALL.iter().map(|r| r.as_str()));
    let compare = |(i, name): (usize, &'static str)| {
        let differences: Vec<f64> = instants.iter().map(|losses| losses[0] - losses[1 + i]).collect();
        let dm = diebold_mariano(&differences, horizon);
        Against {
            name,
            skill: metrics::skill(sum(0), sum(1 + i)),
            dm_p: dm.map(|c| (2.0 * c.p_better.min(c.p_worse)).min(1.0)),
        }
    };
    names.enumerate().map(compare).collect()
}

#[cfg(test)]
mod tests {
    use market::Timestamp;

    use super::*;

    fn rows(n: i64) -> Vec<OosRow> {
        let wave = |i: i64| (i * 7_919 % 101) as f64 / 101.0 - 0.5;
        (0..n)
            .map(|i| OosRow {
                sample: i as usize,
                fold: 0,
                symbol: 0,
                as_of: Timestamp::from_micros(i),
                target_ts: Timestamp::from_micros(i + 1),
                close: 100.0,
                sigma: 1.0,
                y: wave(i),
                model: wave(i) * 0.5,
                naive: [0.0, wave(i), wave(i + 3)],
                rival: [wave(i) * 0.5, 0.0, wave(i) * 0.9],
            })
            .collect()
    }

    #[test]
    fn each_comparison_stands_by_itself() {
        let found = against(&rows(400), 1);
        let names: Vec<&str> = found.iter().map(|a| a.name).collect();
        assert_eq!(
            names,
            ["last value", "mean return", "mean price", "AR(1) on returns", "AR(1) on log price", "ridge"]
        );
        // Half the error of the last value leaves a quarter of its squares.
        assert!((found[0].skill - 0.75).abs() < 1e-12 && found[0].dm_p.unwrap() < 1e-6, "{:?}", found[0]);
        assert!(found[2].skill > 0.75);
        // The same forecast: no difference, and nothing to test.
        assert_eq!((found[3].skill, found[3].dm_p), (0.0, None));
        assert!(found[5].skill < -20.0 && found[5].dm_p.unwrap() < 1e-6, "worse is told too: {:?}", found[5]);
        assert_eq!(against(&[], 1), []);
    }
}
