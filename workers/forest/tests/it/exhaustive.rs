//! Whole trees against an exhaustive split search.
//!
//! The engine draws its rows with replacement before it looks at any value, and the draw depends on nothing but the
//! seed and the number of rows. A tree that is only a root answers the mean target of the rows it drew, so targets that
//! are 1 for one row and 0 for all others tell how often that row was drawn. With the draw known, every node can be
//! held against a search that tries every feature at every place.

use forest::{Engine, ForestParams, Matrix, Node, Tree, train_block};
use proptest::prelude::*;

use crate::random::Stream;

/// One row as often as it was drawn.
#[derive(Clone)]
struct Drawn {
    x: Vec<f64>,
    y: f64,
    times: usize,
}

fn params(depth: u16, leaf: usize) -> ForestParams {
    ForestParams { trees: 1, max_depth: depth, max_features_percent: 100, min_samples_leaf: leaf, seed: 0 }
}

fn grow(x: &Matrix, y: &[f64], depth: u16, leaf: usize, seed: u64) -> Tree {
    train_block(Engine::Smartcore, x, y, &params(depth, leaf), 0, seed).unwrap().remove(0)
}

/// How often each row is drawn under a seed.
fn draw(x: &Matrix, seed: u64) -> Vec<usize> {
    let rows = x.rows();
    let times = |row: usize| {
        let y: Vec<f64> = (0..rows).map(|r| if r == row { 1.0 } else { 0.0 }).collect();
        (grow(x, &y, 0, 1, seed).values()[0] * rows as f64).round() as usize
    };
    (0..rows).map(times).collect()
}

fn drawn(x: &Matrix, y: &[f64], times: &[usize]) -> Vec<Drawn> {
    let all = (0..x.rows()).map(|r| Drawn { x: x.row(r).to_vec(), y: y[r], times: times[r] });
    all.filter(|row| row.times > 0).collect()
}

fn count(rows: &[Drawn]) -> usize {
    rows.iter().map(|r| r.times).sum()
}

fn mean(rows: &[Drawn]) -> f64 {
    rows.iter().map(|r| r.y * r.times as f64).sum::<f64>() / count(rows) as f64
}

/// Sum of squared distances from the mean, in two passes.
fn squares(rows: &[Drawn]) -> f64 {
    let mean = mean(rows);
    rows.iter().map(|r| (r.y - mean) * (r.y - mean) * r.times as f64).sum()
}

fn sides(rows: &[Drawn], feature: usize, split: f64) -> (Vec<Drawn>, Vec<Drawn>) {
    rows.iter().cloned().partition(|r| r.x[feature] <= split)
}

fn gain(rows: &[Drawn], feature: usize, split: f64) -> f64 {
    let (yes, no) = sides(rows, feature, split);
    squares(rows) - squares(&yes) - squares(&no)
}

/// The greatest gain of all splits that leave each side enough rows; `None` where there is none.
fn best(rows: &[Drawn], leaf: usize) -> Option<f64> {
    let features = rows[0].x.len();
    let places = (0..features).flat_map(|f| rows.iter().map(move |r| (f, r.x[f])));
    let allowed = places.filter(|&(f, split)| {
        let (yes, no) = sides(rows, f, split);
        !yes.is_empty() && !no.is_empty() && count(&yes) >= leaf && count(&no) >= leaf
    });
    allowed.map(|(f, split)| gain(rows, f, split)).max_by(f64::total_cmp)
}

