//! Training: against an exhaustive search, in any order of blocks, and behind the guard.

use forest::{
    Body, Engine, ForestParams, Matrix, Model, Scope, Section, TrainError, estimate, importance, train,
    train_block,
};

use crate::random::{Stream, table};

const SCOPE: Scope<'static> = Scope { bar: "1m", horizon: 5, fold: 2, group: "ABC" };

fn model(x: &Matrix, trees: Vec<forest::Tree>) -> Model {
    Model::new(7, x.cols(), vec![Section::new(5, "", Body::Forest(trees))]).unwrap()
}

/// The best split of all features by trying every one: (feature, greatest x of the true side, sum of squares left).
fn exhaustive(x: &Matrix, y: &[f64], leaf: usize) -> Option<(usize, f64, f64)> {
    let mut best: Option<(usize, f64, f64)> = None;
    for feature in 0..x.cols() {
        for candidate in 0..x.rows() {
            let split = x.row(candidate)[feature];
            let side = |left: bool| -> Vec<f64> {
                (0..x.rows()).filter(|&r| (x.row(r)[feature] <= split) == left).map(|r| y[r]).collect()
            };
            let (yes, no) = (side(true), side(false));
            if yes.len() < leaf || no.len() < leaf {
                continue;
            }
            let squares = |v: &[f64]| {
                let mean = v.iter().sum::<f64>() / v.len() as f64;
                v.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>()
            };
            let left = squares(&yes) + squares(&no);
            if best.is_none_or(|(_, _, least)| left < least - 1e-12) {
                best = Some((feature, split, left));
            }
        }
    }
    best
}

/// A bootstrap draws rows with replacement, so one tree is no exhaustive search over the rows given. The root of most
/// trees of a forest that sees all features must all the same be the split that the search finds, when one split
/// stands out by far.
#[test]
fn roots_are_where_an_exhaustive_search_puts_them() {
    for seed in 0..8 {
        let mut stream = Stream(seed);
        let mut x = Matrix::with_columns(4);
        let mut y = Vec::new();
        for _ in 0..60 {
            let row: Vec<f64> = (0..4).map(|_| (stream.unit() * 20.0).floor()).collect();
            y.push(if row[(seed % 4) as usize] <= 9.0 { 1.0 } else { 5.0 } + 0.2 * stream.unit());
            x.push_row(&row).unwrap();
        }
        let (feature, split, _) = exhaustive(&x, &y, 3).unwrap();
        let params =
            ForestParams { trees: 10, max_depth: 1, max_features_percent: 100, min_samples_leaf: 3, seed };
        let trees = train_block(Engine::Smartcore, &x, &y, &params, 0, seed).unwrap();
        for tree in trees {
            let root = tree.nodes()[0];
            assert_eq!(root.feature(), Some(feature));
            // the threshold lies between neighbouring values; which ones the bootstrap kept is chance
            assert!((root.split() - split).abs() <= 1.5, "{} against {split}", root.split());
        }
    }
}

#[test]
fn blocks_in_any_order_make_the_same_bytes() {
    let (x, y) = table(400, 6, 3);
    let params =
        ForestParams { trees: 35, max_depth: 5, max_features_percent: 50, min_samples_leaf: 5, seed: 9 };
    assert_eq!(params.blocks(), 4);
    let reference = model(&x, train(Engine::Smartcore, &x, &y, &params, &SCOPE).unwrap());
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let mut blocks = vec![Vec::new(); 4];
        for block in order {
            let seed = SCOPE.seed(params.seed, block);
            blocks[block as usize] = train_block(Engine::Smartcore, &x, &y, &params, block, seed).unwrap();
        }
        assert_eq!(blocks.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 5]);
        assert_eq!(model(&x, blocks.concat()).encode(), reference.encode());
    }
    let other = ForestParams { seed: 10, ..params };
    assert_ne!(
        model(&x, train(Engine::Smartcore, &x, &y, &other, &SCOPE).unwrap()).sha256(),
        reference.sha256()
    );
}

#[test]
fn everything_that_names_a_block_changes_its_seed() {
    let base = forest::seed_mix(1, "1m", 1, 0, "", 0);
    let others = [
        forest::seed_mix(2, "1m", 1, 0, "", 0),
        forest::seed_mix(1, "5m", 1, 0, "", 0),
        forest::seed_mix(1, "1m", 2, 0, "", 0),
        forest::seed_mix(1, "1m", 1, 1, "", 0),
        forest::seed_mix(1, "1m", 1, 0, "A", 0),
        forest::seed_mix(1, "1m", 1, 0, "", 1),
    ];
    let mut all: Vec<u64> = others.into_iter().chain([base]).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 7);
    // recorded models name their seed: the mix must never change
    assert_eq!(base, 880_931_138_794_577_643);
}

