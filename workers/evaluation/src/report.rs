//! The figures of one horizon: pooled, for each symbol, for each fold.

use forest::seed_mix;
use serde::{Deserialize, Serialize};

use crate::{GroupBy, OosRow, Score, limits, promotion};

/// What to measure with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvaluationSpec {
    /// Bars ahead.
    pub horizon: u32,
    /// Whether each symbol is judged by itself.
    pub group_by: GroupBy,
    /// How many recipes were tried on this (pipeline, bar, horizon), this one included; from 1.
    pub recipe: u32,
    /// Draws of the bootstrap.
    pub draws: u32,
    /// Seed of the run.
    pub seed: u64,
}

impl EvaluationSpec {
    /// The first recipe, with the usual number of draws.
    pub fn new(horizon: u32, group_by: GroupBy, seed: u64) -> Self {
        Self { horizon, group_by, recipe: 1, draws: limits::BOOTSTRAP_DRAWS, seed }
    }

    fn bootstrap_seed(&self, symbol: &str) -> u64 {
        seed_mix(self.seed, "bootstrap", self.horizon, 0, symbol, 0)
    }
}

/// Figures of one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SymbolScore {
    /// The instrument.
    pub symbol: String,
    /// Its figures.
    pub score: Score,
}

/// Figures of one fold, without bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldScore {
    /// From 0, in time order.
    pub fold: u32,
    /// Its figures.
    pub score: Score,
}

/// Figures of one horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Bars ahead.
    pub horizon: u32,
    /// Whether each symbol is judged by itself.
    pub group_by: GroupBy,
    /// One-sided level of the pooled lower bound.
    pub level: f64,
    /// One-sided level of each symbol's lower bound: divided by the number of symbols where each is judged by itself.
    pub symbol_level: f64,
    /// All rows; absent where there is none.
    pub pooled: Option<Score>,
    /// By symbol, in the dataset's order; symbols without a row are missing.
    pub symbols: Vec<SymbolScore>,
    /// By fold.
    pub folds: Vec<FoldScore>,
}

/// Measures out-of-sample rows.
pub fn evaluate(rows: &[OosRow], symbols: &[String], spec: &EvaluationSpec) -> Report {
    let level = promotion::level(spec.recipe);
    let by_symbol = split_by_symbol(rows, symbols.len());
    let judged = by_symbol.iter().filter(|rows| !rows.is_empty()).count().max(1);
    let symbol_level = match spec.group_by {
        GroupBy::None => level,
        GroupBy::Symbol => level / judged as f64,
    };
    let all: Vec<&OosRow> = rows.iter().collect();
    let of_symbol = |(symbol, rows): (&String, &Vec<&OosRow>)| {
        let score = Score::of(rows, spec, symbol_level, Some(spec.bootstrap_seed(symbol)))?;
        Some(SymbolScore { symbol: symbol.clone(), score })
    };
    Report {
        horizon: spec.horizon,
        group_by: spec.group_by,
        level,
        symbol_level,
        pooled: Score::of(&all, spec, level, Some(spec.bootstrap_seed(""))),
        symbols: symbols.iter().zip(&by_symbol).filter_map(of_symbol).collect(),
        folds: by_fold(&all, spec, level),
    }
}

/// Rows of each symbol, in their order.
pub(crate) fn split_by_symbol(rows: &[OosRow], symbols: usize) -> Vec<Vec<&OosRow>> {
    let mut out = vec![Vec::new(); symbols];
    for row in rows {
        out[row.symbol as usize].push(row);
    }
    out
}

fn by_fold(rows: &[&OosRow], spec: &EvaluationSpec, level: f64) -> Vec<FoldScore> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| row.fold);
    let folds = sorted.chunk_by(|a, b| a.fold == b.fold);
    let score = |rows: &[&OosRow]| {
        let fold = rows.first()?.fold;
        Some(FoldScore { fold, score: Score::of(rows, spec, level, None)? })
    };
    folds.filter_map(score).collect()
}
