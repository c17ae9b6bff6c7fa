//! What a forest is trained with, and how one seed becomes the seeds of its blocks.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Trees of one block, the unit of parallel training.
pub const TREES_PER_BLOCK: u32 = 10;

/// What grows trees. Whatever grows them, the result is the same flat [`Tree`](crate::Tree): a histogram engine takes
/// its place as another variant here and another arm in [`train_block`](crate::train_block).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Engine {
    /// Exact splits by the `smartcore` crate: the reference.
    Smartcore,
}

impl Engine {
    /// Name and version as recorded beside a model: bytes are promised equal only within one of them.
    pub fn version(self) -> &'static str {
        match self {
            Engine::Smartcore => "smartcore 0.7.0",
        }
    }
}

/// Shape of a forest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForestParams {
    /// Number of trees.
    pub trees: u32,
    /// Greatest depth; the root is at depth 0.
    pub max_depth: u16,
    /// Share of the features tried at each split, in percent; at least one feature is tried.
    pub max_features_percent: u32,
    /// Least (bootstrapped) rows of a leaf.
    pub min_samples_leaf: usize,
    /// Seed of the run.
    pub seed: u64,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self { trees: 100, max_depth: 8, max_features_percent: 33, min_samples_leaf: 50, seed: 42 }
    }
}

impl ForestParams {
    /// Features tried at each split out of `features`.
    pub fn features_per_split(&self, features: usize) -> usize {
        (features * self.max_features_percent as usize / 100).clamp(1, features.max(1))
    }

    /// Number of blocks.
    pub fn blocks(&self) -> u32 {
        self.trees.div_ceil(TREES_PER_BLOCK)
    }

    /// Trees of one block: ten, or what is left for the last one; 0 behind it.
    pub fn trees_in(&self, block: u32) -> u32 {
        self.trees.saturating_sub(block.saturating_mul(TREES_PER_BLOCK)).min(TREES_PER_BLOCK)
    }
}

/// Which forest of a run a block belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Bar size, canonical.
    pub bar: &'a str,
    /// Bars ahead.
    pub horizon: u32,
    /// Fold, from 0; [`Scope::FINAL`] for the fit on all rows.
    pub fold: u32,
    /// Symbol, or empty for the pooled forest.
    pub group: &'a str,
}

impl Scope<'_> {
    /// The "fold" of the fit that is published.
    pub const FINAL: u32 = u32::MAX;

    /// The seed of one block.
    pub fn seed(&self, run_seed: u64, block: u32) -> u64 {
        seed_mix(run_seed, self.bar, self.horizon, self.fold, self.group, block)
    }
}

/// The seed of one block: a digest of everything that names it, so that no two blocks of a run share a stream.
pub fn seed_mix(run_seed: u64, bar: &str, horizon: u32, fold: u32, group: &str, block: u32) -> u64 {
    let mut digest = Sha256::new();
    digest.update(run_seed.to_le_bytes());
    digest.update((bar.len() as u64).to_le_bytes());
    digest.update(bar.as_bytes());
    digest.update(horizon.to_le_bytes());
    digest.update(fold.to_le_bytes());
    digest.update((group.len() as u64).to_le_bytes());
    digest.update(group.as_bytes());
    digest.update(block.to_le_bytes());
    let bytes = digest.finalize();
    bytes.iter().take(8).rev().fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}
