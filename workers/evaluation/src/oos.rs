//! Forecasts of rows that the forecaster has not seen, beside those of its rivals on the same rows.

use forest::Matrix;
use market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{EvaluationError, Fold, Naives, Rivals, Sample};

/// Whether one forest serves all symbols or each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GroupBy {
    /// One forest.
    None,
    /// One for each symbol.
    Symbol,
}

/// One fit of one fold: learn from `train`, forecast `test`. Indexes into the samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Fold number.
    pub fold: u32,
    /// Symbol, or empty for the pooled model: the group of [`forest::Scope`].
    pub group: String,
    /// Rows to learn from; never empty.
    pub train: Vec<usize>,
    /// Rows to forecast; never empty.
    pub test: Vec<usize>,
}

/// One forecast row with everything it is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OosRow {
    /// Index into the samples.
    pub sample: usize,
    /// Fold that forecast it.
    pub fold: u32,
    /// Index into the dataset's symbols.
    pub symbol: u32,
    /// End of the bar.
    pub as_of: Timestamp,
    /// The instant forecast.
    pub target_ts: Timestamp,
    /// Close of the bar.
    pub close: f64,
    /// Volatility known at the bar.
    pub sigma: f64,
    /// What came of it, log return.
    pub y: f64,
    /// The forecast that is judged.
    pub model: f64,
    /// Forecasts of [`crate::Naive::ALL`].
    pub naive: [f64; 3],
    /// Forecasts of [`crate::Rival::ALL`].
    pub rival: [f64; 3],
}

/// Everything that forecasts of one horizon are made of.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Matured rows of the horizon.
    pub samples: &'a [Sample],
    /// Features that they point into.
    pub x: &'a Matrix,
    /// Folds over them.
    pub folds: &'a [Fold],
    /// Symbols that they point into.
    pub symbols: &'a [String],
    /// One forest or one for each symbol.
    pub group_by: GroupBy,
    /// Position of the one-bar return among the features.
    pub return_column: usize,
}

impl Trial<'_> {
    /// The fits that the folds ask for, in (fold, group) order. A symbol that a fold has no training row of is not
    /// fitted: its forecast is the last value.
    pub fn tasks(&self) -> Vec<Task> {
        let mut out = Vec::new();
        for fold in self.folds {
            match self.group_by {
                GroupBy::None => out.push(Task {
                    fold: fold.number,
                    group: String::new(),
                    train: fold.train.clone(),
                    test: fold.test.clone(),
                }),
                GroupBy::Symbol => {
                    let (train, test) = (self.split(&fold.train), self.split(&fold.test));
                    for (symbol, (train, test)) in self.symbols.iter().zip(train.into_iter().zip(test)) {
                        if !train.is_empty() && !test.is_empty() {
                            out.push(Task { fold: fold.number, group: symbol.clone(), train, test });
                        }
                    }
                }
            }
        }
        out
    }

    fn split(&self, rows: &[usize]) -> Vec<Vec<usize>> {
        let mut out = vec![Vec::new(); self.symbols.len()];
        for &index in rows {
            out[self.samples[index].symbol as usize].push(index);
        }
        out
    }

    /// The rivals, fitted on rows `train`.
    pub(crate) fn rivals(&self, train: &[usize]) -> Rivals {
        Rivals::fit(self.samples, self.x, train, self.symbols.len(), self.group_by, self.return_column)
    }

    /// Joins the forecasts of tasks, one vector a task in their order and one number a test row, with those of naives
    /// and rivals, which are fitted here. Rows are in (fold, sample) order.
    pub fn assemble(&self, tasks: &[Task], forecasts: &[Vec<f64>]) -> Result<Vec<OosRow>, EvaluationError> {
        if forecasts.len() != tasks.len() {
            return Err(EvaluationError::Tasks { found: forecasts.len(), expected: tasks.len() });
        }
        let mut model = vec![0.0; self.samples.len()];
        for (task, values) in tasks.iter().zip(forecasts) {
            let found = values.iter().filter(|v| v.is_finite()).count();
            if values.len() != task.test.len() || found != values.len() {
                let (fold, group, expected) = (task.fold, task.group.clone(), task.test.len());
                return Err(EvaluationError::Forecasts { fold, group, found, expected });
            }
            for (&index, &value) in task.test.iter().zip(values) {
                model[index] = value;
            }
        }
        let mut out = Vec::with_capacity(self.folds.iter().map(|f| f.test.len()).sum());
        for fold in self.folds {
            let naives = Naives::fit(self.samples, &fold.train, self.symbols.len());
            let rivals = self.rivals(&fold.train);
            for &index in &fold.test {
                let sample = &self.samples[index];
                out.push(OosRow {
                    sample: index,
                    fold: fold.number,
                    symbol: sample.symbol,
                    as_of: sample.as_of,
                    target_ts: sample.target_ts,
                    close: sample.close,
                    sigma: sample.sigma,
                    y: sample.y,
                    model: model[index],
                    naive: naives.forecast(sample),
                    rival: rivals.forecast(sample, self.x.row(sample.row)),
                });
            }
        }
        Ok(out)
    }

    /// Tasks and their assembly around a learner that is called once a task, one after the other.
    pub fn out_of_sample<E: From<EvaluationError>>(
        &self,
        learn: impl FnMut(&Task) -> Result<Vec<f64>, E>,
    ) -> Result<Vec<OosRow>, E> {
        let tasks = self.tasks();
        let forecasts = tasks.iter().map(learn).collect::<Result<Vec<_>, E>>()?;
        Ok(self.assemble(&tasks, &forecasts)?)
    }
}
