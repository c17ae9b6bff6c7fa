//! What a batch of final rows leads to: forecasts and outcomes. Pure: the instant, the versions and what the store already
//! holds come in as arguments.

use std::collections::{BTreeMap, HashMap};

use market::{FeatureRow, Outcome, PredictionRow, Role, Symbol, Timestamp};

use crate::{
    backlog::Backlog,
    forecast::{Choice, Frame},
    outcomes::Outcomes,
    skill::Skills,
    status::Summary,
};

/// Forecasts that the store holds already, by symbol, target and horizon: a restart meets them again.
pub(crate) type Stored = HashMap<(Symbol, Timestamp, u32), PredictionRow>;

/// What there is to write, in this order.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// New forecasts, and those of the store that a restart met again.
    pub predictions: Vec<PredictionRow>,
    /// Predictions with their outcome.
    pub outcomes: Vec<PredictionRow>,
}

/// Which version serves a bar.
pub(crate) trait Versions {
    /// The choice for a bar that ends at `as_of`.
    fn choose(&self, horizon: u32, as_of: Timestamp) -> Choice<'_>;
}

/// All state of a predictor but its position.
pub(crate) struct Machine {
    frame: Frame,
    horizons: Vec<u32>,
    backlog: Backlog,
    outcomes: Outcomes,
    skills: Skills,
    summary: Summary,
}

impl Machine {
    pub(crate) fn new(frame: Frame, horizons: Vec<u32>) -> Self {
        Self {
            frame,
            horizons,
            backlog: Backlog::default(),
            outcomes: Outcomes::default(),
            skills: Skills::default(),
            summary: Summary::default(),
        }
    }

    /// Takes up a prediction without an outcome that the store held at start-up.
    pub(crate) fn resume(&mut self, part: u32, row: PredictionRow, last: Option<(Timestamp, f64)>) {
        self.outcomes.expect(part, row, last);
    }

    /// Takes up what is known of a source partition's watermark, and settles what has matured.
    pub(crate) fn resume_end(&mut self, part: u32, end: Timestamp, output: &mut Output) {
        let settled = self.outcomes.advance(part, end);
        self.settled(settled, output);
    }

    /// Takes up an outcome that the store held at start-up, for the rolling skill.
    pub(crate) fn resume_skill(&mut self, row: &PredictionRow) {
        self.skills.add(row);
    }

    /// True when the row is a bar that is predicted from.
    pub(crate) fn is_bar(&self, row: &FeatureRow) -> bool {
        row.is_final && row.name == self.frame.bar_name
    }

    /// True when a bar can still be told something before its nearest target.
    fn in_time(&self, bar: &FeatureRow, now: Timestamp) -> bool {
        self.horizons.iter().any(|h| now <= self.frame.target(bar.window_end, *h))
    }

