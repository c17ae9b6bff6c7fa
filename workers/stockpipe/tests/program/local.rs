//! `stockpipe local`: the old system's tests, the summary's arithmetic, provisional rows at the end of input.

use std::fs;

use serde_json::Value;

use crate::program::{Program, STORES, hostile_ticks};

fn tick(symbol: &str, ts: &str, close: f64) -> String {
    format!(
        r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{close},"low":{close},"close":{close},"volume":100}}"#
    )
}

#[test]
fn closes_100_to_140_in_one_window_average_to_120() {
    let program = Program::new(STORES);
    let mut lines: Vec<String> = (0..5)
        .map(|i| tick("AAPL", &format!("2025-01-02T10:00:{:02}Z", i * 3), 100.0 + 10.0 * f64::from(i)))
        .collect();
    lines.push(lines[2].clone());
    lines.push(tick("AAPL", "2025-01-02T10:01:00Z", 1.0));
    let input = program.path("ticks.ndjson");
    fs::write(&input, lines.join("\n") + "\n").unwrap();
    let summary = program.json(&[
        "local",
        "--input",
        input.to_str().unwrap(),
        "--exit-when-done",
        "--summary",
        "json",
        "--partitions",
        "1",
    ]);
    assert_eq!(summary["ticks"]["read"], 7);
    assert_eq!(summary["ticks"]["stored"], 6);
    assert_eq!(summary["ticks"]["duplicates"], 1);
    let rows = program.json(&["features", "--name", "sma_5", "-o", "json"]);
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["window_start"] == "2025-01-02T10:00:00Z")
        .expect("the window that holds all five");
    assert_eq!(row["sma"], 120.0);
    assert_eq!(row["n"], 5);
    assert_eq!(row["final"], true);
}

#[test]
fn the_summary_adds_up_and_a_second_run_adds_nothing() {
    let program = Program::new(STORES);
    let input = program.path("ticks.ndjson");
    fs::write(&input, hostile_ticks(5_000)).unwrap();
    let args = ["local", "--input", input.to_str().unwrap(), "--exit-when-done", "--summary", "json"];
    let first = program.json(&args);
    let ticks = &first["ticks"];
    let dead: u64 = ticks["dead_letters"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert!(dead > 0 && ticks["duplicates"].as_u64() > Some(0), "{first}");
    assert_eq!(
        ticks["read"].as_u64().unwrap(),
        ticks["stored"].as_u64().unwrap() + ticks["duplicates"].as_u64().unwrap() + dead
    );
    assert_eq!(ticks["read"], 5_000);
    let before = program.ok(&["dump"]);
    program.ok(&args);
    assert_eq!(program.ok(&["dump"]), before, "a second run of the same command adds nothing");

    let letters = program.ok(&["dead-letters", "-o", "csv"]);
    let head = "generation,partition,offset,record_ts,reason,first_offset,length,sha256,bytes";
    assert_eq!(letters.lines().next(), Some(head));
    assert_eq!(letters.lines().count() as u64 - 1, dead + ticks["duplicates"].as_u64().unwrap());
}

#[test]
fn csv_heads_are_the_documented_ones() {
    let program = Program::new(&format!("{STORES}features: {{indicators: [sma_5, rsi_14]}}\n"));
    program.ok(&["local", "--exit-when-done"]);
    let head = |args: &[&str]| program.ok(args).lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        head(&["features", "-o", "csv"]),
        "symbol,name,window_start,window_end,sma,n,open,high,low,close,volume,vwap,final,revision"
    );
    assert_eq!(
        head(&["bars", "-o", "csv"]),
        "symbol,name,window_start,window_end,open,high,low,close,volume,vwap,n,final,revision,sma_5,rsi_14"
    );
    assert_eq!(
        head(&["predictions", "-o", "csv"]),
        "symbol,bar,horizon,made_at,as_of,target_ts,y_pred,lo,hi,y_naive,version,role,flags,y_true,err"
    );
}

#[test]
fn gzip_and_standard_input_are_read() {
    let program = Program::new(STORES);
    let input = program.path("ticks.ndjson.gz");
    let mut encoder =
        flate2::write::GzEncoder::new(fs::File::create(&input).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, hostile_ticks(400).as_bytes()).unwrap();
    encoder.finish().unwrap();
    let summary =
        program.json(&["local", "--input", input.to_str().unwrap(), "--exit-when-done", "--summary", "json"]);
    assert_eq!(summary["ticks"]["read"], 400);
}
