//! From a trainer's result to the status of a run that is complete, and what still follows it: the alias.
//!
//! A result comes from a pod, so it is cut to what the schema admits: a status that the API server refuses would be
//! written again and again.

use std::collections::{BTreeMap, HashSet};

use crds::limits;
use crds::reason::Reason;
use crds::training_run::RunResult;
use crds::training_run::status::{Gate, Phase};

use super::ledger::Ledger;
use super::observed::Serving;
use crate::conditions::{Said, shortened};
use crate::events::Notice;

/// Gates that a status shows.
const GATES: usize = 64;

/// The run is complete: a recorded outcome, whatever the gates said.
pub(super) fn complete(ledger: &mut Ledger, result: &RunResult) {
    let fitting = fitting(result);
    ledger.end("Complete", Reason::Recorded, Some(0));
    ledger.stop_clock();
    let status = &mut ledger.status;
    status.phase = Some(Phase::Complete);
    status.progress_percent = Some(100);
    status.estimated_remaining_seconds = None;
    status.version = fitting.version;
    status.alias = fitting.alias.clone();
    status.gates = fitting.gates.clone();
    status.metrics = fitting.metrics.clone();
    if fitting.dataset.is_some() {
        status.dataset = fitting.dataset.clone();
    }
    let rows = status.dataset.as_ref().map_or(0, |dataset| dataset.rows);
    if rows > 0 {
        ledger.say(Said::new("DataReady", true, Reason::EnoughRows, format!("{rows} rows")));
    }
    judge(ledger, &fitting);
    let summary = summary(&fitting);
    ledger.say(Said::new("Complete", true, Reason::Recorded, summary.clone()));
    ledger.tell(Notice::normal(Reason::TrainingComplete, "Train", summary));
}

/// Conditions that follow from the gates and the version.
fn judge(ledger: &mut Ledger, result: &RunResult) {
    for (gate, type_) in [("leakage_free", "LeakageFree"), ("feature_parity", "FeatureParity")] {
        if let Some(gate) = result.gates.iter().find(|g| g.name == gate) {
            let reason = if gate.passed { Reason::Passed } else { Reason::Refused };
            ledger.say(Said::new(type_, gate.passed, reason, sentence(gate)));
        }
    }
    if let Some(passed) = passed(&result.gates) {
        let (reason, message) = match (passed, result.gates.iter().find(|gate| !gate.passed)) {
            (true, _) => (Reason::Passed, "at least one horizon passed every gate".to_owned()),
            (false, Some(refused)) => (Reason::Refused, format!("no horizon passed: {}", sentence(refused))),
            (false, None) => (Reason::Refused, "no horizon passed".to_owned()),
        };
        ledger.say(Said::new("GatesPassed", passed, reason, message));
    }
    match result.version {
        Some(version) => {
            ledger.say(Said::new("ModelPublished", true, Reason::Published, format!("version {version}")));
            promoted(ledger, result.alias.as_deref());
        }
        None => {
            let why = result.error.as_deref().unwrap_or("the trainer published no version");
            ledger.say(Said::new("ModelPublished", false, Reason::NotPublished, why));
        }
    }
}

/// After the end: which alias the version has now, where the predictors tell.
pub(super) fn follow(ledger: &mut Ledger, serving: Option<&Serving>) {
    if let (Some(serving), Some(version)) = (serving, ledger.status.version) {
        let alias = serving.alias(version);
        ledger.status.alias = alias.map(str::to_owned);
        promoted(ledger, alias);
    }
}

fn promoted(ledger: &mut Ledger, alias: Option<&str>) {
    let said = match alias {
        Some("champion") => Said::new("Promoted", true, Reason::Serving, "the version serves"),
        Some(other) => {
            Said::new("Promoted", false, Reason::NotServing, format!("the version is the {other}"))
        }
        None => Said::new("Promoted", false, Reason::NotServing, "the version has no alias"),
    };
    ledger.say(said);
}

/// Whether a horizon passed all its gates; `None` where there are none. A gate of one symbol blocks nobody else.
fn passed(gates: &[Gate]) -> Option<bool> {
    let mut horizons: BTreeMap<&str, bool> = BTreeMap::new();
    for gate in gates.iter().filter(|gate| !gate.name.contains('/')) {
        let horizon = gate.name.split_once('@').map_or("", |(_, horizon)| horizon);
        *horizons.entry(horizon).or_insert(true) &= gate.passed;
    }
    (!horizons.is_empty()).then(|| horizons.values().any(|passed| *passed))
}

