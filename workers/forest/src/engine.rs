//! Growing trees, one block at a time.
//!
//! smartcore is run behind a guard: it panics on NaN in a feature, answers NaN everywhere after one NaN target and
//! accepts rows of the wrong width. None of that is reachable here, because everything is checked first. Its trees are
//! private; they are read through serde into values (never through text, so every float keeps its bits) and turned at
//! once into flat [`Tree`]s, and the engine's own structures are dropped before the next block.

use market::ErrorKind;
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::{Engine, ForestParams, InvalidTree, Matrix, Node, Scope, Tree, limits};

/// Why a block was not trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A parameter that cannot be meant.
    #[error("model.{field} = {value}: {reason}")]
    Parameter {
        /// Manifest field.
        field: &'static str,
        /// What was given.
        value: u64,
        /// What is allowed.
        reason: String,
    },
    /// Nothing to learn from, or more than the engine can number.
    #[error("{rows} rows of {cols} features cannot be trained on: {reason}")]
    Shape {
        /// Rows.
        rows: usize,
        /// Columns.
        cols: usize,
        /// What is allowed.
        reason: String,
    },
    /// As many targets as rows are needed.
    #[error("{targets} targets for {rows} rows; every row needs exactly one")]
    Targets {
        /// Targets.
        targets: usize,
        /// Rows.
        rows: usize,
    },
    /// NaN or infinity in a feature.
    #[error("feature {column} of row {row} is not a finite number; leave the row out of the dataset")]
    Feature {
        /// Row.
        row: usize,
        /// Column.
        column: usize,
    },
    /// A target that is not finite or absurd.
    #[error("the target of row {row} is not a finite number below 1e60; leave the row out of the dataset")]
    Target {
        /// Row.
        row: usize,
    },
    /// The engine's answer was not understood: its version changed under us.
    #[error("engine {engine}: {reason}; this build and its engine do not belong together")]
    Engine {
        /// Engine and version.
        engine: &'static str,
        /// What was found.
        reason: String,
    },
}

impl TrainError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            TrainError::Parameter { .. } => ErrorKind::BadInput,
            TrainError::Shape { .. } => ErrorKind::Refused,
            TrainError::Targets { .. } | TrainError::Feature { .. } | TrainError::Target { .. } => {
                ErrorKind::Bug
            }
            TrainError::Engine { .. } => ErrorKind::Bug,
        }
    }
}

/// Trains one block of at most ten trees. `seed` is that of the block ([`Scope::seed`]); it alone decides the
/// randomness, so the result depends on nothing but the arguments and the engine's version.
pub fn train_block(
    engine: Engine,
    x: &Matrix,
    y: &[f64],
    params: &ForestParams,
    block: u32,
    seed: u64,
) -> Result<Vec<Tree>, TrainError> {
    check_params(params, block)?;
    check_data(x, y)?;
    match engine {
        Engine::Smartcore => smartcore_block(x, y, params, block, seed),
    }
}

/// Trains all blocks one after the other: what a trainer does on many threads, on one.
pub fn train(
    engine: Engine,
    x: &Matrix,
    y: &[f64],
    params: &ForestParams,
    scope: &Scope<'_>,
) -> Result<Vec<Tree>, TrainError> {
    let mut trees = Vec::with_capacity(params.trees as usize);
    for block in 0..params.blocks() {
        trees.extend(train_block(engine, x, y, params, block, scope.seed(params.seed, block))?);
    }
    Ok(trees)
}

fn check_params(params: &ForestParams, block: u32) -> Result<(), TrainError> {
    let refuse = |field, value, reason: String| Err(TrainError::Parameter { field, value, reason });
    if params.trees == 0 || params.trees > limits::TREES {
        return refuse("trees", u64::from(params.trees), format!("use 1 to {}", limits::TREES));
    }
    if params.max_depth > limits::DEPTH {
        return refuse("maxDepth", u64::from(params.max_depth), format!("use 0 to {}", limits::DEPTH));
    }
    if params.max_features_percent == 0 || params.max_features_percent > 100 {
        return refuse("maxFeaturesPercent", u64::from(params.max_features_percent), "use 1 to 100".into());
    }
    if params.min_samples_leaf == 0 {
        return refuse("minSamplesLeaf", 0, "use at least 1".into());
    }
    if params.trees_in(block) == 0 {
        return refuse("trees", u64::from(params.trees), format!("there is no block {block} of them"));
    }
    Ok(())
}

fn check_data(x: &Matrix, y: &[f64]) -> Result<(), TrainError> {
    let (rows, cols) = (x.rows(), x.cols());
    if rows == 0 || rows > limits::ROWS || cols == 0 || cols > limits::FEATURES {
        let reason = format!("use 1 to {} rows and 1 to {} features", limits::ROWS, limits::FEATURES);
        return Err(TrainError::Shape { rows, cols, reason });
    }
    if y.len() != rows {
        return Err(TrainError::Targets { targets: y.len(), rows });
    }
    if let Some(at) = x.values().iter().position(|v| !v.is_finite()) {
        return Err(TrainError::Feature { row: at / cols, column: at % cols });
    }
    match y.iter().position(|v| !v.is_finite() || v.abs() > limits::TARGET) {
        Some(row) => Err(TrainError::Target { row }),
        None => Ok(()),
    }
}

/// The parts of smartcore's forest that a flat tree needs, by the names of its private fields.
#[derive(Deserialize)]
struct Grown {
    forest_regressor: GrownForest,
}

