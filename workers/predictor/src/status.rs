//! What a predictor shows of itself: `/status`, and the counts of its summary.

use market::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};

/// Counts since the predictor started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Forecasts made.
    pub made: u64,
    /// Of these, made after their target.
    pub late: u64,
    /// Of these, the last value marked BASELINE.
    pub baseline: u64,
    /// Bars of a backlog too old for a forecast.
    pub skipped: u64,
    /// Outcomes joined with a realised return.
    pub joined: u64,
    /// Outcomes Void: no bar up to the target.
    pub void: u64,
    /// Predictions that wait for their target.
    pub pending: u64,
}

/// Shared between a predictor and whoever shows it.
#[derive(Debug, Default)]
pub struct Status {
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    summary: Summary,
    caught_up: bool,
    value: Value,
}

impl Status {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The object for `/status`.
    pub fn json(&self) -> Value {
        self.shown.lock().value.clone()
    }

    /// Counts since the start.
    pub fn summary(&self) -> Summary {
        self.shown.lock().summary
    }

    /// True once the end of every partition was reached, and bars are predicted as they come.
    pub fn is_caught_up(&self) -> bool {
        self.shown.lock().caught_up
    }

    pub(crate) fn set(&self, summary: Summary, caught_up: bool, rest: Value, at: Timestamp) {
        let mut value = json!({
            "predictions": summary,
            "caughtUp": caught_up,
            "updatedAt": at.to_string(),
        });
        if let (Some(value), Value::Object(rest)) = (value.as_object_mut(), rest) {
            value.extend(rest);
        }
        *self.shown.lock() = Shown { summary, caught_up, value };
    }
}
