//! What starts a run besides the schedule: new rows, drift. Pure.
//!
//! Names say what the run was started for, so that a trigger that is seen twice starts one run: the rows counted in
//! whole steps, the version whose features drifted. They are short: the longest pipeline's name leaves eleven characters.

use crds::pipeline::Triggers;

/// What is known of the pipeline's runs and rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Growth {
    /// Final bars stored, over all symbols; `None` where not every worker tells.
    pub rows: Option<i64>,
    /// Rows at the last run's start; `None` before the first.
    pub rows_at_last: Option<i64>,
    /// Rows that a first run needs.
    pub min_rows: i64,
    /// The champion whose features drifted, as the predictors tell.
    pub drifted: Option<i64>,
    /// Whether a run of a trigger has not ended.
    pub unfinished: bool,
}

/// A run to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// The value of the label `stockpipe.dev/trigger`.
    pub trigger: &'static str,
    /// What follows the pipeline's name in the run's.
    pub suffix: String,
    /// Rows when it was decided: where the next count begins.
    pub rows: Option<i64>,
}

/// The run to start now, if any. One at a time: rows that come while it trains are counted for the next.
pub fn due(triggers: &Triggers, growth: &Growth) -> Option<Triggered> {
    if growth.unfinished {
        return None;
    }
    if triggers.drift
        && let Some(version) = growth.drifted
    {
        return Some(Triggered { trigger: "drift", suffix: format!("d{version}"), rows: growth.rows });
    }
    let (step, rows) = (triggers.new_rows?, growth.rows?);
    let (due_at, base) = match growth.rows_at_last {
        None => (growth.min_rows, 0),
        Some(last) => (last.saturating_add(step), last),
    };
    (rows >= due_at).then(|| Triggered {
        trigger: "newRows",
        suffix: format!("r{}", base.max(0)),
        rows: Some(rows),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix(triggers: &Triggers, growth: Growth) -> Option<String> {
        due(triggers, &growth).map(|due| format!("{}:{}", due.trigger, due.suffix))
    }

    #[test]
    fn rows_and_drift() {
        let rows = Triggers { new_rows: Some(20_000), drift: false };
        let both = Triggers { new_rows: Some(20_000), drift: true };
        let growth = Growth { rows: Some(1_999), min_rows: 2_000, ..Growth::default() };
        let grown = Growth { rows: Some(25_000), rows_at_last: Some(5_000), ..growth };
        for (triggers, growth, want) in [
            (&Triggers::default(), Growth { rows: Some(1 << 40), drifted: Some(3), ..growth }, None),
            (&rows, growth, None),
            (&rows, Growth { rows: Some(2_000), ..growth }, Some("newRows:r0")),
            (&rows, Growth { rows: Some(24_999), ..grown }, None),
            (&rows, grown, Some("newRows:r5000")),
            (&rows, Growth { unfinished: true, ..grown }, None),
            (&rows, Growth { rows: None, ..grown }, None),
            (&rows, Growth { drifted: Some(3), rows: None, ..grown }, None),
            (&both, Growth { drifted: Some(3), rows: None, ..grown }, Some("drift:d3")),
            (&both, Growth { drifted: None, ..grown }, Some("newRows:r5000")),
        ] {
            assert_eq!(suffix(triggers, growth).as_deref(), want, "{triggers:?} {growth:?}");
        }
    }
}
