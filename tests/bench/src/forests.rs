//! Training and scoring: 64 trees of depth 8 on 20 columns.

use std::{
    error::Error,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use forest::{Body, Engine, ForestParams, Matrix, Model, Scope, Section, TrainError, Tree, train_block};

use crate::figures::{Measured, Side};

const ROWS: usize = 200_000;
const COLUMNS: usize = 20;
const THREADS: u32 = 2;
const SCOPE: Scope<'static> = Scope { bar: "1m", horizon: 1, fold: Scope::FINAL, group: "" };

fn params() -> ForestParams {
    ForestParams { trees: 64, max_depth: 8, ..ForestParams::default() }
}

/// Rows with a weak signal in two columns, as returns have.
fn data(rows: usize) -> Result<(Matrix, Vec<f64>), Box<dyn Error>> {
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let (mut x, mut y) = (Matrix::with_columns(COLUMNS), Vec::with_capacity(rows));
    for _ in 0..rows {
        let row: Vec<f64> = (0..COLUMNS).map(|_| random()).collect();
        y.push(0.2 * row[0] - 0.1 * row[1] * row[2] + random());
        x.push_row(&row)?;
    }
    Ok((x, y))
}

/// All blocks on two threads, as a trainer does.
fn grow(x: &Matrix, y: &[f64], params: &ForestParams) -> Result<Vec<Tree>, TrainError> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                scope.spawn(move || {
                    (0..params.blocks())
                        .filter(|block| block % THREADS == worker)
                        .map(|block| {
                            train_block(
                                Engine::Smartcore,
                                x,
                                y,
                                params,
                                block,
                                SCOPE.seed(params.seed, block),
                            )
                        })
                        .collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        let mut trees = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(blocks) => trees.extend(blocks?.into_iter().flatten()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(trees)
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (start, cpu) = (Instant::now(), runtime::usage().cpu);
    let done = work();
    (done, start.elapsed(), runtime::usage().cpu - cpu)
}

/// Wall seconds of training on two threads.
pub fn train_seconds(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let (x, y) = data(if quick { ROWS / 10 } else { ROWS })?;
    let (trees, wall, cpu) = timed(|| grow(&x, &y, &params()));
    black_box(trees?.len());
    Ok(Measured::new(wall.as_secs_f64(), cpu))
}

fn model() -> Result<Model, Box<dyn Error>> {
    let (x, y) = data(ROWS / 10)?;
    let trees = grow(&x, &y, &params())?;
    Ok(Model::new(1, COLUMNS, vec![Section::new(1, "", Body::Forest(trees))])?)
}

/// Rows scored in a second on two threads; the peer asks row by row.
pub fn score(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let model = model()?;
    let rows = if quick { ROWS / 10 } else { ROWS };
    let (x, _) = data(rows)?;
    let (done, wall, cpu) = timed(|| {
        thread::scope(|scope| {
            let workers: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| match side {
                        Side::Own => model.predict_batch(1, "", &x).map(|y| y.len()),
                        Side::Peer => (0..x.rows()).try_fold(0, |n, i| {
                            model.predict(1, "", x.row(i)).map(|y| n + usize::from(y.is_finite()))
                        }),
                    })
                })
                .collect();
            workers.into_iter().map(|w| w.join().unwrap_or(Ok(0)).unwrap_or(0)).sum::<usize>()
        })
    });
    if done != rows * THREADS as usize {
        return Err(format!("{done} rows scored").into());
    }
    Ok(Measured::new(done as f64 / wall.as_secs_f64(), cpu))
}

/// The 99th percentile of one prediction, in microseconds.
pub fn single_row(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let model = model()?;
    let (x, _) = data(if quick { 2_000 } else { 50_000 })?;
    let cpu = runtime::usage().cpu;
    let mut took = Vec::with_capacity(x.rows());
    for i in 0..x.rows() {
        let start = Instant::now();
        black_box(model.predict(1, "", black_box(x.row(i)))?);
        took.push(start.elapsed());
    }
    let cpu = runtime::usage().cpu - cpu;
    took.sort();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    Ok(Measured::new(p99.as_secs_f64() * 1e6, cpu))
}
