//! From made ticks to a served model, through the program alone.

use serde_json::Value;

use crate::program::{Program, STORES};

const SPEC: &str = "features: {watermark: 1s, bars: [5s]}
predictor: {bar: 5s, horizons: [1]}
producer: {symbols: [AAPL, MSFT], ticksPerSecond: 2}
training: {template: {spec: {data: {bar: 5s, minRows: 1000}, target: {horizons: [1]}, model: {trees: 20, maxDepth: 5}}}}
";

fn with_ticks(model: &str) -> Program {
    let program = Program::new(&format!("{STORES}{SPEC}"));
    program.ok(&["produce", "--model", model, "--backfill", "3h", "--count", "20000"]);
    program.ok(&["local", "--exit-when-done"]);
    program
}

#[test]
fn a_learnable_market_gets_a_champion_and_forecasts_with_its_version() {
    let program = with_ticks("Ar1");
    let report = program.ok(&["train", "--threads", "1"]);
    assert!(report.contains("skill") && report.contains("naive"), "{report}");
    let first = program.json(&["models", "list", "-o", "json"]);
    assert_eq!(first[0]["alias"], "champion", "{first}\n{report}");

    // Same data, same seed: the same model, whatever the number of threads.
    program.run(&["train", "--threads", "2"]);
    let models = program.json(&["models", "list", "-o", "json"]);
    assert_eq!(models.as_array().map(Vec::len), Some(2));
    assert_eq!(models[0]["sha256"], models[1]["sha256"]);

    let card = program.ok(&["models", "show", "v1"]);
    assert!(card.contains("model.forest"), "{card}");

    // What is closed after the swap is forecast by the champion. Three hours hold 21,600 ticks: these are history, too.
    program.ok(&["produce", "--model", "Ar1", "--backfill", "3h", "--count", "1500"]);
    program.ok(&["local", "--exit-when-done"]);
    let rows = program.json(&["predictions", "-o", "json"]);
    let rows = rows.as_array().unwrap();
    assert!(!rows.is_empty());
    assert!(
        rows.iter().any(|r| r["role"] == "champion" && r["version"].as_u64() > Some(0)),
        "{:?}",
        rows.last()
    );
    assert!(rows.iter().any(|r| r["y_true"].is_number()), "outcomes are joined");
    let keys: std::collections::BTreeSet<String> = rows
        .iter()
        .map(|r| format!("{} {} {} {}", r["symbol"], r["horizon"], r["target_ts"], r["version"]))
        .collect();
    assert_eq!(keys.len(), rows.len(), "one row a forecast");

    let dataset = program.path("matrix.parquet");
    program.ok(&["dataset", "--out", dataset.to_str().unwrap()]);
    assert_eq!(&std::fs::read(&dataset).unwrap()[..4], b"PAR1");
}

#[test]
fn a_random_walk_is_refused_and_says_so() {
    let program = with_ticks("Gbm");
    let output = program.run(&["train", "-o", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["alias"], Value::Null);
    assert_eq!(status["version"], 1, "a refused version is stored all the same");
}

#[test]
fn too_few_rows_are_no_failure_but_a_refusal_with_the_numbers() {
    let program = Program::new(&format!("{STORES}{SPEC}"));
    program.ok(&["produce", "--backfill", "10m", "--count", "1000"]);
    program.ok(&["local", "--exit-when-done"]);
    let stderr = program.fails(3, &["train"]);
    assert!(stderr.contains("of 1000 rows"), "{stderr}");
}

#[test]
fn a_training_run_in_the_manifest_runs_before_the_end() {
    let program = Program::new(&format!("{STORES}{SPEC}"));
    let path = program.path("pipeline.yaml");
    let mut manifest = std::fs::read_to_string(&path).unwrap();
    manifest.push_str(
        "---\napiVersion: stockpipe.dev/v1alpha1\nkind: TrainingRun\nmetadata: {name: once}\nspec:\n  pipelineRef: \
         {name: market}\n  data: {bar: 5s, minRows: 1000}\n  target: {horizons: [1]}\n  model: {trees: 10}\n",
    );
    std::fs::write(&path, manifest).unwrap();
    program.ok(&["produce", "--backfill", "3h", "--count", "20000"]);
    let summary = program.json(&["local", "--exit-when-done", "--summary", "json"]);
    assert_eq!(summary["models"].as_array().map(Vec::len), Some(1), "{summary}");
}

#[test]
fn a_pod_tells_its_result_in_its_termination_message_and_trains_a_run_once() {
    let program = with_ticks("Gbm");
    let message = program.path("termination-log");
    let pod = |attempt: &str| {
        let log = message.to_str().unwrap().to_owned();
        let output = program.run(&[
            "train",
            "--in-cluster",
            "--run-uid",
            "0b1c",
            "--attempt",
            attempt,
            "--termination-log",
            &log,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        crds::training_run::RunResult::decode(&std::fs::read_to_string(&message).unwrap()).unwrap()
    };
    let first = pod("1");
    // A walk is refused, and that is an outcome.
    assert_eq!(
        (first.run_uid.as_str(), first.attempt, first.version, first.alias.clone()),
        ("0b1c", 1, Some(1), None)
    );
    assert!(first.metric("skill").is_some() && first.gates.iter().any(|g| !g.passed), "{first:?}");
    assert!(first.findings.iter().any(|f| f.type_ == "GatesPassed" && f.status == "False"), "{first:?}");
    // The pod was killed after it had published, and the Job tries again.
    std::fs::remove_file(&message).unwrap();
    let second = pod("2");
    assert_eq!((second.attempt, second.version, &second.metrics), (2, Some(1), &first.metrics));
    assert_eq!(program.json(&["models", "list", "-o", "json"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn a_pod_says_whether_another_attempt_makes_sense() {
    let program = Program::new(&format!("{STORES}{SPEC}"));
    program.ok(&["produce", "--backfill", "10m", "--count", "1000"]);
    program.ok(&["local", "--exit-when-done"]);
    let message = program.path("termination-log");
    let log = message.to_str().unwrap().to_owned();
    let pod = |extra: &[&str], code: i32| {
        let args =
            [&["train", "--in-cluster", "--run-uid", "0b1c", "--termination-log", &log], extra].concat();
        let stderr = program.fails(code, &args);
        let result =
            crds::training_run::RunResult::decode(&std::fs::read_to_string(&message).unwrap()).unwrap();
        assert_eq!(result.version, None);
        let error = result.error.unwrap();
        assert!(stderr.contains(&error), "{stderr}\n{error}");
        error
    };
    assert!(pod(&[], 1).contains("of 1000 rows"), "there will be more rows");
    assert!(pod(&["--set", "model.engine=Hist"], 2).contains("Hist"), "it will never be there");
}
