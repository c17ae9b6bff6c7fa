//! The report a person reads: what was learnt, against what, and what follows.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use evaluation::{Naive, Published, Rival, Score};
use market::{Span, Timestamp};

use crate::{EngineChoice, GroupBy, Settings, judge::Judged, outcome::sparse, publish::Moved, run::Trained};

/// Everything but what is only known after publishing.
pub(crate) fn report(settings: &Settings, trained: &Trained) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = head(&mut out, settings, trained);
    for one in &trained.judged {
        let _ = horizon(&mut out, settings, one);
    }
    out
}

fn head(out: &mut String, settings: &Settings, trained: &Trained) -> std::fmt::Result {
    let model = &settings.model;
    let d = &trained.dataset;
    writeln!(
        out,
        "Run {} of pipeline {}: {} bars of {}, {} rows from {} to {}",
        settings.run,
        settings.pipeline,
        thousands(trained.bars),
        settings.data.bar,
        thousands(d.rows as usize),
        d.from,
        d.to
    )?;
    let auto = if model.engine == EngineChoice::Auto { " (Auto)" } else { "" };
    let groups = if model.group_by == GroupBy::Symbol {
        "one forest per symbol"
    } else {
        "one forest for all symbols"
    };
    writeln!(
        out,
        "Model: {}{auto}, {} trees of depth {}, {groups}, {} features, seed {}",
        trained.engine,
        model.trees,
        model.max_depth,
        trained.entries.len(),
        model.seed
    )?;
    let p = &trained.parity;
    write!(
        out,
        "Feature parity: {} vectors bit-equal, {} within 1e-9, {} different, {} not comparable",
        thousands(p.bit_equal as usize),
        thousands(p.close as usize),
        thousands(p.different as usize),
        thousands(p.not_comparable as usize)
    )?;
    match &p.first {
        Some(first) => writeln!(out, "\n  live and offline features differ: {first}"),
        None => writeln!(out),
    }
}

fn horizon(out: &mut String, settings: &Settings, one: &Judged) -> std::fmt::Result {
    let ahead = settings.data.bar.micros().saturating_mul(i64::from(one.horizon));
    let ahead = Span::from_micros(ahead).map_or_else(String::new, |span| format!(" ({span})"));
    writeln!(out, "\nHorizon {}{ahead}: {}", one.horizon, headline(one))?;
    let void = 100.0 * one.counts.void_share();
    writeln!(
        out,
        "  targets: {} matured, {} void ({void:.1} %), {} not yet known{}",
        thousands(one.counts.matured),
        thousands(one.counts.void),
        thousands(one.counts.pending),
        if sparse(one) { "; sparse: choose longer bars" } else { "" }
    )?;
    if let Some(score) = &one.report.pooled {
        writeln!(
            out,
            "  RMSE {} bp, MAE {} bp, R² {}, IC {}, better than the naive by chance with p {}",
            basis_points(score.rmse),
            basis_points(score.mae),
            optional(score.r2),
            optional(score.ic),
            optional(score.p_better)
        )?;
        writeln!(out, "  naives: {}", naives(score))?;
        writeln!(out, "  linear rivals: {}", rivals(score))?;
    }
    for choice in &one.choices {
        if let Published::Linear(rival) = choice.published {
            let group = if choice.group.is_empty() { "all symbols" } else { choice.group.as_str() };
            let ratio = 100.0 * (choice.sse_ratio - 1.0);
            writeln!(
                out,
                "  {group}: the forest is worse than {} by {ratio:.1} % of squared error; the rival is published in its place",
                rival.as_str()
            )?;
        }
    }
    writeln!(out, "{}", indent(&fold_table(one)))?;
    writeln!(out, "{}", indent(&symbol_table(settings, one)))?;
    for gate in one.verdict.gates.iter() {
        writeln!(
            out,
            "  {} {}: {}",
            if gate.passed { "passed " } else { "refused" },
            gate.name,
            gate.reason
        )?;
    }
    Ok(())
}

fn headline(one: &Judged) -> String {
    let Some(score) = &one.report.pooled else { return "no row out of sample".to_owned() };
    format!(
        "skill {:.4} against {}, lower bound {}",
        score.skill,
        score.best_naive.as_str(),
        optional(score.skill_lower)
    )
}

