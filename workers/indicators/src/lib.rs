//! Indicators for people, features for models, and the calendar both live by.
//!
//! [`BarEngine`] takes the closed bars of one symbol and one size, in order, and gives one value an indicator column and
//! the model's vector (`features::v1`). Ingest runs it on the stream, the trainer runs the same code over stored bars:
//! there is no second implementation that could differ.
//!
//! Invariants:
//! - State is bounded by the longest period of the manifest, whatever the number of bars.
//! - An encoded and restored engine goes on bit-equal to one that was never stopped.
//! - Finite windows are summed oldest first over a ring, so their values do not depend on where the engine started.
//!   Recursive indicators say after how many bars their start is forgotten ([`FeatureSchema::settle_bars`]).
//! - No value is ever NaN or infinite: an indicator is absent, a feature takes its documented neutral value.
//!
//! What is deliberately not here: making bars out of ticks (`windowing`), filling bars that do not exist, features across
//! symbols. Architecture Invariant: no clock, no IO, no thread, no randomness.

mod bar;
mod calendar;
mod codec;
mod engine;
mod error;
mod features;
mod history;
mod indicator;
mod kind;
pub mod limits;
mod set;

pub use bar::Bar;
pub use calendar::{Calendar, InvalidCalendar, Sessions};
pub use engine::{BarEngine, BarEngineSpec, Computed};
pub use error::{CorruptState, InvalidIndicator};
pub use features::FeatureSchema;
pub use set::IndicatorSet;
