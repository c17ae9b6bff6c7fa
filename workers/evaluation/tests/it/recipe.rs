//! The whole way from bars to a verdict, as a trainer goes it.

use evaluation::promotion::{GateRules, Verdict, decide};
use evaluation::{
    Choice, Dataset, DatasetSpec, EvaluationError, EvaluationSpec, FoldSpec, GroupBy, OosRow, Report, Series,
    SeriesRow, Task, Trial, Window, choose, evaluate, min_leaf, published_rows, return_column, walk_forward,
};
use forest::{Body, Engine, ForestParams, Model, Scope, Section, train};
use indicators::Calendar;

use crate::market_of_truth::{MINUTE, Truth, bars, series, spec};

pub struct Outcome {
    pub forest: Report,
    pub published: Report,
    pub choices: Vec<Choice>,
    pub verdict: Verdict,
    pub rows: Vec<OosRow>,
    pub first_train: usize,
}

impl Outcome {
    /// Pooled skill of the forest itself, whatever was published.
    pub fn forest_skill(&self) -> f64 {
        self.forest.pooled.as_ref().unwrap().skill
    }

    /// Pooled skill of what was published.
    pub fn skill(&self) -> f64 {
        self.published.pooled.as_ref().unwrap().skill
    }
}

/// A dataset of symbols `S0`, `S1`, … with `count` bars each.
pub fn dataset(truths: &[Truth], count: usize, horizon: u32, seed: u64) -> Dataset {
    dataset_of(&symbols(truths, count, seed), horizon)
}

/// The bars of each symbol with the vectors that ingest would have stored.
pub fn symbols(truths: &[Truth], count: usize, seed: u64) -> Vec<Vec<SeriesRow>> {
    let spec = spec();
    let of_symbol =
        |(i, truth): (usize, &Truth)| series(&spec, &bars(*truth, count, seed * 1_000 + i as u64));
    truths.iter().enumerate().map(of_symbol).collect()
}

/// A dataset of such bars.
pub fn dataset_of(rows: &[Vec<SeriesRow>], horizon: u32) -> Dataset {
    let names: Vec<String> = (0..rows.len()).map(|i| format!("S{i}")).collect();
    let all: Vec<Series<'_>> = names
        .iter()
        .zip(rows)
        .map(|(symbol, rows)| Series { symbol, watermark: rows.last().map(|r| r.end), rows })
        .collect();
    let spec = spec();
    let entries = spec.schema().entries();
    let asked = DatasetSpec {
        calendar: &Calendar::Always,
        bar: MINUTE,
        horizons: &[horizon],
        from: None,
        to: None,
        features: entries.len(),
        return_column: return_column(entries).unwrap(),
    };
    Dataset::build(&all, &asked).unwrap()
}

/// Folds, forests of 20 trees, choice, report, verdict.
pub fn run(dataset: &Dataset, horizon: u32, group_by: GroupBy, seed: u64) -> Outcome {
    let samples = dataset.samples(horizon);
    let cut = FoldSpec {
        folds: 5,
        window: Window::Expanding,
        horizon,
        bar: MINUTE,
        calendar: &Calendar::Always,
        purge_bars: None,
        embargo_bars: None,
    };
    let folds = walk_forward(&samples, &cut).unwrap();
    let trial = Trial {
        samples: &samples,
        x: dataset.x(),
        folds: &folds,
        symbols: dataset.symbols(),
        group_by,
        return_column: dataset.return_column(),
    };
    let learn = |task: &Task| -> Result<Vec<f64>, EvaluationError> {
        let rows = |indexes: &[usize]| -> Vec<usize> { indexes.iter().map(|&i| samples[i].row).collect() };
        let x = dataset.x().select(&rows(&task.train));
        let y: Vec<f64> = task.train.iter().map(|&i| samples[i].y).collect();
        let params = ForestParams {
            trees: 20,
            min_samples_leaf: min_leaf(horizon, y.len()),
            seed,
            ..Default::default()
        };
        let scope = Scope { bar: "1m", horizon, fold: task.fold, group: &task.group };
        let trees = train(Engine::Smartcore, &x, &y, &params, &scope).unwrap();
        let model = Model::new(1, x.cols(), vec![Section::new(horizon, "", Body::Forest(trees))]).unwrap();
        Ok(model.predict_batch(horizon, "", &dataset.x().select(&rows(&task.test))).unwrap())
    };
    let rows = trial.out_of_sample(learn).unwrap();
    let measure = EvaluationSpec::new(horizon, group_by, seed);
    let choices = choose(&rows, dataset.symbols(), group_by, horizon);
    let published = evaluate(&published_rows(&rows, &choices, group_by), dataset.symbols(), &measure);
    Outcome {
        forest: evaluate(&rows, dataset.symbols(), &measure),
        verdict: decide(&published, &GateRules::default()),
        published,
        choices,
        rows,
        first_train: folds[0].train.len(),
    }
}
