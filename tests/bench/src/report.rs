//! The table and `report.json`.

use std::{fs, io, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::figures::{Better, Figure, Measured};

/// One line of both.
#[derive(Debug, Serialize)]
pub struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    cpu_seconds: f64,
    peak_rss_bytes: u64,
    peer: Option<&'static str>,
    peer_value: Option<f64>,
    ratio: Option<f64>,
    command: String,
}

impl Row {
    /// Joins a figure with its peer.
    pub fn new(figure: &Figure, own: Measured, peer: Option<Measured>, quick: bool) -> Self {
        let ratio = |peer: Measured| match figure.better {
            Better::More => own.value / peer.value,
            Better::Less => peer.value / own.value,
        };
        let quick = if quick { " --quick" } else { "" };
        Self {
            name: figure.name,
            value: own.value,
            unit: figure.unit,
            cpu_seconds: own.cpu_seconds,
            peak_rss_bytes: own.peak_rss_bytes,
            peer: figure.peer,
            peer_value: peer.map(|p| p.value),
            ratio: peer.map(ratio).filter(|r| r.is_finite()),
            command: format!("make bench BENCH_ARGS='--only {}{quick}'", figure.name),
        }
    }
}

/// Three significant digits, thousands apart.
fn short(value: f64) -> String {
    if value.abs() < 1_000.0 {
        let digits = if value.abs() >= 100.0 {
            0
        } else if value.abs() >= 10.0 {
            1
        } else {
            3
        };
        return format!("{value:.digits$}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// The table for people.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["figure", "value", "", "peer", "peer value", "ratio", "peak RSS", "command"]);
    for row in rows {
        table.add_row([
            row.name.to_owned(),
            short(row.value),
            row.unit.to_owned(),
            row.peer.unwrap_or("-").to_owned(),
            row.peer_value.map_or("-".into(), short),
            row.ratio.map_or("-".into(), |r| format!("{r:.2}")),
            format!("{} MiB", row.peak_rss_bytes / (1024 * 1024)),
            row.command.clone(),
        ]);
    }
    for right in [1, 4, 5, 6] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Writes `report.json` into `dir`.
pub fn write(dir: &Path, rows: &[Row]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("report.json"), serde_json::to_vec_pretty(rows)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::ALL;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [(0.5, "0.500"), (12.34, "12.3"), (999.4, "999"), (1_234_567.0, "1 234 567")] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn a_ratio_above_one_is_better_both_ways() {
        let at = |value| Measured { value, cpu_seconds: 1.0, peak_rss_bytes: 0 };
        for (figure, own, peer) in [(&ALL[0], 20.0, 10.0), (&ALL[3], 10.0, 20.0)] {
            assert_eq!(Row::new(figure, at(own), Some(at(peer)), false).ratio, Some(2.0), "{}", figure.name);
        }
    }
}
