//! `MODEL_CARD.md`: a version for people who meet it without the program.

use std::fmt::Write as _;

use registry::VersionSummary;

use crate::{Settings, run::Trained};

pub(crate) fn card(settings: &Settings, trained: &Trained, summary: &VersionSummary, report: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, settings, trained, summary, report);
    out
}

fn write(
    out: &mut String,
    settings: &Settings,
    trained: &Trained,
    summary: &VersionSummary,
    report: &str,
) -> std::fmt::Result {
    writeln!(out, "# Model of pipeline {}, {} bars\n", settings.pipeline, settings.data.bar)?;
    writeln!(out, "Published by run `{}` at {}.\n", settings.run, summary.created_at)?;
    writeln!(out, "- Forecasts the log return of the close over {:?} bars.", settings.horizons)?;
    writeln!(
        out,
        "- Trained on {} rows of {}, {} to {}; dataset hash `{}`.",
        summary.dataset.rows,
        trained.symbols.join(", "),
        summary.dataset.from,
        summary.dataset.to,
        summary.dataset.hash
    )?;
    writeln!(out, "- Feature schema `{:016x}`, {} entries.", summary.schema_hash, trained.entries.len())?;
    writeln!(
        out,
        "- Engine {} on {}-{}; equal bytes are promised within one of them.",
        summary.engine,
        std::env::consts::ARCH,
        std::env::consts::OS
    )?;
    writeln!(out, "- Model hash `{}`.\n", summary.model_sha256)?;
    writeln!(
        out,
        "Skill is 1 - SSE / SSE of the best naive forecast, on rows that no fold has seen, errors scaled by"
    )?;
    writeln!(
        out,
        "the volatility known at the row. Symbols without proven skill are served the last value (BASELINE).\n"
    )?;
    writeln!(out, "```text\n{}```\n", report)?;
    for one in &trained.judged {
        for (group, shares) in &one.importance {
            let mut named: Vec<(&String, f64)> = trained.entries.iter().zip(shares.iter().copied()).collect();
            named.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let group = if group.is_empty() { "all symbols" } else { group.as_str() };
            let top: Vec<String> = named
                .iter()
                .take(5)
                .map(|(name, share)| format!("`{name}` {:.1} %", share * 100.0))
                .collect();
            writeln!(
                out,
                "Horizon {}, {group}, share of impurity decrease: {}.",
                one.horizon,
                top.join(", ")
            )?;
        }
    }
    Ok(())
}
