//! Judging forecasts so that nobody is fooled, their author included.
//!
//! The way of one horizon: [`targets`] and [`Dataset`] say what was known when and what came of it; [`walk_forward`]
//! cuts [`Fold`]s in time; [`Trial::out_of_sample`] asks a learner for forecasts of rows it has not seen, beside the naive
//! forecasts and the linear [`rivals`]; [`choose`] publishes the simplest thing that is not worse; [`evaluate`] measures
//! it; [`promotion::decide`] says whether it may be served.
//!
//! Invariants:
//! * A row of a training fold has a target that was known at the fold's first test instant, minus the embargo.
//! * Everything fitted is fitted on the rows of the training fold.
//! * `skill` compares with the best of three forecasts that know no dynamics, on the same rows.
//! * The unit of every test is the target instant: rows of one instant are never counted as independent.
//!
//! What must never enter: time, threads, files, randomness that is not a seed in the arguments.

mod against;
mod bootstrap;
mod choice;
mod dataset;
mod diebold;
mod error;
mod folds;
pub mod limits;
pub mod metrics;
mod naive;
mod oos;
pub mod promotion;
mod report;
pub mod rivals;
mod score;
mod sigma;
mod target;

pub use against::{Against, against};
pub use bootstrap::{Bootstrap, block_length};
pub use choice::{Choice, Published, choose, published_rows, rival_sections};
pub use dataset::{Dataset, DatasetSpec, LabelCounts, RowKey, Sample, Series, SeriesRow, return_column};
pub use diebold::{Comparison, diebold_mariano};
pub use error::{DatasetError, EvaluationError};
pub use folds::{Fold, FoldError, FoldSpec, Window, min_leaf, walk_forward};
pub use naive::{Naive, Naives};
pub use oos::{GroupBy, OosRow, Task, Trial};
pub use report::{EvaluationSpec, FoldScore, Report, SymbolScore, evaluate};
pub use rivals::{Rival, Rivals};
pub use score::Score;
pub use sigma::Volatility;
pub use target::{Close, Label, Target, targets};
