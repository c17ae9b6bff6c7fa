//! What is right and what is not in an answer to a case, in words short enough for a table. The same words for both sides.

use std::collections::BTreeMap;

use serde_json::Value;
use windowing::SmaPairing;

use crate::{
    case::{Case, Key, Replaced},
    run::Stored,
};

/// Relative; the replaced job's means are kept with nine decimals.
const TOLERANCE: f64 = 1e-9;
/// The slide of `sma_20`.
const REACH: market::Span = market::Span::from_secs(15);

/// An answer in words, and whether anything in it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Short statements.
    pub said: Vec<String>,
    /// True where every statement is as it should be.
    pub right: bool,
}

impl Facts {
    fn new() -> Self {
        Self { said: Vec::new(), right: true }
    }

    fn say(&mut self, right: bool, text: impl Into<String>) {
        self.right &= right;
        self.said.push(text.into());
    }
}

/// What the replaced job gave.
pub fn of_the_replaced_job(case: &Case, gave: &Replaced) -> Facts {
    let mut facts = Facts::new();
    if let Some(exception) = &gave.job_died {
        facts.say(false, format!("the job ends with `{exception}`, and again at every restart"));
        return facts;
    }
    let mut found = BTreeMap::new();
    for (symbol, name, start, mean) in &gave.averages {
        found.insert((symbol.clone(), name.clone(), start.clone()), mean.as_f64().unwrap_or(f64::NAN));
    }
    averages(case, &found, &mut facts);
    if gave.features.is_empty() {
        facts.say(false, "no row in Cassandra");
    }
    let written = |(symbol, start, _, twenty): &(String, String, Value, Value)| {
        ((symbol.clone(), start.clone()), twenty.as_f64())
    };
    known(case, &gave.features.iter().map(written).collect(), &mut facts);
    raw(case, gave.raw_rows, &mut facts);
    if gave.raw_without_symbol > 0 {
        facts.say(false, format!("{} raw rows of nulls", gave.raw_without_symbol));
    } else if gave.raw_without_volume > 0 {
        facts.say(false, "volume null in the raw row");
    }
    facts
}

/// What Stockpipe stored.
pub fn of_stockpipe(case: &Case, stored: &Stored) -> Facts {
    let mut facts = Facts::new();
    let finals = || stored.rows.iter().filter(|r| r.is_final);
    let key = |r: &market::FeatureRow| -> Key {
        (Some(r.symbol.to_string()), r.name.to_string(), r.window_start.to_string())
    };
    averages(case, &finals().map(|r| (key(r), r.sma)).collect(), &mut facts);
    let mut pairing = SmaPairing::new(REACH);
    let paired = finals().filter_map(|r| pairing.pair(r));
    let paired = paired.map(|r| ((r.symbol.to_string(), r.bucket_start.to_string()), r.sma_20)).collect();
    known(case, &paired, &mut facts);
    raw(case, stored.raw.len() as u64, &mut facts);
    if stored.raw_in_directory != stored.raw.len() as u64 {
        facts.say(false, format!("{} rows in the directory", stored.raw_in_directory));
    }
    let dead: u64 = stored.dead.values().sum();
    if case.dead_letters.is_some_and(|n| n != dead) || !stored.dead.is_empty() {
        let reasons: Vec<String> = stored.dead.iter().map(|(reason, n)| format!("{n} `{reason}`")).collect();
        let right = case.dead_letters.is_none_or(|n| n == dead);
        facts.say(right, format!("dead letters: {}", reasons.join(", ")));
    }
    let open = stored.rows.iter().filter(|r| !r.is_final && &*r.name == "sma_5").count();
    if case.provisional > 0 {
        let right = open == case.provisional;
        facts.say(right, format!("{open} provisional `sma_5` rows for the windows still open"));
    }
    facts
}

fn averages(case: &Case, found: &BTreeMap<Key, f64>, facts: &mut Facts) {
    let (mut right, mut missing, mut first) = (0, 0, None);
    // The shorter average first: it is the better example.
    let (five, twenty): (Vec<_>, Vec<_>) =
        case.averages.iter().partition(|((_, name, _), _)| name == "sma_5");
    for (key, mean) in five.into_iter().chain(twenty) {
        match found.get(key) {
            Some(value) if (value - mean).abs() <= TOLERANCE * mean.abs() => right += 1,
            Some(value) => {
                let (_, name, start) = key;
                let time = start.get(11..19).unwrap_or(start);
                first.get_or_insert_with(|| {
                    format!("`{name}` from {time} is {}, not {}", short(*value), short(*mean))
                });
            }
            None => missing += 1,
        }
    }
    let of = case.averages.len();
    let extra = found.keys().filter(|key| !case.averages.contains_key(*key)).count();
    match (right == of, first) {
        (true, _) if of == 1 => facts.say(true, "the one closed average right"),
        (true, _) => facts.say(true, format!("all {of} averages right")),
        (false, Some(first)) => facts.say(false, format!("{right} of {of} averages right: {first}")),
        (false, None) => facts.say(false, format!("{right} of {of} averages right")),
    }
    if missing > 0 {
        facts.say(false, format!("{missing} missing"));
    }
    if extra > 0 {
        let nobody = found.keys().filter(|(symbol, ..)| symbol.is_none()).count();
        let whose = if nobody == extra { " of symbol null" } else { "" };
        facts.say(false, format!("{extra} averages{whose} too many"));
    }
}

