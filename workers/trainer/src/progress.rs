//! How far a run is: told to the caller at once, written to the feature store now and then.

use std::sync::{Arc, Mutex};

use market::{RunRow, Timestamp};

use crate::{Components, Settings, TrainError};

/// The phases of a run, as in a TrainingRun's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not enough data yet; nothing failed.
    Pending,
    /// Bars are read, features recomputed.
    Loading,
    /// Folds are fitted.
    Training,
    /// Folds are judged.
    Validating,
    /// The version is written.
    Publishing,
    /// Done.
    Complete,
    /// Ended without an outcome.
    Failed,
}

impl Phase {
    /// The name in a status.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Loading => "Loading",
            Phase::Training => "Training",
            Phase::Validating => "Validating",
            Phase::Publishing => "Publishing",
            Phase::Complete => "Complete",
            Phase::Failed => "Failed",
        }
    }
}

/// One event of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Where the run is.
    pub phase: Phase,
    /// 0..=100 of the whole run.
    pub percent: u32,
    /// Estimated seconds to the end, once something is known.
    pub eta_seconds: Option<u64>,
    /// In words, where there is something to say.
    pub message: Option<String>,
}

/// Turns finished units of work into [`Progress`] events, and keeps the last one for the run's row.
pub(crate) struct Reporter {
    sink: Box<dyn Fn(Progress) + Send + Sync>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    state: Mutex<State>,
    notify: tokio::sync::watch::Sender<Progress>,
}

struct State {
    units: u64,
    done: u64,
    started: Timestamp,
    last: Progress,
}

/// Loading takes the first tenth of the bar, publishing the last twentieth: fits are everything between.
const FITTING_FROM: u64 = 10;
const FITTING_TO: u64 = 95;

impl Reporter {
    pub(crate) fn new(
        sink: Box<dyn Fn(Progress) + Send + Sync>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        notify: tokio::sync::watch::Sender<Progress>,
    ) -> Self {
        let last = notify.borrow().clone();
        let state = Mutex::new(State { units: 1, done: 0, started: clock(), last });
        Self { sink, clock, state, notify }
    }

    fn emit(&self, change: impl FnOnce(&mut State)) {
        let event = {
            // A panic elsewhere must not turn progress into a second one.
            let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = state.last.clone();
            change(&mut state);
            if state.last == before {
                return;
            }
            state.last.clone()
        };
        (self.sink)(event.clone());
        let _ = self.notify.send(event);
    }

    pub(crate) fn phase(&self, phase: Phase, percent: u32, message: impl Into<Option<String>>) {
        let message = message.into();
        self.emit(|s| s.last = Progress { phase, percent, eta_seconds: None, message });
    }

    /// A line for the reader; the bar stays where it is.
    pub(crate) fn say(&self, message: String) {
        self.emit(|s| s.last.message = Some(message));
    }

    pub(crate) fn plan(&self, units: u64) {
        let now = (self.clock)();
        self.emit(|s| {
            s.units = units.max(1);
            s.done = 0;
            s.started = now;
            s.last = Progress {
                phase: Phase::Training,
                percent: FITTING_FROM as u32,
                eta_seconds: None,
                message: None,
            };
        });
    }

    pub(crate) fn unit_done(&self) {
        let now = (self.clock)();
        self.emit(|s| {
            s.done = (s.done + 1).min(s.units);
            s.last.message = None;
            s.last.percent = (FITTING_FROM + (FITTING_TO - FITTING_FROM) * s.done / s.units) as u32;
            let spent = u64::try_from(now.micros() - s.started.micros()).unwrap_or(0);
            s.last.eta_seconds = Some((spent / s.done * (s.units - s.done)).div_ceil(1_000_000));
        });
    }
}

/// Writes the row of a run.
pub(crate) async fn record(
    components: &Components,
    settings: &Settings,
    started_at: Timestamp,
    progress: &Progress,
    status: serde_json::Value,
) -> Result<(), TrainError> {
    let now = (components.clock)();
    let ended = matches!(progress.phase, Phase::Pending | Phase::Complete | Phase::Failed);
    let row = RunRow {
        pipeline: settings.pipeline.clone(),
        name: settings.run.clone(),
        phase: progress.phase.as_str().to_owned(),
        progress_percent: progress.percent,
        started_at,
        finished_at: ended.then_some(now),
        updated_at: now,
        status,
    };
    Ok(components.store.put_run(&row).await?)
}