#[derive(Deserialize)]
struct GrownForest {
    trees: Vec<GrownTree>,
}

#[derive(Deserialize)]
struct GrownTree {
    nodes: Vec<GrownNode>,
}

#[derive(Deserialize)]
struct GrownNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    split_score: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

fn not_understood(reason: impl ToString) -> TrainError {
    TrainError::Engine { engine: Engine::Smartcore.version(), reason: reason.to_string() }
}

fn smartcore_block(
    x: &Matrix,
    y: &[f64],
    params: &ForestParams,
    block: u32,
    seed: u64,
) -> Result<Vec<Tree>, TrainError> {
    let forest = smartcore_fit(x, y, params, params.trees_in(block), seed)?;
    // `to_value` keeps each f64 as it is; only text would have to be read back
    let value = serde_json::to_value(&forest).map_err(not_understood)?;
    drop(forest);
    let grown: Grown = serde_json::from_value(value).map_err(not_understood)?;
    grown.forest_regressor.trees.into_iter().map(|tree| flatten(tree, x.cols())).collect()
}

/// The engine's own forest over checked data.
pub(crate) fn smartcore_fit(
    x: &Matrix,
    y: &[f64],
    params: &ForestParams,
    trees: u32,
    seed: u64,
) -> Result<RandomForestRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>, TrainError> {
    // column after column: the split search reads one feature of many rows
    let columns = DenseMatrix::new(x.rows(), x.cols(), x.column_major(), true).map_err(not_understood)?;
    let engine_params = RandomForestRegressorParameters {
        // the engine counts levels from 1 at the root, we count depth from 0
        max_depth: Some(params.max_depth + 1),
        min_samples_leaf: params.min_samples_leaf,
        // fewer rows than two leaves cannot be split: the search is saved
        min_samples_split: params.min_samples_leaf.saturating_mul(2).max(2),
        n_trees: trees as usize,
        m: Some(params.features_per_split(x.cols())),
        keep_samples: false,
        seed,
    };
    RandomForestRegressor::fit(&columns, &y.to_vec(), engine_params).map_err(not_understood)
}

fn flatten(tree: GrownTree, features: usize) -> Result<Tree, TrainError> {
    let mut nodes = Vec::with_capacity(tree.nodes.len());
    let mut values = Vec::with_capacity(tree.nodes.len());
    let mut gains = Vec::with_capacity(tree.nodes.len());
    for node in tree.nodes {
        values.push(node.output);
        match (node.true_child, node.false_child, node.split_value) {
            (None, None, _) => {
                nodes.push(Node::leaf(node.output));
                gains.push(0.0);
            }
            (Some(yes), Some(no), Some(split)) if no == yes + 1 => {
                let feature = u16::try_from(node.split_feature).map_err(not_understood)?;
                nodes.push(Node::inner(feature, split, u32::try_from(yes).map_err(not_understood)?));
                gains.push(node.split_score.unwrap_or(0.0));
            }
            _ => return Err(not_understood("a node is neither leaf nor split")),
        }
    }
    let checked = |error: InvalidTree| not_understood(error);
    Tree::new(nodes, features)
        .and_then(|tree| tree.with_values(values))
        .and_then(|tree| tree.with_gains(gains))
        .map_err(checked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Body, Model, Section};

    /// Rows on a coarse grid, so that ties and splits that fall exactly on a value are common.
    fn table(cols: usize, seed: u64, rows: usize) -> (Matrix, Vec<f64>) {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1 << 24) as f64
        };
        let mut x = Matrix::with_columns(cols);
        let mut y = Vec::new();
        for _ in 0..rows {
            let row: Vec<f64> =
                (0..cols).map(|c| if c % 2 == 0 { (next() * 8.0).floor() } else { next() }).collect();
            y.push(row[0] * 0.5 - row[cols - 1] + next());
            x.push_row(&row).unwrap();
        }
        (x, y)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn flat_trees_answer_with_the_bits_of_the_engine(
            seed in any::<u64>(), cols in 1_usize..7, rows in 1_usize..120, depth in 0_u16..7, leaf in 1_usize..6,
        ) {
            let (x, y) = table(cols, seed, rows);
            let params = ForestParams {
                trees: 7, max_depth: depth, max_features_percent: 40, min_samples_leaf: leaf, seed,
            };
            let trees = train_block(Engine::Smartcore, &x, &y, &params, 0, seed).unwrap();
            prop_assert!(trees.iter().all(|tree| tree.depth() <= usize::from(depth)));
            let reference = smartcore_fit(&x, &y, &params, 7, seed).unwrap();
            let shares = crate::importance::mdi(&trees, cols);
            for (share, expected) in shares.iter().zip(reference.compute_feature_importances().unwrap()) {
                prop_assert!((share - expected).abs() < 1e-9);
            }
            let (probe, _) = table(cols, seed ^ 0xabc, 64);
            let columns = DenseMatrix::new(64, cols, probe.column_major(), true).unwrap();
            let expected = reference.predict(&columns).unwrap();
            let model = Model::new(1, cols, vec![Section::new(1, "", Body::Forest(trees))]).unwrap();
            let found = model.predict_batch(1, "any", &probe).unwrap();
            for row in 0..64 {
                prop_assert_eq!(found[row].to_bits(), expected[row].to_bits());
                let single = model.predict(1, "any", probe.row(row)).unwrap();
                prop_assert_eq!(single.to_bits(), expected[row].to_bits());
            }
        }
    }
}
