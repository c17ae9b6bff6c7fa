//! What other programs read of the lake: pyarrow and DuckDB see every row, the types the manual names, and skip row groups.
//!
//! The files are those of a real ingest run. Embedded stores are enough for that: the bytes are the same on HDFS, where
//! Spark reads them in `make parity`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use feature_store::MemoryStore;
use ingest::{Components, Roll, Settings, Status};
use lake::LocalLake;
use market::{NewRecord, Ohlcv, Tick, Timestamp};
use runtime::{Metrics, Shutdown};
use serde_json::Value;
use tick_log::{Log, MemoryLog, StaticOwnership, partition_of};
use windowing::Semantics;

const TICKS: u64 = 40_000;
const PARTITIONS: u32 = 4;
/// Of a commit: many small files, so that there is something to skip.
const ROWS: u64 = 1_000;
/// 2026-01-05T00:00:00Z, microseconds.
const START: i64 = 1_767_571_200_000_000;
/// Event time between ticks, microseconds.
const STEP: i64 = 5_000;
const SYMBOLS: [&str; 10] =
    ["ADBE", "AMZN", "BTC-USD", "ETH-USD", "IBM", "MSFT", "NFLX", "NVDA", "TSLA", "YUM"];
/// The first of all names: no other partition's files can hold it, and their statistics say so. Its own partition holds two.
const ASKED: &str = SYMBOLS[0];
/// The instants asked for: a twentieth of the whole.
const FROM: i64 = START + TICKS as i64 * STEP / 2;
const TO: i64 = FROM + TICKS as i64 * STEP / 20;

fn tick(i: u64) -> Tick<'static> {
    let close = 100.0 + (i * 7_919 % 1_000) as f64 / 100.0;
    // Index volumes pass 32 bits.
    let volume = 3e9 + (i % 1_000) as f64;
    let prices = Ohlcv { open: close, high: close + 0.01, low: close - 0.01, close, volume };
    let symbol = SYMBOLS[(i % SYMBOLS.len() as u64) as usize].into();
    Tick { symbol, ts: Timestamp::from_micros(START + i as i64 * STEP), prices, id: None }
}

/// What a reader must find.
#[derive(Debug, Clone)]
struct Written {
    rows: u64,
    close: f64,
    volume: f64,
    /// Rows of the filters on symbol, on ts, on both.
    matching: [u64; 3],
}

/// Ingests the ticks and some rejects into a lake below `dir`; what must be found, and the folder of raw ticks.
async fn ingested(dir: &Path) -> (Written, PathBuf) {
    let log = Arc::new(MemoryLog::new());
    let semantics = Semantics { partitions: PARTITIONS, ..Semantics::default() };
    let mut settings = Settings::new("readers", Arc::new(semantics));
    settings.roll = Roll { rows: ROWS, ..Roll::default() };
    let topic = log.create_topic(&settings.ticks_topic, PARTITIONS, None).await.unwrap();
    log.create_topic(&settings.features_topic, PARTITIONS, None).await.unwrap();
    let mut records = vec![Vec::new(); PARTITIONS as usize];
    let mut written = Written { rows: TICKS, close: 0.0, volume: 0.0, matching: [0; 3] };
    for i in 0..TICKS {
        let tick = tick(i);
        written.close += tick.prices.close;
        written.volume += tick.prices.volume;
        let (by_symbol, by_ts) = (&*tick.symbol == ASKED, (FROM..TO).contains(&tick.ts.micros()));
        for (n, matches) in written.matching.iter_mut().zip([by_symbol, by_ts, by_symbol && by_ts]) {
            *n += u64::from(matches);
        }
        let key = tick.symbol.as_bytes().to_vec();
        let of = &mut records[partition_of(&key, PARTITIONS) as usize];
        of.push(NewRecord { key: Some(key.clone()), value: market::encode_tick(&tick) });
        if i % 100 == 0 {
            of.push(NewRecord { key: Some(key), value: b"no tick".to_vec() });
        }
    }
    let read: u64 = records.iter().map(|of| of.len() as u64).sum();
    for (p, of) in (0..).zip(records) {
        topic.append(p, of).await.unwrap();
    }
    let status = Arc::new(Status::new());
    let components = Components {
        log,
        ownership: Arc::new(StaticOwnership::new(0..PARTITIONS)),
        lake: Arc::new(LocalLake::open(dir).unwrap()),
        store: Arc::new(MemoryStore::new()),
        metrics: Metrics::new(),
        status: status.clone(),
        clock: tick_log::system_clock(),
        entropy: ingest::system_entropy(),
    };
    let shutdown = Shutdown::new();
    let deadline = Instant::now() + Duration::from_secs(120);
    let watch = async {
        while status.counters().read < read && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shutdown.drain();
    };
    let (summary, ()) = tokio::join!(ingest::run(settings, components, shutdown.clone()), watch);
    let counters = summary.unwrap().counters;
    assert_eq!((counters.read, counters.stored), (read, TICKS), "{counters:?}");
    (written, dir.join("raw/ticks"))
}

