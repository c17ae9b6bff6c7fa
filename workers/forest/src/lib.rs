//! Random forests that are trained once, stored flat and served from the same bytes everywhere.
//!
//! * [`train_block`] trains one block of ten trees with an [`Engine`]; blocks are independent, so a trainer may run
//!   them on any number of threads or machines and join them by number: the model is the same, byte for byte.
//! * [`Model`] is what is served: one [`Section`] for each (horizon, group), a forest, a linear model or a constant.
//! * [`format`](mod@format) is the only file format of a model.
//!
//! Invariants:
//! * A tree adds its leaf in index order in f64: batch and single-row predictions are the same bits.
//! * A [`Tree`] exists only checked: children lie behind their parent, each node has one parent, every number is
//!   finite. A walk therefore ends after at most as many steps as the tree has nodes, whatever a file said.
//! * No value reaches the engine that could make it panic or return NaN: see [`train_block`].
//!
//! What must never enter: time, threads, files, randomness that is not a seed in the arguments.

pub mod engine;
pub mod estimate;
pub mod format;
pub mod importance;
pub mod limits;
mod matrix;
mod model;
mod params;
mod tree;

pub use engine::{TrainError, train, train_block};
pub use estimate::{Estimate, estimate};
pub use format::ModelError;
pub use matrix::{Matrix, ShapeError};
pub use model::{Body, Kind, Linear, Model, PredictError, Section};
pub use params::{Engine, ForestParams, Scope, TREES_PER_BLOCK, seed_mix};
pub use tree::{InvalidTree, Node, Tree};