fn naives(score: &Score) -> String {
    let least = score.sse_naive.iter().copied().fold(f64::INFINITY, f64::min);
    let of = |(naive, sse): (&Naive, &f64)| format!("{} {:.4}", naive.as_str(), sse / least);
    let all: Vec<String> = Naive::ALL.iter().zip(&score.sse_naive).map(of).collect();
    format!("{} (squared error, the best is 1)", all.join(", "))
}

fn rivals(score: &Score) -> String {
    let least = score.sse_naive.iter().copied().fold(f64::INFINITY, f64::min);
    let of = |(rival, sse): (&Rival, &f64)| format!("{} {:.4}", rival.as_str(), 1.0 - sse / least);
    let all: Vec<String> = Rival::ALL.iter().zip(&score.sse_rival).map(of).collect();
    format!("skill of {}; skill against the best of them {:.4}", all.join(", "), score.skill_linear)
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

fn align(table: &mut Table, texts: &[usize]) {
    for (i, column) in table.column_iter_mut().enumerate() {
        if !texts.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn fold_table(one: &Judged) -> String {
    let mut t = table(&["fold", "test from", "train", "test", "skill", "RMSE bp"]);
    for fold in &one.folds {
        let score = one.report.folds.iter().find(|f| f.fold == fold.number).map(|f| &f.score);
        t.add_row(vec![
            (fold.number + 1).to_string(),
            minute(fold.test_from),
            thousands(fold.train.len()),
            thousands(fold.test.len()),
            score.map_or_else(|| "—".into(), |s| format!("{:.4}", s.skill)),
            score.map_or_else(|| "—".into(), |s| basis_points(s.rmse)),
        ]);
    }
    align(&mut t, &[1]);
    t.to_string()
}

fn symbol_table(settings: &Settings, one: &Judged) -> String {
    let mut t = table(&["symbol", "rows", "skill", "lower bound", "ceiling", "verdict"]);
    for symbol in &one.report.symbols {
        let ceiling = settings.ceiling(&symbol.symbol, one.horizon);
        t.add_row(vec![
            symbol.symbol.clone(),
            thousands(symbol.score.rows),
            format!("{:.4}", symbol.score.skill),
            optional(symbol.score.skill_lower),
            ceiling.map_or_else(|| "—".into(), |c| format!("{c:.4}")),
            verdict(settings, one, &symbol.symbol),
        ]);
    }
    align(&mut t, &[0, 5]);
    t.to_string()
}

fn verdict(settings: &Settings, one: &Judged, symbol: &str) -> String {
    if one.verdict.serves(symbol) {
        return "served".to_owned();
    }
    let nothing = settings.truths.contains_key(symbol)
        && settings.ceiling(symbol, one.horizon).is_some_and(|ceiling| ceiling <= 0.0);
    if nothing {
        return "BASELINE: nothing to learn, as it should be".to_owned();
    }
    let of_symbol = one.verdict.symbols.iter().find(|s| s.symbol == symbol);
    let gate = of_symbol.and_then(|s| s.gates.iter().find(|gate| !gate.passed));
    match gate {
        Some(gate) => format!("BASELINE: {}", gate.reason),
        None => "BASELINE: the version did not pass".to_owned(),
    }
}

/// The report with what became of the version, in plain words.
pub(crate) fn with_verdict(
    report: &str,
    settings: &Settings,
    trained: &Trained,
    version: u64,
    moved: &Moved,
) -> String {
    let mut out = report.to_owned();
    let passed = trained.judged.iter().any(|one| one.verdict.passed);
    let hopeless = !settings.truths.is_empty()
        && trained.judged.iter().all(|one| {
            trained
                .symbols
                .iter()
                .all(|s| settings.ceiling(s, one.horizon).is_some_and(|ceiling| ceiling <= 0.0))
        });
    let verdict = match (passed, hopeless) {
        (true, _) => format!("v{version} passed."),
        (false, true) => format!("v{version} is stored, not served: nothing to learn, as it should be."),
        (false, false) => {
            format!("v{version} is stored, not served: no horizon passed its gates, BASELINE goes on.")
        }
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\nVerdict: {verdict}");
    for line in &moved.words {
        let _ = writeln!(out, "  {line}");
    }
    out
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

fn minute(at: Timestamp) -> String {
    at.to_string().chars().take(16).collect::<String>().replace('T', " ")
}

fn basis_points(value: f64) -> String {
    format!("{:.1}", value * 1e4)
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "—".to_owned(), |v| format!("{v:.4}"))
}

pub(crate) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (40_214, "40,214"), (1_000_000, "1,000,000")]
        {
            assert_eq!(super::thousands(n), text);
        }
    }
}
