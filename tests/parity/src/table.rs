//! The table of `docs/migrating-from-spark.md`: each case beside what both sides made of it.

use std::{error::Error, fmt::Write as _};

use market::Timestamp;
use serde_json::Value;

use crate::{
    case::{self, Case, Replaced},
    facts::{self, Facts},
    run::World,
};

/// The cases with ticks, in the order of the table, and what happens in them.
pub const CASES: [(&str, &str); 14] = [
    ("01_in_order_control", "ticks in order (control)"),
    ("13_out_of_order_control", "ticks out of order, within the watermark (control)"),
    ("14_boundary_control", "ticks on window borders (control)"),
    ("02_late_tick_depends_on_batch_split", "a late tick; only the edge between two micro-batches moves"),
    ("03_duplicate_tick", "a producer's retry: one tick twice"),
    ("04_invalid_ohlc", "high below low, a negative close, a close above the high"),
    ("05_nan_close", "a close that is NaN"),
    ("06_utc_offset_kills_the_job", "a timestamp with an offset, `…12:00:01+02:00`"),
    ("07_future_tick_drops_everybody", "one tick of one symbol an hour ahead"),
    ("08_sma20_future_and_arbitrary", "which `sma_20` stands beside an `sma_5`"),
    ("09_backlog_older_than_10_min", "a backlog older than ten minutes"),
    ("10_bad_json_and_missing_symbol", "a record that is not JSON, one without a symbol"),
    ("11_volume_over_int32", "a volume of 3,000,000,000"),
    ("12_quiet_stream_never_closes", "no tick comes after the last"),
];

/// Time of the cases' first tick, milliseconds: 2025-01-02T10:00:00Z.
const TEN_MS: i64 = 1_735_812_000_000;

/// One line of the table.
#[derive(Debug)]
pub struct Line {
    /// What happens.
    pub case: String,
    /// What the replaced job made of it.
    pub replaced: String,
    /// What Stockpipe makes of it.
    pub ours: String,
    /// False where something of ours is not as the case demands.
    pub ours_right: bool,
}

/// Runs every case and says what came out.
pub async fn lines() -> Result<Vec<Line>, Box<dyn Error>> {
    let gave = case::replaced()?;
    let mut lines = Vec::new();
    for (name, happens) in CASES {
        let case = Case::read(name)?;
        let (mut replaced, mut ours) = (Vec::new(), Vec::new());
        for (variant, records) in &case.variants {
            let gave: &Replaced = gave
                .get(name)
                .and_then(|of| of.get(variant))
                .ok_or_else(|| format!("{name}: nothing of {variant}"))?;
            replaced.push((variant.as_str(), facts::of_the_replaced_job(&case, gave)));
            ours.push((variant.as_str(), facts::of_stockpipe(&case, &run(name, records).await?)));
        }
        let ours_right = ours.iter().all(|(_, facts)| facts.right);
        lines.push(Line { case: happens.to_owned(), replaced: cell(replaced), ours: cell(ours), ours_right });
    }
    lines.push(reset().await?);
    lines.push(kill().await?);
    Ok(lines)
}

async fn run(name: &str, records: &[String]) -> Result<crate::run::Stored, Box<dyn Error>> {
    let world = World::new(1_000).await?;
    for (i, record) in records.iter().enumerate() {
        world.append(arrival(name, i, record), record).await?;
    }
    world.work().await?;
    world.stored().await
}

/// Records arrive a second apart and never before their ticks, but for the bad clock of case 07: that tick is an hour ahead
/// of its record.
fn arrival(name: &str, i: usize, record: &str) -> i64 {
    if !name.starts_with("07") {
        return TEN_MS + 3_600_000 + i as i64 * 1_000;
    }
    let ts =
        serde_json::from_str::<Value>(record).ok().and_then(|t| Timestamp::parse(t["ts"].as_str()?).ok());
    match ts {
        Some(ts) if !record.contains("BADC") => ts.micros() / 1_000 + 1_000,
        _ => TEN_MS + 2_000,
    }
}

