//! How much memory a trainer may use, from what it will hold at once. The trainer makes the same estimate with the rows
//! it finds, and refuses a run that does not fit, with the numbers; so this is rather too much than too little.

use crds::training_run::Model;

/// Processors of a trainer, and so blocks of trees that are grown at once: memory grows with them.
pub const THREADS: u64 = 2;
/// Bytes of the process without a dataset: clients, buffers, code.
const BASE: u64 = 192 << 20;
/// Rows where nobody can say how many there are.
const UNKNOWN_ROWS: u64 = 100_000;
/// Features of a row, at most.
const COLUMNS: u64 = 64;
/// Bytes of a cell: the table, the selection that a fold takes, and that of its test part.
const BYTES_PER_CELL: u64 = 24;
/// Bytes of a cell in each block that is grown: a column copy, its order, a tree's own copy.
const ENGINE_BYTES_PER_CELL: u64 = 24;
/// Bytes of a row in each block.
const ENGINE_BYTES_PER_ROW: u64 = 64;
/// Bytes of a node while it is converted.
const BYTES_PER_NODE: u64 = 1_000;
/// Bytes of a node that is kept.
const BYTES_PER_KEPT_NODE: u64 = 32;
/// Trees of a block.
const TREES_PER_BLOCK: u64 = 10;
/// The least limit.
const LEAST: u64 = 384 << 20;
/// The greatest limit that is asked for unasked; more is said by podOverrides.
const GREATEST: u64 = 64 << 30;
/// Limits are multiples of this.
const STEP: u64 = 64 << 20;

/// The limit in mebibytes, for so many rows.
pub fn limit_mib(rows: Option<i64>, model: &Model) -> u64 {
    let rows =
        rows.and_then(|rows| u64::try_from(rows).ok()).filter(|rows| *rows > 0).unwrap_or(UNKNOWN_ROWS);
    let cells = rows.saturating_mul(COLUMNS);
    let leaves = rows.min(1_u64 << u32::try_from(model.max_depth.clamp(0, 40)).unwrap_or(0));
    let nodes = 2 * leaves;
    let engine = cells
        .saturating_mul(ENGINE_BYTES_PER_CELL)
        .saturating_add(rows.saturating_mul(ENGINE_BYTES_PER_ROW))
        .saturating_add(nodes.saturating_mul(TREES_PER_BLOCK * BYTES_PER_NODE));
    let trees = u64::try_from(model.trees.max(1)).unwrap_or(1);
    let bytes = BASE
        .saturating_add(cells.saturating_mul(BYTES_PER_CELL))
        .saturating_add(engine.saturating_mul(THREADS))
        .saturating_add(nodes.saturating_mul(trees).saturating_mul(BYTES_PER_KEPT_NODE));
    (bytes.div_ceil(STEP).saturating_mul(STEP)).clamp(LEAST, GREATEST) >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_rows_and_depth_within_bounds() {
        let model = Model::default();
        let deep = Model { max_depth: 20, trees: 2000, ..Model::default() };
        for (rows, model, mib) in [
            (Some(0), &model, limit_mib(None, &model)),
            (Some(2_000), &model, 384),
            (Some(20_000), &model, 384),
            (Some(100_000), &model, 704),
            (Some(i64::MAX), &model, 64 << 10),
        ] {
            assert_eq!(limit_mib(rows, model), mib, "{rows:?}");
        }
        assert!(limit_mib(Some(1_000_000), &model) > 6 * limit_mib(Some(100_000), &model) / 2);
        assert!(limit_mib(Some(100_000), &deep) > 2 * limit_mib(Some(100_000), &model));
    }
}
