//! When `local` starts a training run by itself. Pure: rows go in, a decision comes out.

/// Decides from the number of final bars when the next run is due.
#[derive(Debug, Clone)]
pub struct Trigger {
    min_rows: u64,
    new_rows: Option<u64>,
    asked_for: bool,
    attempted_at: Option<u64>,
    trained_at: Option<u64>,
}

/// What became of a run that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It ended, whatever the gates said.
    Ended,
    /// It was refused for want of rows, having `have` of the rows it needs.
    NotEnough {
        /// Rows it had after warm-up and targets.
        have: u64,
    },
    /// It failed.
    Failed,
}

/// After a refusal the next attempt waits for one row in this many more.
const RETRY_FRACTION: u64 = 20;

impl Trigger {
    /// `new_rows` = `training.triggers.newRows`; `asked_for` = a TrainingRun stands in the manifest. `trained_at` = rows
    /// at the newest run of an earlier start.
    pub fn new(min_rows: u64, new_rows: Option<u64>, asked_for: bool, trained_at: Option<u64>) -> Self {
        Self { min_rows, new_rows, asked_for, attempted_at: None, trained_at }
    }

    /// True when a run should start now that `rows` final bars are stored.
    pub fn due(&self, rows: u64) -> bool {
        if let Some(at) = self.attempted_at
            && rows < at + (at / RETRY_FRACTION).max(1)
        {
            return false;
        }
        match (self.asked_for, self.new_rows, self.trained_at) {
            (true, _, _) => rows >= self.min_rows,
            (false, None, _) => false,
            (false, Some(_), None) => rows >= self.min_rows,
            (false, Some(new), Some(at)) => rows >= at.saturating_add(new),
        }
    }

    /// Takes down what became of the run that was due at `rows`.
    pub fn attempted(&mut self, rows: u64, attempt: Attempt) {
        match attempt {
            Attempt::Ended => {
                self.asked_for = false;
                self.trained_at = Some(rows);
                self.attempted_at = None;
            }
            Attempt::NotEnough { have } => {
                // Warm-up, targets and voids take rows: wait for as many more as were missing.
                let missing = self.min_rows.saturating_sub(have);
                self.attempted_at = Some(rows.max(rows + missing - missing / RETRY_FRACTION));
            }
            Attempt::Failed => {
                self.attempted_at = Some(rows + self.new_rows.unwrap_or(self.min_rows));
            }
        }
    }

    /// True while a run the manifest asks for has not ended.
    pub fn owes_a_run(&self) -> bool {
        self.asked_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_run_waits_for_min_rows_and_the_next_for_new_rows() {
        let mut t = Trigger::new(2_000, Some(500), false, None);
        assert!(!t.due(1_999));
        assert!(t.due(2_000));
        t.attempted(2_000, Attempt::Ended);
        assert!(!t.due(2_499));
        assert!(t.due(2_500));
    }

    #[test]
    fn without_triggers_only_a_run_that_was_asked_for_starts() {
        assert!(!Trigger::new(10, None, false, None).due(1_000_000));
        let mut t = Trigger::new(10, None, true, None);
        assert!(t.due(10));
        t.attempted(10, Attempt::Ended);
        assert!(!t.due(1_000_000));
        assert!(!t.owes_a_run());
    }

    #[test]
    fn a_refusal_for_want_of_rows_is_tried_again_when_they_are_there() {
        let mut t = Trigger::new(2_000, Some(500), false, None);
        t.attempted(2_000, Attempt::NotEnough { have: 1_900 });
        assert!(!t.due(2_050));
        assert!(t.due(2_300));
    }

    #[test]
    fn a_failed_run_does_not_loop() {
        let mut t = Trigger::new(2_000, Some(500), false, None);
        t.attempted(2_000, Attempt::Failed);
        assert!(!t.due(2_400));
        assert!(t.due(2_700));
    }

    #[test]
    fn a_second_start_goes_on_counting() {
        assert!(!Trigger::new(2_000, Some(500), false, Some(4_000)).due(4_400));
        assert!(Trigger::new(2_000, Some(500), false, Some(4_000)).due(4_500));
    }
}
