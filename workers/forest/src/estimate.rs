//! What a training will cost, before it is started: a run that cannot fit is refused with these numbers.
//!
//! Coarse by intention: within a factor of two on one current core. The memory is the engine's known arrays.

use crate::{ForestParams, Matrix};

/// Seconds to look at one row, one feature and one level of a tree, partitioning included; measured with smartcore on
/// 10k to 200k rows, which all lie within a factor of two of it.
const SECONDS_PER_STEP: f64 = 30e-9;
/// Bytes a cell of the table: the engine's column copy, its sort order and a tree's own sorted copy.
const ENGINE_BYTES_PER_CELL: u64 = 24;
/// Bytes a row beside the cells: counts, flags, partition buffer and targets.
const ENGINE_BYTES_PER_ROW: u64 = 64;
/// Bytes of a node while it goes from the engine through serde into flat form.
const CONVERSION_BYTES_PER_NODE: u64 = 1_000;

/// Expected cost of one forest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Peak bytes, the table itself included.
    pub bytes: u64,
    /// Seconds on so many idle cores.
    pub seconds: f64,
}

/// Cost of one forest over so many rows and features on so many threads (blocks in flight).
pub fn estimate(rows: usize, features: usize, params: &ForestParams, threads: u32) -> Estimate {
    let at_once = u64::from(threads.clamp(1, params.blocks().max(1)));
    let cells = rows as u64 * features as u64;
    let leaves_by_rows = (rows / params.min_samples_leaf.max(1)).max(1) as u64;
    let leaves = leaves_by_rows.min(1_u64 << params.max_depth.min(40));
    let nodes = 2 * leaves * u64::from(crate::TREES_PER_BLOCK);
    let engine = cells * ENGINE_BYTES_PER_CELL
        + rows as u64 * ENGINE_BYTES_PER_ROW
        + nodes * CONVERSION_BYTES_PER_NODE;
    let flat = 2 * leaves * u64::from(params.trees) * 32;
    let levels = libm::log2(leaves as f64).max(1.0);
    let steps = rows as f64 * levels * params.features_per_split(features) as f64 * f64::from(params.trees);
    Estimate {
        bytes: cells * size_of::<f64>() as u64 + engine * at_once + flat,
        seconds: steps * SECONDS_PER_STEP / at_once as f64,
    }
}

impl Matrix {
    /// Bytes its values take.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values())
    }
}
