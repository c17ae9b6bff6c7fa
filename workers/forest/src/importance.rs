//! Mean decrease in impurity: what the splits on each feature took off the squared error in training. Free, and
//! biased towards features with many values; a permutation test on rows out of sample is the one to believe.

use crate::Tree;

/// One share a feature. The shares of each tree are normalised before they are averaged, so that a tree with a lucky
/// bootstrap does not outweigh the rest; they add up to 1, or are all 0 where no tree split at all.
pub fn mdi(trees: &[Tree], features: usize) -> Vec<f64> {
    let mut total = vec![0.0; features];
    let mut one = vec![0.0; features];
    for tree in trees {
        one.fill(0.0);
        for (node, gain) in tree.nodes().iter().zip(tree.gains()) {
            if let Some(share) = node.feature().and_then(|feature| one.get_mut(feature)) {
                *share += gain;
            }
        }
        let sum: f64 = one.iter().sum();
        if sum > 0.0 {
            for (total, share) in total.iter_mut().zip(&one) {
                *total += share / sum;
            }
        }
    }
    let sum: f64 = total.iter().sum();
    if sum > 0.0 {
        for share in &mut total {
            *share /= sum;
        }
    }
    total
}
