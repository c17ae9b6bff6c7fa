//! From the bytes of a record to a tick or a verdict.
//!
//! Two decoders give the same answer. [`decode`] scans plain records once, borrows from them and allocates nothing;
//! whatever is unusual (an escape, a nested value, any mistake) it hands to [`decode_reference`], which is written for
//! clarity on `serde_json`. The scanner never rejects by itself, so a verdict has one author.
//!
//! A record that breaks several rules gets the first of these, and both decoders agree on it:
//! 1. `too_large`: longer than [`limits::RECORD_BYTES`].
//! 2. `malformed_json`: not exactly one JSON object in strict UTF-8, nested deeper than [`limits::JSON_DEPTH`] (the
//!    object itself is depth 1), or with a lone surrogate escape in a key or a string of ours. A bare `NaN` is here.
//! 3. `not_finite`: one of our keys holds a number beyond the range of f64, in any of its occurrences.
//! 4. `missing_field`: a required key is absent.
//! 5. `wrong_type`: of a repeated key the last counts; `id` is a string or an integer in -2^63..2^64, `null` or an empty
//!    string are no id; an id longer than [`limits::ID_BYTES`] is here too.
//! 6. `symbol_invalid`, 7. `bad_timestamp`, 8. `not_positive`, 9. `negative_volume` (below zero or 2^63 and above),
//!    10. `ohlc_order`.
//!
//! A volume of -0.0 is 0.0. What depends on more than the record (`too_far_ahead`, `duplicate`, `too_many_symbols`) is
//! judged later, after these.

mod cursor;
mod reference;
mod scanner;
mod verdict;

use crate::{Reason, Tick, limits};

pub use reference::decode_reference;

/// What the manifest lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeRules {
    /// `validation.ohlcOrder: Warn`: prices in any order are accepted.
    pub allow_ohlc_disorder: bool,
}

/// Decodes one record. See the module for the verdicts and their order.
pub fn decode(bytes: &[u8], rules: DecodeRules) -> Result<Tick<'_>, Reason> {
    if bytes.len() > limits::RECORD_BYTES {
        return Err(Reason::TooLarge);
    }
    match scanner::scan(bytes) {
        Some(fields) => fields.judge(rules),
        None => decode_reference(bytes, rules),
    }
}
