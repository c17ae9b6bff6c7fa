//! What a run comes to: the status object of a TrainingRun, and what callers ask of it.

use evaluation::{Score, promotion::Gate};
use serde_json::{Map, Value, json};

use crate::{Settings, figures, judge::Judged, limits::STATUS_SYMBOLS, publish::Moved, run::Trained};

/// The recorded outcome of a run. A gate that said no is one.
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// The status object, as `train -o json` prints it.
    pub status: Value,
    /// The report for people.
    pub report: String,
    /// The published version.
    pub version: u64,
    /// SHA-256 of the model file, lower-case hex.
    pub model_sha256: String,
    /// Horizons that passed their gates.
    pub passed: Vec<u32>,
    /// Horizons whose champion this version is now.
    pub champion: Vec<u32>,
    /// True when this uid had been published before and nothing was trained.
    pub repeated: bool,
}

impl RunOutcome {
    /// The exit code at the command line: 3 when the gates let no horizon pass, though the version is stored.
    pub fn exit_code(&self) -> u8 {
        if self.passed.is_empty() { 3 } else { 0 }
    }
}

/// Numbers in a status are strings: Kubernetes has no floats that every client reads alike.
pub(crate) fn decimal(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.6}");
    if text == "-0.000000" { "0.000000".to_owned() } else { text }
}

/// `skill` for the pooled first horizon, `skill@5` for another, `skill@5/AAPL` for a symbol.
fn metric_name(name: &str, first: bool, horizon: u32, symbol: Option<&str>) -> String {
    match symbol {
        None if first => name.to_owned(),
        None => format!("{name}@{horizon}"),
        Some(symbol) => format!("{name}@{horizon}/{symbol}"),
    }
}

fn score_metrics(out: &mut Vec<Value>, score: &Score, first: bool, horizon: u32, symbol: Option<&str>) {
    let figures = [
        ("rmse", Some(score.rmse)),
        ("mae", Some(score.mae)),
        ("r2", score.r2),
        ("skill", Some(score.skill)),
        ("skill_lower", score.skill_lower),
        ("skill_linear", Some(score.skill_linear)),
        ("ic", score.ic),
        ("rank_ic", score.rank_ic),
        ("directional_accuracy", score.directional.map(|d| d.accuracy)),
        ("directional_low", score.directional.map(|d| d.low)),
        ("directional_high", score.directional.map(|d| d.high)),
        ("rows", Some(score.rows as f64)),
        ("instants", Some(score.instants as f64)),
    ];
    for (name, value) in figures {
        // A symbol's figures in full are in metrics.json; a status has to stay small.
        if symbol.is_some() && !matches!(name, "skill" | "skill_lower" | "rows") {
            continue;
        }
        let Some(value) = value else { continue };
        let text = if matches!(name, "rows" | "instants") { format!("{value:.0}") } else { decimal(value) };
        out.push(json!({"name": metric_name(name, first, horizon, symbol), "value": text}));
    }
}

/// The gate that decided: the first that refused, else the last.
fn deciding(gates: &[Gate]) -> Option<&Gate> {
    gates.iter().find(|gate| !gate.passed).or(gates.last())
}

fn gate(gate: &Gate, first: bool, horizon: u32, symbol: Option<&str>) -> Value {
    json!({
        "name": metric_name(&gate.name, first, horizon, symbol),
        "passed": gate.passed,
        "value": gate.value.map(decimal),
        "limit": decimal(gate.limit),
        "reason": gate.reason,
    })
}

fn condition(kind: &str, holds: bool, reason: &str, message: String) -> Value {
    let status = if holds { "True" } else { "False" };
    json!({"type": kind, "status": status, "reason": reason, "message": message})
}

