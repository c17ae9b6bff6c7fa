//! What a tick is, when it happened, and the rows made of it.
//!
//! The bottom of the dependency graph: values only. Every other crate speaks in these types.
//!
//! Architecture Invariant: no clock, no IO, no async, no thread. Nothing here knows where a record came from or where a
//! row goes.

mod check;
mod decode;
mod encode;
mod kind;
pub mod limits;
mod record;
mod row;
mod symbol;
mod tick;
mod time;
mod utc;
mod word;

pub use check::{Check, Verdict};
pub use decode::{DecodeRules, decode, decode_reference};
pub use encode::encode_tick;
pub use kind::ErrorKind;
pub use record::{NewRecord, Record, RecordBatch};
pub use row::{Alias, AliasEvent, AliasKey, FeatureRow, Flag, Outcome, PredictionRow, Role, RowName, RunRow};
pub use symbol::{InvalidSymbol, Symbol};
pub use tick::{Ohlcv, Reason, Tick};
pub use time::{InvalidSpan, InvalidTimestamp, Span, Timestamp};