fn sentence(gate: &Gate) -> String {
    let value = gate.value.as_deref().unwrap_or("nothing to measure");
    match &gate.limit {
        Some(limit) => format!("{} is {value}, asked is {limit}", gate.name),
        None => format!("{} is {value}", gate.name),
    }
}

fn summary(result: &RunResult) -> String {
    let skill = result.metric("skill").map(|skill| format!(", skill {}", skill.as_str())).unwrap_or_default();
    let refused = result.gates.iter().filter(|gate| !gate.passed && !gate.name.contains('/')).count();
    let gates = match (refused, passed(&result.gates)) {
        (_, Some(false)) => ", refused by the gates",
        _ => "",
    };
    match result.version {
        Some(version) => format!("version {version} is published{skill}{gates}"),
        None => format!("the outcome is recorded; no version is published{gates}"),
    }
}

/// The result within the bounds of the schema, names unique.
fn fitting(result: &RunResult) -> RunResult {
    let mut fit = result.clone();
    let text = |text: &mut String| *text = shortened(text, limits::TEXT as usize);
    let mut seen = HashSet::new();
    fit.gates.iter_mut().for_each(|gate| {
        text(&mut gate.name);
        gate.value.iter_mut().for_each(text);
        gate.limit.iter_mut().for_each(text);
    });
    fit.gates.retain(|gate| seen.insert(gate.name.clone()));
    fit.gates.truncate(GATES);
    let mut seen = HashSet::new();
    fit.metrics.iter_mut().for_each(|metric| text(&mut metric.name));
    fit.metrics.retain(|metric| !metric.name.is_empty() && seen.insert(metric.name.clone()));
    fit.metrics.truncate(limits::STATUS_ITEMS as usize);
    fit.alias.iter_mut().for_each(text);
    if let Some(dataset) = &mut fit.dataset {
        dataset.symbols.retain(|symbol| !symbol.is_empty() && symbol.len() <= limits::SYMBOL as usize);
        dataset.symbols.truncate(limits::SYMBOLS as usize);
        dataset.hash.iter_mut().for_each(text);
        for bound in [&mut dataset.from, &mut dataset.to].into_iter().flatten() {
            bound.0 = crate::conditions::whole_seconds(bound.0);
        }
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::samples;

    fn gate(name: &str, passed: bool) -> Gate {
        Gate { name: name.to_owned(), passed, value: Some("0.1".to_owned()), limit: Some("0".to_owned()) }
    }

    #[test]
    fn one_horizon_is_enough_and_a_symbol_blocks_nobody() {
        for (gates, want) in [
            (vec![], None),
            (vec![gate("skill", true), gate("folds", true)], Some(true)),
            (vec![gate("skill", false), gate("folds", true)], Some(false)),
            (vec![gate("skill", false), gate("skill@5", true), gate("folds@5", true)], Some(true)),
            (vec![gate("skill", true), gate("skill/AAPL", false)], Some(true)),
            (vec![gate("skill", false), gate("skill@5", true), gate("folds@5", false)], Some(false)),
        ] {
            assert_eq!(passed(&gates), want, "{gates:?}");
        }
    }

    #[test]
    fn a_result_is_cut_to_what_the_schema_admits() {
        let mut result = samples::result(1);
        result.gates = (0..200).map(|i| gate(&format!("g{}", i % 100), true)).collect();
        let one = result.metrics[0].clone();
        result.metrics = vec![one.clone(), one];
        result.alias = Some("x".repeat(5000));
        let fit = fitting(&result);
        assert_eq!((fit.gates.len(), fit.metrics.len()), (GATES, 1));
        assert!(fit.alias.unwrap().len() <= limits::TEXT as usize);
    }

    #[test]
    fn the_alias_follows_the_predictors_and_nothing_else_changes() {
        let run = samples::completed();
        let mut ledger = Ledger::new(&run, samples::at(9_000));
        let before = ledger.status.clone();
        follow(&mut ledger, None);
        assert_eq!(ledger.status, before);
        follow(&mut ledger, Some(&Serving { champion: Some(12), ..Serving::default() }));
        assert_eq!(ledger.status.alias.as_deref(), Some("champion"));
        assert!(crate::conditions::holds(&ledger.status.conditions, "Promoted"));
        follow(&mut ledger, Some(&Serving { champion: Some(13), previous: Some(12), challenger: None }));
        assert_eq!(ledger.status.alias.as_deref(), Some("previous"));
        follow(&mut ledger, Some(&Serving::default()));
        assert_eq!(ledger.status.alias, None);
        assert!(!crate::conditions::holds(&ledger.status.conditions, "Promoted"));
    }
}
