//! What the status tells beside scores and gates: folds, rivals, the best that was possible. Small on purpose: a status is
//! read with every page, so long lists are cut and stand in full in `metrics.json`.

use evaluation::{Naive, OosRow, Report, against};
use serde_json::{Value, json};

use crate::{GroupBy, Settings, judge::Judged, limits::STATUS_LINES, outcome::decimal, run::Trained};

/// Skill of each fold and horizon; folds are counted from 1.
pub(crate) fn folds(judged: &[Judged]) -> Value {
    let lines = judged.iter().flat_map(|one| {
        one.report.folds.iter().map(|fold| {
            json!({
                "fold": fold.fold + 1,
                "horizon": one.horizon,
                "skill": decimal(fold.score.skill),
                "rows": fold.score.rows,
            })
        })
    });
    lines.take(STATUS_LINES).collect()
}

/// Skill of what is published against each naive and each linear rival, with the two-sided p-value of Diebold-Mariano.
pub(crate) fn rivals(judged: &[Judged]) -> Value {
    let lines = judged.iter().flat_map(|one| {
        against(&one.rows, one.horizon).into_iter().map(|other| {
            json!({
                "name": other.name,
                "horizon": one.horizon,
                "skill": decimal(other.skill),
                "dm_p": other.dm_p.map(decimal),
            })
        })
    });
    lines.take(STATUS_LINES).collect()
}

/// The recipe in short.
pub(crate) fn params(settings: &Settings, trained: &Trained) -> Value {
    let model = &settings.model;
    json!({
        "engine": trained.engine,
        "trees": model.trees,
        "maxDepth": model.max_depth,
        "groupBy": if model.group_by == GroupBy::Symbol { "Symbol" } else { "None" },
        "folds": settings.validation.folds,
    })
}

/// RMSE of the best naive on the same rows.
pub(crate) fn rmse_naive(rows: &[OosRow], best: Naive) -> Option<f64> {
    let column = Naive::ALL.iter().position(|naive| *naive == best)?;
    let forecast: Vec<f64> = rows.iter().map(|row| row.naive[column]).collect();
    let truth: Vec<f64> = rows.iter().map(|row| row.y).collect();
    (!rows.is_empty()).then(|| evaluation::metrics::rmse(&forecast, &truth))
}

/// The best pooled skill that was possible: the symbols' known ceilings, weighted by the squared errors of their naives.
/// Absent unless every symbol's is known.
pub(crate) fn pooled_ceiling(report: &Report, settings: &Settings) -> Option<f64> {
    let (mut best, mut all) = (0.0, 0.0);
    for symbol in &report.symbols {
        let ceiling = settings.ceiling(&symbol.symbol, report.horizon)?;
        let naive = symbol.score.sse_naive.iter().copied().fold(f64::INFINITY, f64::min);
        best += ceiling * naive;
        all += naive;
    }
    (all > 0.0).then(|| best / all)
}