/// The part of the status that the data and the seed decide: stored with the version.
pub(crate) fn judged_status(settings: &Settings, trained: &Trained) -> Map<String, Value> {
    let (mut metrics, mut gates) = (Vec::new(), Vec::new());
    for (i, one) in trained.judged.iter().enumerate() {
        let (first, h) = (i == 0, one.horizon);
        if let Some(score) = &one.report.pooled {
            score_metrics(&mut metrics, score, first, h, None);
            let more = [
                ("rmse_naive", figures::rmse_naive(&one.rows, score.best_naive)),
                ("ceiling", figures::pooled_ceiling(&one.report, settings)),
            ];
            metrics.extend(more.into_iter().filter_map(|(name, value)| {
                Some(json!({"name": metric_name(name, first, h, None), "value": decimal(value?)}))
            }));
        }
        for symbol in one.report.symbols.iter().take(STATUS_SYMBOLS) {
            score_metrics(&mut metrics, &symbol.score, first, h, Some(&symbol.symbol));
        }
        gates.extend(one.verdict.gates.iter().map(|g| gate(g, first, h, None)));
        for symbol in one.verdict.symbols.iter().take(STATUS_SYMBOLS) {
            gates.extend(deciding(&symbol.gates).map(|g| gate(g, first, h, Some(&symbol.symbol))));
        }
    }
    let parity = &trained.parity;
    let compared = parity.bit_equal + parity.close;
    let message = match &parity.first {
        Some(first) => {
            format!("{} of {} vectors differ: {first}", parity.different, compared + parity.different)
        }
        None => format!(
            "{} bit-equal, {} within 1e-9, {} not comparable",
            parity.bit_equal, parity.close, parity.not_comparable
        ),
    };
    let mut conditions = vec![
        condition("DataReady", true, "EnoughRows", format!("{} rows", trained.dataset.rows)),
        condition(
            "FeatureParity",
            parity.holds(),
            if parity.holds() { "Equal" } else { "Different" },
            message,
        ),
        gates_passed(&trained.judged),
    ];
    conditions.extend(trained.judged.iter().filter(|one| sparse(one)).map(|one| {
        let share = 100.0 * one.counts.void_share();
        let text = format!("{share:.1} % of the {}-bar targets are void: choose longer bars", one.horizon);
        condition("SparseBars", true, "VoidTargets", text)
    }));
    let mut status = Map::new();
    status.insert("phase".into(), json!("Complete"));
    status.insert("progressPercent".into(), json!(100));
    status.insert("conditions".into(), json!(conditions));
    status.insert("gates".into(), json!(gates));
    status.insert(
        "dataset".into(),
        json!({
            "rows": trained.dataset.rows,
            "from": trained.dataset.from.to_string(),
            "to": trained.dataset.to.to_string(),
            "symbols": trained.symbols,
            "hash": trained.dataset.hash,
        }),
    );
    status.insert("metrics".into(), json!(metrics));
    status.insert("folds".into(), figures::folds(&trained.judged));
    status.insert("rivals".into(), figures::rivals(&trained.judged));
    status.insert("bar".into(), json!(settings.data.bar));
    status.insert("params".into(), figures::params(settings, trained));
    status.insert("engine".into(), json!(trained.engine));
    status.insert("seed".into(), json!(settings.model.seed));
    status
}

fn gates_passed(judged: &[Judged]) -> Value {
    let passed: Vec<String> =
        judged.iter().filter(|one| one.verdict.passed).map(|one| one.horizon.to_string()).collect();
    if passed.is_empty() {
        condition("GatesPassed", false, "Refused", "no horizon passed; BASELINE is served".to_owned())
    } else {
        condition("GatesPassed", true, "Passed", format!("horizons {}", passed.join(", ")))
    }
}

pub(crate) fn sparse(one: &Judged) -> bool {
    100.0 * one.counts.void_share() > crate::limits::SPARSE_PERCENT
}

/// Adds what is only known once the version is visible.
pub(crate) fn published_status(
    mut status: Map<String, Value>,
    version: u64,
    model_sha256: &str,
    moved: &Moved,
) -> Value {
    let alias = if moved.champion.is_empty() { Value::Null } else { json!("champion") };
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        conditions.push(condition("ModelPublished", true, "Published", format!("version {version}")));
        let promoted = !moved.champion.is_empty();
        let reason = if promoted { "Promoted" } else { "NotPromoted" };
        conditions.push(condition("Promoted", promoted, reason, moved.words.join("; ")));
        conditions.push(condition("Complete", true, "Recorded", "the outcome is recorded".to_owned()));
    }
    status.insert("version".into(), json!(version));
    status.insert("alias".into(), alias);
    status.insert("modelSha256".into(), json!(model_sha256));
    Value::Object(status)
}