#[test]
fn the_forest_learns_and_importance_says_from_what() {
    let (x, y) = table(2_000, 5, 1);
    let params =
        ForestParams { trees: 30, max_depth: 8, max_features_percent: 60, min_samples_leaf: 10, seed: 4 };
    let trees = train(Engine::Smartcore, &x, &y, &params, &SCOPE).unwrap();
    let shares = importance::mdi(&trees, 5);
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(shares[0] > 0.7 && shares[1] > shares[2] && shares[2] < 0.05, "{shares:?}");
    let (probe, truth) = table(500, 5, 2);
    let found = model(&x, trees).predict_batch(5, "any", &probe).unwrap();
    let error: f64 = found.iter().zip(&truth).map(|(f, t)| (f - t) * (f - t)).sum::<f64>() / 500.0;
    assert!(error < 0.05, "mean squared error {error} of a variance of 1.4");
}

#[test]
fn depth_counts_from_zero_and_leaves_hold_their_rows() {
    let (x, y) = table(200, 3, 5);
    for depth in 0..4 {
        let params = ForestParams {
            trees: 10,
            max_depth: depth,
            max_features_percent: 100,
            min_samples_leaf: 1,
            seed: 1,
        };
        let trees = train(Engine::Smartcore, &x, &y, &params, &SCOPE).unwrap();
        assert!(trees.iter().all(|tree| tree.depth() == usize::from(depth)));
    }
    let params =
        ForestParams { trees: 10, max_depth: 9, max_features_percent: 100, min_samples_leaf: 101, seed: 1 };
    let trees = train(Engine::Smartcore, &x, &y, &params, &SCOPE).unwrap();
    assert!(trees.iter().all(|tree| tree.depth() == 0), "two leaves of 101 rows need 202 rows");
}

#[test]
fn nothing_that_breaks_the_engine_reaches_it() {
    let params =
        ForestParams { trees: 10, max_depth: 3, max_features_percent: 33, min_samples_leaf: 2, seed: 1 };
    let run =
        |x: &Matrix, y: &[f64], params: &ForestParams| train_block(Engine::Smartcore, x, y, params, 0, 1);
    let (x, y) = table(30, 2, 1);
    assert!(run(&x, &y, &params).is_ok());
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut values = x.values().to_vec();
        values[7] = bad;
        let broken = Matrix::from_values(2, values).unwrap();
        assert_eq!(run(&broken, &y, &params), Err(TrainError::Feature { row: 3, column: 1 }));
        let mut broken = y.clone();
        broken[4] = bad;
        assert_eq!(run(&x, &broken, &params), Err(TrainError::Target { row: 4 }));
    }
    assert!(matches!(run(&x, &y[1..], &params), Err(TrainError::Targets { targets: 29, rows: 30 })));
    assert!(matches!(run(&Matrix::with_columns(2), &[], &params), Err(TrainError::Shape { rows: 0, .. })));
    assert!(matches!(run(&Matrix::default(), &[], &params), Err(TrainError::Shape { cols: 0, .. })));
    for (field, bad) in [
        ("trees", ForestParams { trees: 0, ..params.clone() }),
        ("maxDepth", ForestParams { max_depth: 65, ..params.clone() }),
        ("maxFeaturesPercent", ForestParams { max_features_percent: 101, ..params.clone() }),
        ("minSamplesLeaf", ForestParams { min_samples_leaf: 0, ..params.clone() }),
    ] {
        let error = run(&x, &y, &bad).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
        assert_eq!(error.kind(), market::ErrorKind::BadInput);
    }
    // extreme but finite: one row, one value everywhere, the ends of f64
    for (x, y) in [
        (vec![1.0, 2.0], vec![3.0]),
        (vec![1.0; 40], vec![2.0; 20]),
        (
            vec![f64::MAX, f64::MIN, f64::MIN, f64::MAX, 0.0, -0.0, f64::MIN_POSITIVE, 1.0],
            vec![1e59, -1e59, 0.0, 1.0],
        ),
    ] {
        let x = Matrix::from_values(2, x).unwrap();
        let trees = run(&x, &y, &ForestParams { min_samples_leaf: 1, ..params.clone() }).unwrap();
        assert!(model(&x, trees).predict(5, "any", &[0.0, 0.0]).unwrap().is_finite());
    }
}

#[test]
fn the_estimate_grows_with_what_costs() {
    let params =
        ForestParams { trees: 64, max_depth: 8, max_features_percent: 35, min_samples_leaf: 4_000, seed: 1 };
    let small = estimate(10_000, 20, &params, 2);
    let large = estimate(200_000, 20, &params, 2);
    assert!(large.bytes > 15 * small.bytes && large.seconds > 15.0 * small.seconds);
    // a table of 32 MB and two engines at work
    assert!((150 << 20..400 << 20).contains(&large.bytes), "{large:?}");
    assert!(estimate(200_000, 20, &params, 1).seconds > 1.9 * large.seconds);
}