/// Variants that say the same are one.
fn cell(variants: Vec<(&str, Facts)>) -> String {
    let mut texts: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, facts) in variants {
        let text = facts.said.join("; ");
        match texts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(name),
            None => texts.push((text, vec![name])),
        }
    }
    if let [(text, _)] = &texts[..] {
        return text.clone();
    }
    let named = texts.iter().map(|(text, names)| format!("{}: {text}", names.join(", ").replace('_', " ")));
    named.collect::<Vec<_>>().join("<br>")
}

fn tick(second: i64, close: f64) -> String {
    let ts = Timestamp::from_millis(TEN_MS + second * 1_000);
    format!(
        r#"{{"symbol":"AAPL","ts":"{ts}","open":{close},"high":{},"low":{},"close":{close},"volume":1}}"#,
        close + 1.0,
        close - 1.0
    )
}

/// Case 20: the worker's own state is taken away between two runs. Ours has none but what it wrote.
async fn reset() -> Result<Line, Box<dyn Error>> {
    let case = case::json("20_reset_checkpoint_loses_raw")?;
    let seconds = |key: &str| -> Vec<i64> {
        case[key].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
    };
    let (before, after, want) =
        (seconds("ticks_before_reset_s"), seconds("ticks_after_reset_s"), seconds("expected_raw_seconds"));
    let (kept, lost) = (seconds("replaced_system_raw_seconds").len(), seconds("lost").len());
    let world = World::new(1_000).await?;
    for part in [&before, &after] {
        for second in part {
            world.append(TEN_MS + 3_600_000, &tick(*second, 100.0 + *second as f64)).await?;
        }
        world.work().await?;
    }
    let raw = world.stored().await?.raw;
    Ok(Line {
        case: "state of the worker deleted between two runs (`reset-streaming.sh`)".to_owned(),
        replaced: format!("{kept} of {} ticks in the raw path, {lost} lost without a word", want.len()),
        ours: format!("{} of {}: a worker has no state of its own", raw.len(), want.len()),
        ours_right: raw == (0..want.len() as u64).collect::<Vec<_>>(),
    })
}

/// Case 21: gone in the middle of its work and started again, at a hundredth of the size.
async fn kill() -> Result<Line, Box<dyn Error>> {
    let case = case::json("21_kill_mid_batch_duplicates")?;
    let number = |key: &str| case[key].as_u64().unwrap_or_default();
    let (rows, in_directory) = (number("topic_rows"), number("rows_by_directory"));
    let records = rows / 100;
    let world = World::new(100).await?;
    for i in 0..records as i64 {
        world
            .append(TEN_MS + 3_600_000, &tick(i / 4, 100.0 + (i % 7) as f64 + (i % 4) as f64 / 10.0))
            .await?;
    }
    world.work_and_be_killed(records / 2).await?;
    let cut = world.stored().await?.raw.len();
    world.work().await?;
    let stored = world.stored().await?;
    let every = stored.raw == (0..records).collect::<Vec<_>>() && stored.raw_in_directory == records;
    Ok(Line {
        case: "killed in the middle of a batch, started again".to_owned(),
        replaced: format!("{rows} records, {in_directory} rows for any reader but Spark"),
        ours: format!(
            "{records} records, {} rows for every reader of the directory (killed with {} committed)",
            stored.raw_in_directory,
            if cut < records as usize { "not all" } else { "all" }
        ),
        ours_right: every && cut < records as usize,
    })
}

/// The lines as Markdown.
pub fn markdown(lines: &[Line]) -> String {
    let mut text = String::from("| what happens | the Spark job | Stockpipe |\n|---|---|---|\n");
    for line in lines {
        let _ = writeln!(text, "| {} | {} | {} |", line.case, line.replaced, line.ours);
    }
    text
}

/// Around the table in the document.
const BEGIN: &str = "<!-- parity-table: written by `make generate` -->\n";
const END: &str = "<!-- end of parity-table -->\n";

/// The document with another table in it.
pub fn replace(document: &str, table: &str) -> Result<String, String> {
    let (before, rest) =
        document.split_once(BEGIN).ok_or_else(|| format!("the line {BEGIN:?} is missing"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("the line {END:?} is missing"))?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}
