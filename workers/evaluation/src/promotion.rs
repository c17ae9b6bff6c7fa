//! Whether what was published may be served.
//!
//! The gates here judge the recipe out of sample. The later ones take their places beside them in [`decide`]:
//! `leakage_free` and `feature_parity` (the audits), `coverage` (intervals), `latency`, `cooldown`, and `shadow`, which
//! judges the fit on live outcomes before it becomes champion.

use serde::{Deserialize, Serialize};

use crate::{GroupBy, Report, Score};

/// What must be reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateRules {
    /// Skill must be above it (`promotion.minSkill`).
    pub min_skill: f64,
    /// Folds.
    pub min_folds: u32,
    /// Pooled target instants.
    pub min_instants: usize,
    /// Out-of-sample rows of a symbol that is served.
    pub min_symbol_rows: usize,
}

impl Default for GateRules {
    fn default() -> Self {
        Self { min_skill: 0.0, min_folds: 3, min_instants: 500, min_symbol_rows: 500 }
    }
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// `folds`, `instants`, `rows`, `skill`, `skill_lower_bound`, `skill_upper_bound`, `symbols`.
    pub name: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was measured; absent where there was nothing to measure.
    pub value: Option<f64>,
    /// What it was compared with.
    pub limit: f64,
    /// In words.
    pub reason: String,
}

/// The verdict on one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SymbolVerdict {
    /// The instrument.
    pub symbol: String,
    /// Whether the version is served for it; otherwise the baseline is.
    pub served: bool,
    /// What decided.
    pub gates: Vec<Gate>,
}

/// The verdict on one horizon of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Bars ahead.
    pub horizon: u32,
    /// Whether the version may be promoted for it.
    pub passed: bool,
    /// What decided.
    pub gates: Vec<Gate>,
    /// What each symbol is served.
    pub symbols: Vec<SymbolVerdict>,
}

impl Verdict {
    /// Whether a symbol is served the version. Symbols that were not evaluated are not.
    pub fn serves(&self, symbol: &str) -> bool {
        self.passed && self.symbols.iter().any(|s| s.symbol == symbol && s.served)
    }
}

/// One-sided level of the lower bound for the k-th recipe tried on the same data: 0.10 / (k (k + 1)). Summed over all
/// k it stays below 0.10, however many recipes are tried.
pub fn level(recipe: u32) -> f64 {
    let k = f64::from(recipe.max(1));
    0.10 / (k * (k + 1.0))
}

/// Decides.
///
/// With one forest for all, pooled skill decides whether the version passes; a symbol with too few rows, or whose
/// skill is probably below 0, is served the baseline without blocking the rest. With a forest for each symbol, each
/// is judged by itself at its share of the level, and the version passes if one does.
pub fn decide(report: &Report, rules: &GateRules) -> Verdict {
    let folds = report.folds.len();
    let instants = report.pooled.as_ref().map_or(0, |score| score.instants);
    let mut gates = vec![
        at_least("folds", folds as f64, f64::from(rules.min_folds), "folds"),
        at_least("instants", instants as f64, rules.min_instants as f64, "target instants out of sample"),
    ];
    let symbols: Vec<SymbolVerdict> = match report.group_by {
        GroupBy::None => {
            gates.extend(skill_gates(report.pooled.as_ref(), rules, report.level));
            report.symbols.iter().map(|s| tolerated(&s.symbol, &s.score, rules)).collect()
        }
        GroupBy::Symbol => {
            let judged =
                report.symbols.iter().map(|s| judged(&s.symbol, &s.score, rules, report.symbol_level));
            judged.collect()
        }
    };
    if report.group_by == GroupBy::Symbol {
        let served = symbols.iter().filter(|s| s.served).count();
        gates.push(at_least("symbols", served as f64, 1.0, "symbols with proven skill"));
    }
    Verdict { horizon: report.horizon, passed: gates.iter().all(|gate| gate.passed), gates, symbols }
}

fn at_least(name: &str, value: f64, limit: f64, what: &str) -> Gate {
    let passed = value >= limit;
    let reason =
        if passed { format!("{value} {what}") } else { format!("{value} {what}, {limit} are needed") };
    Gate { name: name.to_owned(), passed, value: Some(value), limit, reason }
}

fn skill_gates(score: Option<&Score>, rules: &GateRules, level: f64) -> [Gate; 2] {
    let skill = score.map(|s| s.skill);
    let lower = score.and_then(|s| s.skill_lower);
    let against = score.map_or("nothing", |s| s.best_naive.as_str());
    let above = |name: &str, value: Option<f64>, limit: f64, what: String| {
        let passed = value.is_some_and(|v| v > limit);
        let found = value.map_or_else(|| "nothing to measure".to_owned(), |v| format!("{v:+.4}"));
        let verb = if passed { "is above" } else { "is not above" };
        let reason = format!("{what} {found} {verb} {limit}");
        Gate { name: name.to_owned(), passed, value, limit, reason }
    };
    [
        above("skill", skill, rules.min_skill, format!("skill against {against}")),
        above("skill_lower_bound", lower, 0.0, format!("lower bound of skill at one-sided level {level:.4}")),
    ]
}

fn judged(symbol: &str, score: &Score, rules: &GateRules, level: f64) -> SymbolVerdict {
    let rows = at_least("rows", score.rows as f64, rules.min_symbol_rows as f64, "rows out of sample");
    let mut gates = vec![rows];
    gates.extend(skill_gates(Some(score), rules, level));
    SymbolVerdict { symbol: symbol.to_owned(), served: gates.iter().all(|gate| gate.passed), gates }
}

fn tolerated(symbol: &str, score: &Score, rules: &GateRules) -> SymbolVerdict {
    let rows = at_least("rows", score.rows as f64, rules.min_symbol_rows as f64, "rows out of sample");
    let upper = score.skill_upper;
    let passed = upper.is_none_or(|upper| upper >= 0.0);
    let found = upper.map_or_else(|| "nothing to measure".to_owned(), |v| format!("{v:+.4}"));
    let verb = if passed { "is not below" } else { "is below" };
    let reason = format!("upper 90 % bound of skill {found} {verb} 0");
    let harm = Gate { name: "skill_upper_bound".to_owned(), passed, value: upper, limit: 0.0, reason };
    let gates = vec![rows, harm];
    SymbolVerdict { symbol: symbol.to_owned(), served: gates.iter().all(|gate| gate.passed), gates }
}
