//! Growing forests on threads. Blocks of ten trees are independent and joined by number, so the threads never show in the
//! model; rayon's pool is this run's own.

use evaluation::Sample;
use forest::{Body, Engine, ForestParams, Matrix, Model, Scope, Section, Tree};
use rayon::{ThreadPool, iter::IntoParallelIterator as _, iter::ParallelIterator as _};

use crate::{ModelSettings, TrainError, progress::Reporter};

/// What grows the forests of one run.
pub(crate) struct Fitter<'a> {
    pub pool: ThreadPool,
    pub engine: Engine,
    pub model: ModelSettings,
    /// Bar size, canonical: part of every seed.
    pub bar: String,
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
    pub reporter: &'a Reporter,
}

impl<'a> Fitter<'a> {
    pub(crate) fn new(
        threads: usize,
        engine: Engine,
        model: ModelSettings,
        bar: String,
        stop: &'a (dyn Fn() -> bool + Send + Sync),
        reporter: &'a Reporter,
    ) -> Result<Self, TrainError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("train-{i}"))
            .build()
            .map_err(|e| TrainError::Thread(e.to_string()))?;
        Ok(Self { pool, engine, model, bar, stop, reporter })
    }

    pub(crate) fn params(&self, horizon: u32, rows: usize) -> ForestParams {
        params(&self.model, horizon, rows)
    }

    /// The trees of one forest over the named samples.
    pub(crate) fn grow(
        &self,
        x: &Matrix,
        samples: &[Sample],
        train: &[usize],
        scope: &Scope<'_>,
    ) -> Result<Vec<Tree>, TrainError> {
        let rows: Vec<usize> = train.iter().map(|i| samples[*i].row).collect();
        let y: Vec<f64> = train.iter().map(|i| samples[*i].y).collect();
        let x = x.select(&rows);
        let params = self.params(scope.horizon, train.len());
        let blocks = self.pool.install(|| {
            (0..params.blocks())
                .into_par_iter()
                .map(|block| {
                    if (self.stop)() {
                        return Err(TrainError::Interrupted);
                    }
                    let seed = scope.seed(params.seed, block);
                    let trees = forest::train_block(self.engine, &x, &y, &params, block, seed)?;
                    self.reporter.unit_done();
                    Ok(trees)
                })
                .collect::<Result<Vec<_>, TrainError>>()
        })?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// Forecasts of the named samples by a forest that has not seen them.
    pub(crate) fn forecast(
        &self,
        x: &Matrix,
        samples: &[Sample],
        test: &[usize],
        horizon: u32,
        trees: Vec<Tree>,
    ) -> Result<Vec<f64>, TrainError> {
        let rows: Vec<usize> = test.iter().map(|i| samples[*i].row).collect();
        let model = Model::new(0, x.cols(), vec![Section::new(horizon, "", Body::Forest(trees))])
            .map_err(|e| TrainError::Model(e.to_string()))?;
        model.predict_batch(horizon, "", &x.select(&rows)).map_err(|e| TrainError::Model(e.to_string()))
    }
}

/// The parameters of one forest over so many rows.
pub(crate) fn params(model: &ModelSettings, horizon: u32, rows: usize) -> ForestParams {
    let leaf =
        model.min_samples_leaf.map_or_else(|| evaluation::min_leaf(horizon, rows), |leaf| leaf as usize);
    ForestParams {
        trees: model.trees,
        max_depth: u16::try_from(model.max_depth).unwrap_or(u16::MAX),
        max_features_percent: model.max_features_percent,
        min_samples_leaf: leaf,
        seed: model.seed,
    }
}
