//! Solving A x = b for a symmetric positive definite A: the ridge penalty makes every A here one.

/// Solves in place over a row-major n x n matrix of which the lower triangle is read; the solution, or nothing where A
/// is not positive definite to working precision.
pub(super) fn solve(a: &mut [f64], n: usize, b: &[f64]) -> Option<Vec<f64>> {
    for col in 0..n {
        for row in col..n {
            let dot: f64 = (0..col).map(|k| a[row * n + k] * a[col * n + k]).sum();
            let rest = a[row * n + col] - dot;
            a[row * n + col] = if row == col {
                if rest.is_nan() || rest <= f64::MIN_POSITIVE {
                    return None;
                }
                libm::sqrt(rest)
            } else {
                rest / a[col * n + col]
            };
        }
    }
    let mut x = b.to_vec();
    for row in 0..n {
        let dot: f64 = (0..row).map(|k| a[row * n + k] * x[k]).sum();
        x[row] = (x[row] - dot) / a[row * n + row];
    }
    for row in (0..n).rev() {
        let dot: f64 = (row + 1..n).map(|k| a[k * n + row] * x[k]).sum();
        x[row] = (x[row] - dot) / a[row * n + row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_solution_solves(values in prop::collection::vec(-1.0_f64..1.0, 20), b in prop::collection::vec(-1.0_f64..1.0, 4)) {
            // A = M Mt + 0.1 I
            let n = 4;
            let mut a = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..n {
                    a[i * n + j] = (0..5).map(|k| values[i * 5 + k] * values[j * 5 + k]).sum::<f64>();
                }
                a[i * n + i] += 0.1;
            }
            let x = solve(&mut a.clone(), n, &b).unwrap();
            for i in 0..n {
                let found: f64 = (0..n).map(|j| a[i * n + j] * x[j]).sum();
                prop_assert!((found - b[i]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_solution_here() {
        assert_eq!(solve(&mut [1.0, 0.0, 2.0, 1.0], 2, &[1.0, 1.0]), None);
    }
}
