//! One line each for what a newcomer waits for, on stderr.

use std::{collections::BTreeMap, sync::Mutex, time::Instant};

use market::{Flag, Outcome, PredictionRow};
use serde_json::Value;
use trainer::{RunOutcome, Truth};

/// Prints each milestone once, with the time since the start.
pub struct Milestones {
    started: Instant,
    waiting: Mutex<Option<u64>>,
    truths: BTreeMap<String, Truth>,
}

impl Milestones {
    /// Starts the clock. `truths` = what is known of synthetic symbols.
    pub fn new(truths: BTreeMap<String, Truth>) -> Self {
        Self { started: Instant::now(), waiting: Mutex::new(None), truths }
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
        for line in headline(outcome, &self.truths) {
            self.say(&line);
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
            "first forecast: {} expects {:+.1} bp at {} ({} x {} ahead, {who})",
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

/// What a run came to: one line for the version, one for each symbol that was judged by itself.
fn headline(outcome: &RunOutcome, truths: &BTreeMap<String, Truth>) -> Vec<String> {
    let status = &outcome.status;
    let skill = |name: &str| text_of(&status["metrics"], name).and_then(|v| v.parse::<f64>().ok());
    let show = |s: Option<f64>| s.map_or("—".to_owned(), |s| format!("{s:.4}"));
    let rows = status["dataset"]["rows"].as_u64().unwrap_or(0);
    let verdict = if outcome.champion.is_empty() {
        "no gate passed, the last value is served (BASELINE)".to_owned()
    } else {
        let horizons: Vec<String> = outcome.champion.iter().map(u32::to_string).collect();
        format!("champion at horizon {}", horizons.join(" and "))
    };
    let mut lines = vec![format!(
        "model v{}: {rows} rows, pooled skill {}: {verdict}",
        outcome.version,
        show(skill("skill"))
    )];
    for symbol in status["dataset"]["symbols"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        for (name, value) in named(&status["metrics"], "skill@", symbol) {
            let horizon = name.trim_start_matches("skill@").split('/').next().unwrap_or_default();
            let truth = truths.get(symbol);
            let ceiling = truth.and_then(|t| t.ceilings.get(&horizon.parse().ok()?).copied());
            let refused = status["gates"].as_array().into_iter().flatten().any(|gate| {
                gate["passed"] == false
                    && gate["name"].as_str().is_some_and(|n| n.ends_with(&format!("@{horizon}/{symbol}")))
            });
            let words = match (refused, ceiling) {
                (false, _) => "served",
                (true, Some(c)) if c <= 0.0 => "BASELINE: nothing to learn, as it should be",
                (true, _) => "BASELINE: no skill is proven yet",
            };
            let of = ceiling.map_or(String::new(), |c| format!(" of at most {c:.4}"));
            let truth = truth.map_or(String::new(), |t| format!(" ({})", t.name));
            let value = value.parse::<f64>().ok();
            lines.push(format!("  {symbol}{truth}, horizon {horizon}: skill {}{of}: {words}", show(value)));
        }
    }
    lines
}

/// The value of a named metric.
fn text_of<'a>(metrics: &'a Value, name: &str) -> Option<&'a str> {
    metrics.as_array()?.iter().find(|m| m["name"] == name)?["value"].as_str()
}

/// All metrics of a symbol whose name starts like this.
fn named<'a>(metrics: &'a Value, start: &'a str, symbol: &str) -> Vec<(&'a str, &'a str)> {
    let end = format!("/{symbol}");
    metrics
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| Some((m["name"].as_str()?, m["value"].as_str()?)))
        .filter(|(name, _)| name.starts_with(start) && name.ends_with(&end))
        .collect()
}