/// What is wrong with a tree over these rows, if anything.
fn fault(tree: &Tree, rows: &[Drawn], depth: u16, leaf: usize) -> Option<String> {
    let mut open = vec![(0_usize, rows.to_vec(), 0_u16)];
    while let Some((at, rows, level)) = open.pop() {
        let (node, size) = (tree.nodes()[at], squares(&rows).max(1e-9));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * size.max(b.abs());
        if !near(tree.values()[at], mean(&rows)) {
            return Some(format!("node {at} answers {} of {}", tree.values()[at], mean(&rows)));
        }
        let best = if level < depth { best(&rows, leaf) } else { None };
        let Some(feature) = node.feature() else {
            if !near(node.split(), mean(&rows)) {
                return Some(format!("leaf {at} answers {} of {}", node.split(), mean(&rows)));
            }
            match best.filter(|gain| *gain > 1e-9 * size) {
                Some(gain) => return Some(format!("leaf {at} leaves a gain of {gain}")),
                None => continue,
            }
        };
        let (yes, no) = sides(&rows, feature, node.split());
        if level >= depth || count(&yes) < leaf || count(&no) < leaf {
            return Some(format!("node {at} must not be split so"));
        }
        let found = gain(&rows, feature, node.split());
        if !near(found, best.unwrap_or(f64::NEG_INFINITY)) || !near(tree.gains()[at], found) {
            return Some(format!("node {at} gains {found} (says {}) of {best:?}", tree.gains()[at]));
        }
        // Halfway between the values it parts: a row never seen falls to the nearer side.
        let below = yes.iter().map(|r| r.x[feature]).fold(f64::NEG_INFINITY, f64::max);
        let above = no.iter().map(|r| r.x[feature]).fold(f64::INFINITY, f64::min);
        if (node.split() - (below + above) / 2.0).abs() > 1e-12 * above.abs().max(1.0) {
            return Some(format!("node {at} splits at {}, not between {below} and {above}", node.split()));
        }
        let child = node.child();
        open.push((child, yes, level + 1));
        open.push((child + 1, no, level + 1));
    }
    None
}

/// Few distinct values in most columns, so that ties are common; one column may be constant.
fn table(stream: &mut Stream, rows: usize, cols: usize) -> (Matrix, Vec<f64>) {
    let kinds: Vec<usize> = (0..cols).map(|_| stream.below(4)).collect();
    let (mut x, mut y) = (Matrix::with_columns(cols), Vec::new());
    let whole = stream.below(2) == 0;
    for _ in 0..rows {
        let row: Vec<f64> = kinds
            .iter()
            .map(|kind| match kind {
                0 => 3.0,
                1 => stream.below(3) as f64,
                2 => stream.below(12) as f64 - 6.0,
                _ => stream.unit(),
            })
            .collect();
        let noise = if whole { stream.below(3) as f64 } else { stream.unit() };
        y.push(row[0] - row[cols - 1] * 0.5 + noise);
        x.push_row(&row).unwrap();
    }
    (x, y)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_node_is_where_an_exhaustive_search_puts_it(
        seed in any::<u64>(), rows in 1_usize..40, cols in 1_usize..5, depth in 0_u16..7, leaf in 1_usize..5,
    ) {
        let (x, y) = table(&mut Stream(seed), rows, cols);
        let times = draw(&x, seed);
        prop_assert_eq!(times.iter().sum::<usize>(), rows);
        let tree = grow(&x, &y, depth, leaf, seed);
        let wrong = fault(&tree, &drawn(&x, &y, &times), depth, leaf);
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap());
    }
}

/// The search must be able to object: to another draw, another place, another answer, a split not made.
#[test]
fn a_tree_that_is_off_is_told_apart() {
    let (depth, leaf) = (4, 2);
    let (mut draws, mut places, mut answers, mut leaves) = (0, 0, 0, 0);
    for seed in 0..20 {
        let (x, y) = table(&mut Stream(seed), 30, 3);
        let rows = drawn(&x, &y, &draw(&x, seed));
        let tree = grow(&x, &y, depth, leaf, seed);
        assert_eq!(fault(&tree, &rows, depth, leaf), None);
        let objects = |tree: &Tree, rows: &[Drawn]| usize::from(fault(tree, rows, depth, leaf).is_some());
        draws += objects(&tree, &drawn(&x, &y, &[1; 30]));
        let rebuilt = |nodes: Vec<Node>| {
            let made = Tree::new(nodes, 3).and_then(|t| t.with_values(tree.values().to_vec()));
            made.and_then(|t| t.with_gains(tree.gains().to_vec())).unwrap()
        };
        let mut moved = tree.nodes().to_vec();
        let root = moved[0];
        let feature = root.feature().unwrap();
        let least = rows.iter().map(|r| r.x[feature]).fold(f64::INFINITY, f64::min);
        moved[0] = Node::inner(feature as u16, least, root.child() as u32);
        places += objects(&rebuilt(moved), &rows);
        let mut off = tree.nodes().to_vec();
        let last = off.len() - 1;
        off[last] = Node::leaf(off[last].split() + 0.01);
        answers += objects(&rebuilt(off), &rows);
        leaves += objects(&grow(&x, &y, 0, leaf, seed), &rows);
    }
    assert_eq!((draws, places, answers, leaves), (20, 20, 20, 20));
}