/// A Python with pyarrow and DuckDB; `None`, said openly, where this machine has no Python for it.
fn python() -> Option<PathBuf> {
    let prepare = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parity/prepare");
    let output =
        Command::new(&prepare).arg("readers").output().unwrap_or_else(|e| panic!("{prepare:?}: {e}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0) => Some(PathBuf::from(out.trim())),
        Some(77) => {
            // Past the test harness, which keeps a passing test's output to itself: the skip is counted.
            let line = err.lines().find(|l| l.starts_with("SKIP: ")).unwrap_or("SKIP: readers");
            let mut out = std::io::stdout();
            let _ = writeln!(out, "{line}");
            None
        }
        code => panic!("{prepare:?} ended with {code:?}: {err}"),
    }
}

fn seen(python: &Path, raw: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parity/python/readers.py");
    let between = [FROM.to_string(), TO.to_string()];
    let output = Command::new(python)
        .arg("-B")
        .arg(script)
        .arg(raw)
        .args(["--symbol", ASKED, "--begin-us", &between[0], "--end-us", &between[1]])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Column types as pyarrow and as DuckDB name them.
const TYPES: [(&str, &str, &str); 14] = [
    ("symbol", "string", "VARCHAR"),
    ("ts", "timestamp[us, tz=UTC]", "TIMESTAMP WITH TIME ZONE"),
    ("open", "double", "DOUBLE"),
    ("high", "double", "DOUBLE"),
    ("low", "double", "DOUBLE"),
    ("close", "double", "DOUBLE"),
    ("volume", "double", "DOUBLE"),
    ("tick_id", "string", "VARCHAR"),
    ("generation", "int32", "INTEGER"),
    ("kafka_partition", "int32", "INTEGER"),
    ("kafka_offset", "int64", "BIGINT"),
    ("record_ts", "timestamp[us, tz=UTC]", "TIMESTAMP WITH TIME ZONE"),
    ("watermark", "timestamp[us, tz=UTC]", "TIMESTAMP WITH TIME ZONE"),
    ("late", "bool", "BOOLEAN"),
];

/// Where what a reader saw differs from what was written.
fn differences(seen: &Value, written: &Written) -> Vec<String> {
    let mut wrong = Vec::new();
    for (reader, types) in [("pyarrow", TYPES.map(|t| (t.0, t.1))), ("duckdb", TYPES.map(|t| (t.0, t.2)))] {
        let of = &seen[reader];
        let mut wants = |what: &str, right: bool| {
            if !right {
                wrong.push(format!("{reader}: {what} in {of}, written was {written:?}"));
            }
        };
        let near = |key: &str, value: f64| of[key].as_f64().is_some_and(|v| (v / value - 1.0).abs() < 1e-9);
        wants("rows", of["rows"] == written.rows);
        wants("symbols", of["symbols"] == SYMBOLS.len());
        wants("sum of close", near("close", written.close));
        wants("sum of volume", near("volume", written.volume));
        for (column, kind) in types {
            wants(&format!("type of {column}"), of["types"][column] == kind);
        }
        for (filter, rows) in ["symbol", "ts", "both"].into_iter().zip(written.matching) {
            wants(&format!("rows by {filter}"), of["filters"][filter]["rows"] == rows);
        }
    }
    wrong
}

/// Filters that touch more row groups than they need to: a symbol that can only be in one partition's files asks for at
/// most those and a little, a twentieth of the time for less than a third.
fn waste(seen: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for reader in ["pyarrow", "duckdb"] {
        let groups = seen[reader]["row_groups"].as_u64().unwrap_or_default();
        let touched =
            |filter: &str| seen[reader]["filters"][filter]["row_groups"].as_u64().unwrap_or(u64::MAX);
        let (symbol, ts, both) = (touched("symbol"), touched("ts"), touched("both"));
        let right =
            groups >= 20 && symbol * 2 <= groups && ts * 3 <= groups && both <= symbol.min(ts) && both > 0;
        if !right {
            wrong.push(format!("{reader} touches {symbol}, {ts} and {both} of {groups} row groups"));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pyarrow_and_duckdb_read_what_was_ingested_and_skip_what_they_may() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (written, raw) = ingested(dir.path()).await;
    let whole = seen(&python, &raw);
    assert_eq!(differences(&whole, &written), Vec::<String>::new());
    assert_eq!(waste(&whole), Vec::<String>::new());

    // One file less, and both readers must be seen to miss it.
    let day = std::fs::read_dir(&raw).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(day).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(file).unwrap();
    let less = differences(&seen(&python, &raw), &written);
    for what in ["pyarrow: rows ", "duckdb: rows ", "pyarrow: sum of close", "duckdb: sum of close"] {
        assert!(less.iter().any(|d| d.starts_with(what)), "{what} is not among {less:?}");
    }
}

/// Readers that prune nothing, and another type of ts, would be noticed.
#[test]
fn what_is_asked_of_readers_can_fail() {
    let filters = serde_json::json!({
        "symbol": {"rows": 1, "row_groups": 40}, "ts": {"rows": 1, "row_groups": 40}, "both": {"rows": 1, "row_groups": 40},
    });
    let reader = serde_json::json!({"rows": 1, "row_groups": 40, "filters": filters, "types": {"ts": "timestamp[ms]"}});
    let seen = serde_json::json!({"pyarrow": reader, "duckdb": reader});
    assert_eq!(waste(&seen).len(), 2);
    let written = Written { rows: 1, close: 1.0, volume: 1.0, matching: [1; 3] };
    assert!(differences(&seen, &written).iter().any(|d| d.contains("type of ts")));
}
