//! One line each for what a newcomer waits for, on stderr.

use std::{sync::Mutex, time::Instant};

use market::{Flag, Outcome, PredictionRow};
use trainer::RunOutcome;

/// Prints each milestone once, with the time since the start.
pub struct Milestones {
    started: Instant,
    waiting: Mutex<Option<u64>>,
}

impl Milestones {
    /// Starts the clock.
    pub fn new() -> Self {
        Self { started: Instant::now(), waiting: Mutex::new(None) }
    }

    /// A line.
    pub fn say(&self, line: &str) {
        eprintln!("[{:>7.1} s] {line}", self.started.elapsed().as_secs_f64());
    }

    /// Not enough rows yet: said once a number.
    pub fn waiting_for_rows(&self, have: u64, need: u64) {
        if let Ok(mut said) = self.waiting.lock()
            && *said != Some(have)
        {
            *said = Some(have);
            self.say(&format!("waiting for data: have {have} of {need} rows; training starts by itself"));
        }
    }

    /// A run has ended: one line of numbers, one a symbol.
    pub fn trained(&self, outcome: &RunOutcome) {
        for line in &outcome.headline {
            self.say(line);
        }
    }

    /// The first forecast that a model made in time.
    pub fn forecast(&self, row: &PredictionRow) {
        let who = if row.flags.contains(&Flag::Baseline) {
            "last value, BASELINE".to_owned()
        } else {
            format!("v{}", row.version)
        };
        self.say(&format!(
            "first forecast: {} {:+.1} bp at {} ({} {} ahead, {who})",
            row.symbol,
            row.y_pred * 1e4,
            row.target_ts,
            row.horizon,
            row.bar,
        ));
    }

    /// The first outcome of a model's forecast.
    pub fn outcome(&self, row: &PredictionRow) {
        if let Outcome::Joined { y_true, err } = row.outcome {
            self.say(&format!(
                "first outcome: {} expected {:+.1} bp, was {:+.1} bp, off by {:+.1} bp",
                row.symbol,
                row.y_pred * 1e4,
                y_true * 1e4,
                err * 1e4
            ));
        }
    }
}
