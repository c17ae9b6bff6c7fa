//! The table and `report.json`.

use std::{fs, io, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::figures::{Better, Figure, Measured, Needs};

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
    peer_peak_rss_bytes: Option<u64>,
    ratio: Option<f64>,
    command: String,
}

impl Row {
    /// Joins the values of a figure with its peer's.
    pub fn all(figure: &Figure, own: &Measured, peer: Option<&Measured>, quick: bool) -> Vec<Self> {
        let quick = if quick { " --quick" } else { "" };
        let target = if figure.needs == Needs::Spark { "bench-spark" } else { "bench" };
        let row = |(i, (name, value)): (usize, (&&'static str, &f64))| {
            let peer_value = peer.and_then(|p| p.values.get(i)).copied();
            let ratio = peer_value.map(|peer| match figure.better {
                Better::More => value / peer,
                Better::Less => peer / value,
            });
            Self {
                name,
                value: *value,
                unit: figure.unit,
                cpu_seconds: own.cpu_seconds,
                peak_rss_bytes: own.peak_rss_bytes,
                peer: figure.peer.filter(|_| peer.is_some()),
                peer_value,
                peer_peak_rss_bytes: peer.map(|p| p.peak_rss_bytes),
                ratio: ratio.filter(|r| r.is_finite()),
                command: format!("make {target} BENCH_ARGS='--only {name}{quick}'"),
            }
        };
        figure.names.iter().zip(&own.values).enumerate().map(row).collect()
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

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

/// The table for people.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["figure", "value", "", "peer", "peer value", "ratio", "peak RSS", "peer's", "command"]);
    for row in rows {
        table.add_row([
            row.name.to_owned(),
            short(row.value),
            row.unit.to_owned(),
            row.peer.unwrap_or("-").to_owned(),
            row.peer_value.map_or("-".into(), short),
            row.ratio.map_or("-".into(), |r| format!("{r:.2}")),
            mebibytes(row.peak_rss_bytes),
            row.peer_peak_rss_bytes.map_or("-".into(), mebibytes),
            row.command.clone(),
        ]);
    }
    for right in [1, 4, 5, 6, 7] {
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
        let at = |value| Measured { values: vec![value], cpu_seconds: 1.0, peak_rss_bytes: 0 };
        for (figure, own, peer) in [(&ALL[0], 20.0, 10.0), (&ALL[3], 10.0, 20.0)] {
            let rows = Row::all(figure, &at(own), Some(&at(peer)), false);
            assert_eq!(rows[0].ratio, Some(2.0), "{}", figure.names[0]);
        }
    }

    #[test]
    fn one_measurement_can_give_several_values() {
        let figure = ALL.iter().find(|f| f.names.len() == 2).unwrap();
        let own = Measured { values: vec![1.0, 9.0], cpu_seconds: 1.0, peak_rss_bytes: 0 };
        let rows = Row::all(figure, &own, None, false);
        assert_eq!(
            rows.iter().map(|r| (r.name, r.value)).collect::<Vec<_>>(),
            [(figure.names[0], 1.0), (figure.names[1], 9.0)]
        );
        assert!(rows.iter().all(|r| r.ratio.is_none() && r.peer_value.is_none()));
    }
}
