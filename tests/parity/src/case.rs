//! The cases as they are committed: ticks, right answers, and what the replaced job gave.

use std::{collections::BTreeMap, error::Error, fs, path::PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// An average: symbol (the replaced job knew ticks without one), `sma_5` or `sma_20`, start.
pub type Key = (Option<String>, String, String);

/// One case.
#[derive(Debug)]
pub struct Case {
    /// File name without its ending.
    pub name: String,
    /// Every way its ticks were cut into batches: name, records in log order.
    pub variants: BTreeMap<String, Vec<String>>,
    /// The right final averages.
    pub averages: BTreeMap<Key, f64>,
    /// The `sma_20` that was known when a bucket ended, by symbol and bucket start, where the case says it.
    pub known: Option<BTreeMap<(String, String), Option<f64>>>,
    /// Averages of windows that have not ended, where the case wants to see them.
    pub provisional: usize,
    /// Raw rows, where the case says how many.
    pub raw_rows: Option<u64>,
    /// Dead letters, where the case says how many.
    pub dead_letters: Option<u64>,
}

/// What the replaced job gave in one variant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// Symbol, name, start, mean (the text `NaN` where it was none).
    pub averages: Vec<(Option<String>, String, String, Value)>,
    /// Rows written to Cassandra: symbol, bucket start, `sma_5`, `sma_20`.
    pub features: Vec<(String, String, Value, Value)>,
    /// Rows under the raw path.
    pub raw_rows: u64,
    /// The exception that ended the job.
    #[serde(default)]
    pub job_died: Option<String>,
    /// Raw rows whose symbol is null.
    #[serde(default)]
    pub raw_without_symbol: u64,
    /// Raw rows whose volume is null.
    #[serde(default)]
    pub raw_without_volume: u64,
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../golden/cases").join(format!("{name}.json"))
}

/// A case file as it is.
pub fn json(name: &str) -> Result<Value, Box<dyn Error>> {
    let path = golden(name);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// What the replaced job gave, by case and variant.
pub fn replaced() -> Result<BTreeMap<String, BTreeMap<String, Replaced>>, Box<dyn Error>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("replaced_system.json");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

impl Case {
    /// Reads a case that has ticks and averages.
    pub fn read(name: &str) -> Result<Self, Box<dyn Error>> {
        let file = json(name)?;
        let strange = |what: &str| format!("case {name}: {what} is not as the cases are written");
        let mut variants = BTreeMap::new();
        for (variant, steps) in file["variants"].as_object().ok_or_else(|| strange("variants"))? {
            let ticks = steps.as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
            let records = ticks.map(|tick| tick.as_str().map_or_else(|| tick.to_string(), str::to_owned));
            variants.insert(variant.clone(), records.collect());
        }
        let text = |v: &Value| v.as_str().map(str::to_owned);
        let mut averages = BTreeMap::new();
        for (list, average) in [("sma5", "sma_5"), ("sma20", "sma_20")] {
            for row in file["expected"][list].as_array().ok_or_else(|| strange(list))? {
                let start = text(&row["start"]).ok_or_else(|| strange("start"))?;
                let mean = row[average].as_f64().ok_or_else(|| strange(average))?;
                averages.insert((text(&row["symbol"]), average.to_owned(), start), mean);
            }
        }
        let known = file["expected"].get("features_point_in_time").and_then(Value::as_array).map(|rows| {
            let row =
                |r: &Value| Some(((text(&r["symbol"])?, text(&r["bucket_start"])?), r["sma_20"].as_f64()));
            rows.iter().filter_map(row).collect()
        });
        Ok(Self {
            name: name.to_owned(),
            variants,
            averages,
            known,
            provisional: file["expected"]["provisional_sma5"].as_array().map_or(0, Vec::len),
            raw_rows: file["expected_raw_rows"].as_u64(),
            dead_letters: file["expected_dead_letters"].as_u64(),
        })
    }
}