fn known(case: &Case, rows: &BTreeMap<(String, String), Option<f64>>, facts: &mut Facts) {
    let Some(known) = &case.known else { return };
    let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * b.abs(),
        (a, b) => a.is_none() && b.is_none(),
    };
    let wrong: Vec<_> =
        rows.iter().filter(|(key, have)| !known.get(*key).is_some_and(|want| same(**have, *want))).collect();
    // One where a right value is known says more than one where nothing was known yet.
    let telling = wrong.iter().find(|(key, _)| known.get(*key).is_some_and(Option::is_some));
    let Some(((symbol, start), have)) = telling.or(wrong.first()).copied() else {
        facts.say(
            true,
            format!(
                "{} of {} `sma_20` beside `sma_5` as known when the bucket ended",
                rows.len(),
                rows.len()
            ),
        );
        return;
    };
    let want = known.get(&(symbol.clone(), start.clone())).copied().flatten();
    let time = start.get(11..19).unwrap_or(start);
    let value = |v: Option<f64>| v.map_or("null".to_owned(), short);
    facts.say(
        false,
        format!(
            "{} of {} `sma_20` beside `sma_5` wrong: bucket {time} has {}, known was {}",
            wrong.len(),
            rows.len(),
            value(*have),
            value(want)
        ),
    );
}

fn raw(case: &Case, rows: u64, facts: &mut Facts) {
    if let Some(want) = case.raw_rows {
        let right = rows == want;
        facts.say(
            right,
            if right { format!("{rows} raw rows") } else { format!("{rows} raw rows, not {want}") },
        );
    }
}

/// As short as it can be told apart.
fn short(value: f64) -> String {
    let rounded = (value * 1e3).round() / 1e3;
    if rounded.is_nan() { "NaN".to_owned() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        let key = |start: &str| (Some("A".to_owned()), "sma_5".to_owned(), start.to_owned());
        Case {
            name: "x".into(),
            variants: BTreeMap::new(),
            averages: [(key("2025-01-02T10:00:00Z"), 15.0), (key("2025-01-02T10:00:05Z"), 16.0)].into(),
            known: Some([(("A".into(), "2025-01-02T10:00:00Z".into()), Some(107.0))].into()),
            provisional: 0,
            raw_rows: Some(3),
            dead_letters: None,
        }
    }

    fn gave(mean: Value, twenty: f64, raw_rows: u64) -> Replaced {
        let start = "2025-01-02T10:00:00Z";
        let row =
            |mean: Value, start: &str| (Some("A".to_owned()), "sma_5".to_owned(), start.to_owned(), mean);
        Replaced {
            averages: vec![row(mean, start), row(16.0.into(), "2025-01-02T10:00:05Z")],
            features: vec![("A".into(), start.into(), 15.0.into(), twenty.into())],
            raw_rows,
            job_died: None,
            raw_without_symbol: 0,
            raw_without_volume: 0,
        }
    }

    #[test]
    fn a_right_answer_is_right() {
        let facts = of_the_replaced_job(&case(), &gave(15.0.into(), 107.0, 3));
        assert!(facts.right, "{facts:?}");
        assert_eq!(facts.said[0], "all 2 averages right");
    }

    #[test]
    fn every_kind_of_wrong_answer_is_wrong() {
        let cases = [
            (gave(30.0.into(), 107.0, 3), "`sma_5` from 10:00:00 is 30, not 15"),
            (gave("NaN".into(), 107.0, 3), "is NaN, not 15"),
            (gave(15.0.into(), 122.0, 3), "bucket 10:00:00 has 122, known was 107"),
            (gave(15.0.into(), 107.0, 4), "4 raw rows, not 3"),
            (Replaced { averages: Vec::new(), ..gave(15.0.into(), 107.0, 3) }, "2 missing"),
            (Replaced { features: Vec::new(), ..gave(15.0.into(), 107.0, 3) }, "no row in Cassandra"),
            (Replaced { job_died: Some("X".into()), ..gave(15.0.into(), 107.0, 3) }, "ends with `X`"),
        ];
        for (gave, why) in cases {
            let facts = of_the_replaced_job(&case(), &gave);
            assert!(!facts.right && facts.said.join("; ").contains(why), "{why}: {facts:?}");
        }
    }
}
