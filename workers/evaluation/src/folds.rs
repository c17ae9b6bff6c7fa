//! Walk-forward folds: train on the past, test on what came next, at the same instants for all symbols.
//!
//! The first third of the instants only trains; the rest is cut into as many equal stretches as there are folds, each
//! tested once by a model that saw only what lies before it.

use indicators::Calendar;
use market::{ErrorKind, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Sample, limits};

/// What a fold trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// Everything before the test.
    Expanding,
    /// A stretch before the test, as long as the first one.
    Rolling,
}

/// How to cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldSpec<'a> {
    /// Number of folds.
    pub folds: u32,
    /// What a fold trains on.
    pub window: Window,
    /// Bars ahead.
    pub horizon: u32,
    /// Bar size.
    pub bar: Span,
    /// Calendar of the pipeline.
    pub calendar: &'a Calendar,
    /// Bars between a training row and the test at least. The purge by target time always holds; this can only add to
    /// it. Absent: nothing is added.
    pub purge_bars: Option<u32>,
    /// Bars between a training row's target and the test at least. Absent: the horizon.
    pub embargo_bars: Option<u32>,
}

/// One fold; the indexes are into the samples it was cut from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// From 0, in time order.
    pub number: u32,
    /// First instant tested.
    pub test_from: Timestamp,
    /// Last instant tested.
    pub test_to: Timestamp,
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to be forecast.
    pub test: Vec<usize>,
    /// Rows inside the window that purge and embargo took.
    pub purged: usize,
}

/// Why there are no folds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A number of folds that cannot be meant.
    #[error("validation.folds = {0}: use 1 to {max}", max = limits::FOLDS)]
    Folds(u32),
    /// Too few instants.
    #[error(
        "{instants} instants with a known outcome cannot be cut into {folds} folds for horizon {horizon}; use fewer folds or wait for more data"
    )]
    TooFew {
        /// Distinct instants.
        instants: usize,
        /// Folds asked for.
        folds: u32,
        /// Bars ahead.
        horizon: u32,
    },
}

impl FoldError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FoldError::Folds(_) => ErrorKind::BadInput,
            FoldError::TooFew { .. } => ErrorKind::Refused,
        }
    }
}

/// Least rows of a leaf: labels over `horizon` bars overlap, and few leaves generalise where the signal is weak.
pub fn min_leaf(horizon: u32, rows: usize) -> usize {
    (limits::LEAF_ROWS_PER_BAR * horizon as usize).max(rows / limits::LEAVES)
}

/// Cuts samples into folds. Every fold has rows to learn from and rows to be tested.
pub fn walk_forward(samples: &[Sample], spec: &FoldSpec<'_>) -> Result<Vec<Fold>, FoldError> {
    if spec.folds == 0 || spec.folds > limits::FOLDS {
        return Err(FoldError::Folds(spec.folds));
    }
    let mut instants: Vec<Timestamp> = samples.iter().map(|s| s.as_of).collect();
    instants.sort_unstable();
    instants.dedup();
    let folds = spec.folds as usize;
    let too_few = || FoldError::TooFew { instants: instants.len(), folds: spec.folds, horizon: spec.horizon };
    let first = instants.len() / 3;
    let tested = instants.len() - first;
    if first == 0 || tested < folds {
        return Err(too_few());
    }
    let clear_at: Vec<Timestamp> = samples.iter().map(|sample| clear_at(sample, spec)).collect();
    let mut out = Vec::with_capacity(folds);
    for number in 0..folds {
        let start = first + tested * number / folds;
        let end = first + tested * (number + 1) / folds;
        let window_from = match spec.window {
            Window::Expanding => instants[0],
            Window::Rolling => instants[start - first],
        };
        let mut fold = Fold {
            number: number as u32,
            test_from: instants[start],
            test_to: instants[end - 1],
            train: Vec::new(),
            test: Vec::new(),
            purged: 0,
        };
        fill(&mut fold, samples, &clear_at, window_from);
        if fold.train.is_empty() {
            return Err(too_few());
        }
        out.push(fold);
    }
    Ok(out)
}

/// The first instant a test may begin at for a row to be learnt from: its target is known and the embargo is over.
fn clear_at(sample: &Sample, spec: &FoldSpec<'_>) -> Timestamp {
    let advance = |from, bars| spec.calendar.advance(from, bars, spec.bar);
    let embargoed = advance(sample.target_ts, spec.embargo_bars.unwrap_or(spec.horizon));
    let purged = spec.purge_bars.map_or(Timestamp::MIN, |bars| advance(sample.as_of, bars));
    sample.target_ts.max(embargoed).max(purged)
}

fn fill(fold: &mut Fold, samples: &[Sample], clear_at: &[Timestamp], window_from: Timestamp) {
    for (index, (sample, clear_at)) in samples.iter().zip(clear_at).enumerate() {
        if sample.as_of >= fold.test_from {
            if sample.as_of <= fold.test_to {
                fold.test.push(index);
            }
        } else if sample.as_of >= window_from {
            if *clear_at <= fold.test_from {
                fold.train.push(index);
            } else {
                fold.purged += 1;
            }
        }
    }
}
