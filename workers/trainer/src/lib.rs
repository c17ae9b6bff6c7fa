//! The trainer: one run reads committed bars, fits and judges a forest per horizon, and publishes a version.
//!
//! Invariants:
//! - **L1** same data, same seed: same model file, byte for byte, for any number of threads. Clocks, names and uids enter
//!   rows and cards, never the model.
//! - **L2** nothing is fitted on rows that a test could see: folds, purge and embargo are evaluation's, the features are
//!   recomputed here by the code that runs live, and compared with what it stored ([`parity`]).
//! - **L3** a run publishes at most one version, however often it is started again; a gate that says no is an outcome,
//!   not an error.
//!
//! The way of a run: [`source`] reads, [`dataset`](mod@dataset) makes rows, [`fit`] grows trees on threads, [`judge`] folds and decides,
//! [`publish`] writes files and moves aliases, [`report`] tells people. Places of later issues: the audit between loading
//! and training, intervals and shadow after judging, the ledger of recipes in `EvaluationSpec::recipe`.
//!
//! Architecture Invariant: nothing here predicts live or decides what passes.

mod card;
mod dataset;
mod error;
mod figures;
mod fit;
mod frames;
mod instant;
mod judge;
pub mod limits;
mod outcome;
mod parity;
mod point_in_time;
mod progress;
mod publish;
mod report;
mod run;
mod settings;
mod source;

pub use error::TrainError;
pub use instant::Instant;
pub use outcome::RunOutcome;
pub use parity::Parity;
pub use point_in_time::{PointInTime, point_in_time};
pub use progress::{Phase, Progress};
pub use run::{train, train_on};
pub use settings::{
    Components, Data, EngineChoice, GroupBy, ModelSettings, Promotion, Served, Settings, Truth, Validation,
};
pub use source::{Source, read};
