//! The predictor: follows final bars, makes a forecast of each for every horizon, joins outcomes when targets mature.
//!
//! Invariants:
//! - **P1** every final bar that is in time gets exactly one forecast per horizon: of the champion that `as_of` names, or
//!   the last value marked BASELINE. Never nothing, never an unverified model.
//! - **P2** which version serves a bar is `registry::at(history, Champion, as_of)`: equal for all predictors and after any
//!   restart.
//! - **P3** a forecast is written to the store, then to the predictions topic, then the position moves: a crash repeats
//!   bars, never forecasts ([`position`]).
//! - **P4** an outcome is joined once its target has matured by the watermark of the symbol's partition, with the rule that
//!   training uses ([`outcomes`]).
//!
//! Layout: [`machine`] decides and is pure; [`serving`] reads alias histories and models; [`shell`] moves bytes.
//! The challenger's forecasts (shadow), intervals and out-of-domain flags have their place in [`forecast`].

mod backlog;
mod error;
mod follow;
mod forecast;
pub mod limits;
mod machine;
mod metrics;
mod outcomes;
mod position;
mod restore;
mod serving;
mod settings;
mod shell;
mod show;
mod skill;
mod status;

pub use error::PredictorError;
pub use settings::{Components, Settings};
pub use shell::run;
pub use skill::LiveSkill;
pub use status::{Status, Summary};