    /// The bars that [`Machine::apply`] would predict from now: what the versions are prepared for.
    pub(crate) fn hold(&mut self, partition: u32, rows: Vec<FeatureRow>, now: Timestamp) -> Vec<Step> {
        let mut steps = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| row.is_final) {
            if !self.is_bar(&row) {
                steps.push(Step::Advance(row.part, row.window_end));
            } else if self.in_time(&row, now) {
                steps
                    .extend(self.backlog.release_symbol(partition, &row.symbol).into_iter().map(Step::Again));
                steps.push(Step::Bar(row));
            } else {
                steps.push(Step::Held(row.clone()));
                self.summary.skipped += self.backlog.hold(partition, row);
            }
        }
        steps
    }

    /// The bars that waited for the end of a partition.
    pub(crate) fn release(&mut self, partition: u32) -> Vec<Step> {
        self.backlog.release(partition).into_iter().map(Step::Again).collect()
    }

    /// True when no bar of the partition waits: only then may its position move.
    pub(crate) fn is_settled(&self, partition: u32) -> bool {
        self.backlog.is_empty(partition)
    }

    /// Carries out steps in order.
    pub(crate) fn apply(
        &mut self,
        steps: Vec<Step>,
        versions: &dyn Versions,
        stored: &Stored,
        now: Timestamp,
    ) -> Output {
        let mut output = Output::default();
        let mut again: BTreeMap<u32, ()> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Advance(part, end) => {
                    let settled = self.outcomes.advance(part, end);
                    self.settled(settled, &mut output);
                }
                Step::Held(bar) => {
                    let settled = self.outcomes.feed(&bar);
                    self.settled(settled, &mut output);
                    let settled = self.outcomes.advance(bar.part, bar.window_end);
                    self.settled(settled, &mut output);
                }
                Step::Bar(bar) => {
                    let settled = self.outcomes.feed(&bar);
                    self.settled(settled, &mut output);
                    let settled = self.outcomes.advance(bar.part, bar.window_end);
                    self.settled(settled, &mut output);
                    self.predict(&bar, versions, stored, now, &mut output);
                }
                // The partition's end is ahead of these: targets are settled after the last of them was fed again.
                Step::Again(bar) => {
                    let settled = self.outcomes.feed(&bar);
                    self.settled(settled, &mut output);
                    self.predict(&bar, versions, stored, now, &mut output);
                    again.insert(bar.part, ());
                }
            }
        }
        for part in again.into_keys() {
            let settled = self.outcomes.sweep(part);
            self.settled(settled, &mut output);
        }
        self.summary.pending = self.outcomes.pending() as u64;
        output
    }

    fn predict(
        &mut self,
        bar: &FeatureRow,
        versions: &dyn Versions,
        stored: &Stored,
        now: Timestamp,
        output: &mut Output,
    ) {
        for &horizon in &self.horizons {
            let target = self.frame.target(bar.window_end, horizon);
            let row = match stored.get(&(bar.symbol.clone(), target, horizon)) {
                Some(row) if row.as_of == bar.window_end => {
                    // Its outcome may have come while the bar was held.
                    let same = |o: &PredictionRow| {
                        o.symbol == row.symbol && o.target_ts == target && o.version == row.version
                    };
                    if output.outcomes.iter().any(|o| o.horizon == horizon && same(o)) {
                        continue;
                    }
                    row.clone()
                }
                _ => {
                    let choice = versions.choose(horizon, bar.window_end);
                    let row = self.frame.forecast(bar, horizon, &choice, now);
                    self.summary.made += 1;
                    self.summary.late += u64::from(row.flags.contains(&market::Flag::Late));
                    self.summary.baseline += u64::from(row.role == Role::Baseline);
                    row
                }
            };
            self.outcomes.expect(bar.part, row.clone(), None);
            output.predictions.push(row);
        }
    }

    fn settled(&mut self, settled: Vec<PredictionRow>, output: &mut Output) {
        for row in settled {
            match row.outcome {
                Outcome::Joined { .. } => self.summary.joined += 1,
                Outcome::Void => self.summary.void += 1,
                Outcome::Pending => continue,
            }
            self.skills.add(&row);
            output.outcomes.push(row);
        }
    }

    pub(crate) fn ends(&self) -> BTreeMap<u32, Timestamp> {
        self.outcomes.ends()
    }

    pub(crate) fn skills(&self) -> &Skills {
        &self.skills
    }

    pub(crate) fn summary(&self) -> Summary {
        self.summary
    }
}

/// One thing to do, in the order of the log.
#[derive(Debug)]
pub(crate) enum Step {
    /// A final row of another name: the source partition's watermark has passed this end.
    Advance(u32, Timestamp),
    /// A bar in time: outcomes, then forecasts.
    Bar(FeatureRow),
    /// A bar that waits in the backlog: outcomes only.
    Held(FeatureRow),
    /// A bar from the backlog: forecasts, and outcomes among those.
    Again(FeatureRow),
}

impl Step {
    /// The bar that is predicted from.
    pub(crate) fn predicted(&self) -> Option<&FeatureRow> {
        match self {
            Step::Bar(bar) | Step::Again(bar) => Some(bar),
            Step::Advance(..) | Step::Held(_) => None,
        }
    }
}
