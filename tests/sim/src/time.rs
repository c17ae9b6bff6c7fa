//! Simulated time: the runtime's clock, which stands still while anything can run and leaps when nothing can.

use std::{sync::Arc, time::Duration};

use tick_log::Clock;
use tokio::time::Instant;

/// 23:59:30 of some day: every run passes midnight.
pub const START_MS: i64 = 1_700_006_370_000;

/// Time of one run.
#[derive(Debug, Clone, Copy)]
pub struct SimTime {
    start: Instant,
}

impl SimTime {
    /// Starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Since the start of the run.
    pub fn since_start(&self) -> Duration {
        self.start.elapsed()
    }

    /// The true wall clock, in milliseconds.
    pub fn now_ms(&self) -> i64 {
        let passed = self.since_start().as_millis();
        START_MS.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// A wall clock that is ahead of the true one (or behind it) by so many milliseconds.
    pub fn clock(self, ahead_ms: i64) -> Clock {
        Arc::new(move || self.now_ms().saturating_add(ahead_ms))
    }
}
