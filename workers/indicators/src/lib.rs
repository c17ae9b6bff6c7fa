//! Indicators for people, features for models, and the calendar both live by.

mod bar;
mod calendar;
mod engine;
mod error;
mod features;
pub mod limits;
mod set;

pub use bar::Bar;
pub use calendar::{Calendar, InvalidCalendar, Sessions};
pub use engine::{BarEngine, BarEngineSpec, Computed};
pub use error::{CorruptState, InvalidIndicator};
pub use features::FeatureSchema;
pub use set::IndicatorSet;
