//! How sure a skill is: the stationary bootstrap over target instants.
//!
//! Blocks of geometric length keep the dependence between neighbours; their mean is max(2h, n^(1/3)), so that labels
//! that overlap stay together. Prefix sums make a draw cost its blocks, not its rows.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::metrics::skill;

/// Mean block length for `instants` instants and a horizon of `horizon` bars.
pub fn block_length(horizon: u32, instants: usize) -> f64 {
    f64::from(2 * horizon.max(1)).max(libm::cbrt(instants as f64))
}

/// The drawn skills of one set of instants, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    skills: Vec<f64>,
}

impl Bootstrap {
    /// Draws. `errors` holds, for each target instant in time order, the squared scaled errors of the model and of the
    /// three naive forecasts, each summed over symbols. The best naive is chosen anew in every draw, as it is in the
    /// skill itself. Absent for fewer than two instants.
    pub fn draw(errors: &[[f64; 4]], mean_block: f64, draws: u32, seed: u64) -> Option<Self> {
        let n = errors.len();
        if n < 2 || draws == 0 {
            return None;
        }
        let prefix = prefix_sums(errors);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // P(block goes on) = 1 - 1/mean; the length follows by inversion
        let log_go_on = libm::log1p(-1.0 / mean_block.max(1.0 + 1e-9));
        let mut skills = Vec::with_capacity(draws as usize);
        for _ in 0..draws {
            let mut sums = [0.0; 4];
            let mut left = n;
            while left > 0 {
                let start = rng.random_range(0..n);
                // 1 - u lies in (0, 1], where the logarithm is finite
                let u: f64 = 1.0 - rng.random::<f64>();
                let length = (1.0 + libm::floor(libm::log(u) / log_go_on)).min(left as f64) as usize;
                let until = start + length;
                add(&mut sums, &prefix, start, until.min(n));
                if until > n {
                    add(&mut sums, &prefix, 0, until - n);
                }
                left -= length;
            }
            skills.push(skill(sums[0], sums[1].min(sums[2]).min(sums[3])));
        }
        skills.sort_by(f64::total_cmp);
        Some(Self { skills })
    }

    /// The value that a share `level` of the draws lies below.
    pub fn quantile(&self, level: f64) -> f64 {
        let last = self.skills.len() - 1;
        let index = libm::floor(level.clamp(0.0, 1.0) * last as f64) as usize;
        self.skills[index.min(last)]
    }
}

fn prefix_sums(errors: &[[f64; 4]]) -> Vec<[f64; 4]> {
    let mut sum = [0.0; 4];
    let mut out = Vec::with_capacity(errors.len() + 1);
    out.push(sum);
    for row in errors {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value;
        }
        out.push(sum);
    }
    out
}

fn add(sums: &mut [f64; 4], prefix: &[[f64; 4]], from: usize, to: usize) {
    for (k, sum) in sums.iter_mut().enumerate() {
        *sum += prefix[to][k] - prefix[from][k];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_errors_have_no_spread_and_seeds_decide() {
        let flat = vec![[0.5, 1.0, 2.0, 3.0]; 300];
        let draws = Bootstrap::draw(&flat, 5.0, 200, 1).unwrap();
        assert!((draws.quantile(0.01) - 0.5).abs() < 1e-12 && (draws.quantile(0.99) - 0.5).abs() < 1e-12);
        let rough: Vec<[f64; 4]> = (0..300).map(|i| [f64::from(i * 7919 % 13), 9.0, 9.0, 9.0]).collect();
        let once = Bootstrap::draw(&rough, 5.0, 200, 1);
        assert_eq!(once, Bootstrap::draw(&rough, 5.0, 200, 1));
        assert_ne!(once, Bootstrap::draw(&rough, 5.0, 200, 2));
        assert_eq!(Bootstrap::draw(&rough[..1], 5.0, 200, 1), None);
    }

    /// Independent errors: the spread must be that of the mean, or the blocks are wrong.
    #[test]
    fn the_spread_is_that_of_theory() {
        let n = 2_000;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let errors: Vec<[f64; 4]> = (0..n).map(|_| [rng.random::<f64>(), 1.0, 1.0, 1.0]).collect();
        let draws = Bootstrap::draw(&errors, block_length(1, n), 2_000, 9).unwrap();
        // sd of a mean of uniforms; 10 % to 90 % spans 2.563 of it
        let expected = 2.563 * libm::sqrt(1.0 / 12.0 / n as f64);
        let found = draws.quantile(0.9) - draws.quantile(0.1);
        assert!((found / expected - 1.0).abs() < 0.15, "{found} against {expected}");
    }
}
