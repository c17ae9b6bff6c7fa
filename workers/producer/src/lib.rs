//! Ticks from somewhere: made up with a known truth, or read from files.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | five generators; each tick a function of (settings, symbol, instant) |
//! | [`truth`] | what a model could learn of them at best |
//! | [`produce`] | the role: history flat out, then one second a second, resumed without gap or copy |
//! | [`import`] | files with a verdict per row, sorted by time; and lines put into the log as they are |
//!
//! Invariants:
//! - How far either has come is a note of the log, set in the same step that appends the ticks: after any crash the next
//!   run goes on where the last append ended.
//! - The event time of a made tick never passes the clock that was given.
//! - Rows read = rows accepted + rows rejected; nothing is dropped silently.
//!
//! Not here: deciding what a valid tick is (`market`), judging lateness (`windowing`).

mod durable;
mod error;
pub mod import;
pub mod limits;
pub mod model;
pub mod produce;
pub mod truth;

pub use error::{ImportError, ProduceError};
pub use import::{ImportReport, ImportSettings, InputReport, InputSettings};
pub use model::{Model, SymbolSpec};
pub use produce::{Components, ProduceSettings, ProduceSummary, Progress};
pub use truth::Truth;
