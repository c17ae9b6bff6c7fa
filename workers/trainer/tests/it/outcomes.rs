use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use feature_store::FeatureStore as _;
use market::{Alias, Timestamp};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use registry::file;
use serde_json::Value;
use trainer::{GroupBy, Phase, Truth};

use crate::{
    World,
    market_of_truth::{bars, source, waves},
    settings,
};

const COUNT: usize = 2_500;

fn metric(status: &Value, name: &str) -> Option<f64> {
    let metrics = status["metrics"].as_array()?;
    metrics.iter().find(|m| m["name"] == name)?["value"].as_str()?.parse().ok()
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == kind).unwrap()
}

#[tokio::test]
async fn what_can_be_learnt_is_published_and_served() {
    let world = World::new();
    let data = source(vec![bars("AAPL", 0.5, 1, COUNT)]);
    let last = data.now.unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = events.clone();
    let mut run = settings("run-1");
    run.horizons = vec![1, 5];
    run.truths = BTreeMap::from([(
        "AAPL".to_owned(),
        Truth { name: "Ar1 phi 0.5".to_owned(), ceilings: BTreeMap::from([(1, 0.25)]) },
    )]);
    let progress = move |event| seen.lock().unwrap().push(event);
    let outcome = trainer::train_on(run.clone(), world.components(), data.clone(), progress).await.unwrap();

    assert_eq!((outcome.version, outcome.exit_code(), outcome.repeated), (1, 0, false));
    assert!(outcome.champion.contains(&1), "{}", outcome.report);
    let status = &outcome.status;
    assert_eq!(
        (&status["phase"], &status["version"], &status["alias"]),
        (&"Complete".into(), &1.into(), &"champion".into())
    );
    let skill = metric(status, "skill").unwrap();
    assert!((0.12..0.30).contains(&skill), "phi 0.5 allows 0.25 at most: {skill}");
    for name in [
        "rmse",
        "rmse_naive",
        "mae",
        "r2",
        "skill_lower",
        "skill_linear",
        "ic",
        "directional_low",
        "directional_high",
        "skill@5",
        "rmse@5",
        "skill@1/AAPL",
    ] {
        assert!(metric(status, name).is_some(), "{name} in {status}");
    }
    assert!(metric(status, "directional_accuracy").unwrap() > 0.55);
    assert!(metric(status, "rmse").unwrap() < metric(status, "rmse_naive").unwrap());
    // The ceiling is told where it is known, for no other horizon.
    assert_eq!((metric(status, "ceiling"), metric(status, "ceiling@5")), (Some(0.25), None));
    assert_eq!((&status["bar"], &status["params"]["trees"]), (&"1m".into(), &20.into()));
    folds_and_rivals(status);
    assert_eq!(condition(status, "FeatureParity")["status"], "True");
    assert_eq!(status["dataset"]["symbols"], serde_json::json!(["AAPL"]));
    for text in ["Run run-1", "0.2500", "served", "Verdict: v1 passed", "linear rivals"] {
        assert!(outcome.report.contains(text), "{text:?} in\n{}", outcome.report);
    }

    let registry = world.registry();
    registry.verify(1).await.unwrap();
    let history = registry.alias_history(1).await.unwrap();
    assert_eq!(registry::at(&history, Alias::Champion, Timestamp::MAX), Some(1));
    for name in [file::FEATURES, file::DATASET, file::PARAMS, file::METRICS, file::IMPORTANCE, file::CARD] {
        assert!(!registry.read_file(1, name).await.unwrap().is_empty(), "{name}");
    }
    let manifest = registry.manifest(1).await.unwrap();
    assert_eq!(manifest.summary.dataset.to, last, "the last matured target");
    let rows = |bytes| SerializedFileReader::new(bytes).unwrap().metadata().file_metadata().num_rows();
    let dataset = rows(registry.read_file(1, file::DATASET_PARQUET).await.unwrap());
    assert!(dataset > 2_400 && dataset < COUNT as i64, "warm-up rows are missing only: {dataset}");
    let oos = rows(registry.read_file(1, file::OOS).await.unwrap());
    assert!(oos > 3_000, "two thirds of the rows, two horizons: {oos}");

    let stored = world.store.runs("market").await.unwrap();
    assert_eq!((stored.len(), stored[0].phase.as_str(), stored[0].progress_percent), (1, "Complete", 100));
    assert_eq!(&stored[0].status, status);
    let events = events.lock().unwrap().clone();
    assert!(events.is_sorted_by_key(|e| e.percent), "progress never goes back");
    assert!(events.iter().any(|e| e.phase == Phase::Training && e.eta_seconds.is_some()));
    assert!(events.iter().filter_map(|e| e.message.as_ref()).any(|m| m.contains("Smartcore")));

    // The same uid again: nothing is trained, the outcome is the same.
    let again = world.train(run, data).await.unwrap();
    assert!(again.repeated);
    assert_eq!((again.version, &again.status, &again.champion), (1, status, &outcome.champion));
}

/// What the Training page draws, with figures that hang together.
fn folds_and_rivals(status: &Value) {
    let number = |v: &Value| v.as_str().and_then(|text| text.parse::<f64>().ok());
    let folds = status["folds"].as_array().unwrap();
    let of_first: Vec<&Value> = folds.iter().filter(|f| f["horizon"] == 1).collect();
    assert_eq!((folds.len(), of_first.len()), (6, 3), "three folds, two horizons: {folds:?}");
    assert_eq!(of_first.iter().map(|f| f["fold"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let rows: u64 = of_first.iter().map(|f| f["rows"].as_u64().unwrap()).sum();
    assert_eq!(Some(rows as f64), metric(status, "rows"), "folds are all of the pooled rows");
    assert!(of_first.iter().all(|f| number(&f["skill"]).unwrap() > 0.05), "{folds:?}");

    let rivals = status["rivals"].as_array().unwrap();
    let of = |name: &str| rivals.iter().find(|r| r["horizon"] == 1 && r["name"] == name).unwrap();
    assert_eq!(rivals.len(), 12, "three naives and three rivals, two horizons");
    let naive: Vec<f64> =
        ["last value", "mean return", "mean price"].map(|n| number(&of(n)["skill"]).unwrap()).into();
    let least = naive.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(Some(least), metric(status, "skill"), "skill is against the best of the naives");
    assert!(number(&of("last value")["dm_p"]).unwrap() < 1e-4, "{rivals:?}");
    let linear: Vec<f64> =
        ["AR(1) on returns", "AR(1) on log price", "ridge"].map(|n| number(&of(n)["skill"]).unwrap()).into();
    assert_eq!(Some(linear.iter().copied().fold(f64::INFINITY, f64::min)), metric(status, "skill_linear"));
    let bytes = status.to_string().len();
    assert!(bytes < 6 * 1024, "a status stays small: {bytes} bytes");
}

#[tokio::test]
async fn many_symbols_do_not_swell_the_status() {
    let world = World::new();
    let mut run = settings("wide");
    run.model.group_by = GroupBy::Symbol;
    run.model.trees = 10;
    let names: Vec<String> = (0..24).map(|i| format!("S{i:02}")).collect();
    let data = source(names.iter().zip(1..).map(|(name, seed)| bars(name, 0.5, seed, 260)).collect());
    let outcome = world.train(run, data).await.unwrap();
    let named = |list: &str| {
        let entries = outcome.status[list].as_array().unwrap();
        entries.iter().filter(|e| e["name"].as_str().unwrap().contains("/S")).count()
    };
    assert_eq!(named("gates"), 20, "the deciding gate of each of the first twenty");
    assert_eq!(named("metrics") % 20, 0);
    assert_eq!(outcome.status["dataset"]["symbols"].as_array().unwrap().len(), 24);
    let bytes = outcome.status.to_string().len();
    assert!(bytes < 12 * 1024, "{bytes} bytes");
    let metrics = world.registry().read_file(outcome.version, file::METRICS).await.unwrap();
    assert!(String::from_utf8_lossy(&metrics).contains("S23"), "metrics.json has them all");
}

#[tokio::test]
async fn a_random_walk_is_stored_and_never_served() {
    let world = World::new();
    let mut run = settings("gbm");
    let truth = Truth { name: "Gbm".to_owned(), ceilings: BTreeMap::from([(1, 0.0)]) };
    run.truths = BTreeMap::from([("AAPL".to_owned(), truth)]);
    let outcome = world.train(run, source(vec![bars("AAPL", 0.0, 7, COUNT)])).await.unwrap();
    assert_eq!((outcome.version, outcome.exit_code()), (1, 3), "{}", outcome.report);
    assert_eq!((outcome.champion.len(), &outcome.status["alias"]), (0, &Value::Null));
    assert_eq!(condition(&outcome.status, "GatesPassed")["status"], "False");
    assert!(outcome.report.contains("nothing to learn, as it should be"), "{}", outcome.report);
    assert_eq!(world.registry().alias_history(1).await.unwrap(), []);
}

#[tokio::test]
async fn with_a_forest_per_symbol_each_is_judged_by_itself() {
    let world = World::new();
    let mut run = settings("symbols");
    run.model.group_by = GroupBy::Symbol;
    let data = source(vec![bars("AR", 0.5, 1, COUNT), bars("GBM", 0.0, 7, COUNT)]);
    let outcome = world.train(run, data).await.unwrap();
    let manifest = world.registry().manifest(outcome.version).await.unwrap();
    let horizon = manifest.horizon(1).unwrap();
    assert!(horizon.passed, "{}", outcome.report);
    assert_eq!(horizon.served.iter().map(|s| s.as_str()).collect::<Vec<_>>(), ["AR"]);
    assert_eq!(horizon.refused.iter().map(|s| s.as_str()).collect::<Vec<_>>(), ["GBM"]);
    assert!(outcome.report.contains("BASELINE: "), "{}", outcome.report);
}

#[tokio::test]
async fn threads_never_show_in_the_model_and_the_seed_does() {
    let data = source(vec![waves("AAPL", 3, 2_000)]);
    let mut hashes = Vec::new();
    for (threads, seed) in [(1, 42), (2, 42), (8, 42), (2, 43)] {
        let mut run = settings("threads");
        (run.threads, run.model.seed) = (threads, seed);
        run.model.trees = 40;
        let world = World::new();
        let outcome = world.train(run, data.clone()).await.unwrap();
        let manifest = world.registry().manifest(1).await.unwrap();
        assert_eq!(manifest.horizon(1).unwrap().kind, "forest", "{}", outcome.report);
        hashes.push(outcome.model_sha256);
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
    assert_ne!(hashes[0], hashes[3]);
}

#[tokio::test]
async fn features_that_differ_from_the_live_ones_are_named() {
    let world = World::new();
    let mut rows = bars("AAPL", 0.5, 1, 1_500);
    rows[1_200].features.as_mut().unwrap()[0] += 1e-6;
    let outcome = world.train(settings("parity"), source(vec![rows])).await.unwrap();
    let parity = condition(&outcome.status, "FeatureParity");
    assert_eq!(parity["status"], "False");
    let message = parity["message"].as_str().unwrap();
    assert!(message.starts_with("1 of ") && message.contains("ln(close/close[1])"), "{message}");
}

#[tokio::test]
async fn what_the_predictor_does_not_serve_is_stored_and_never_aliased() {
    let world = World::new();
    let data = source(vec![bars("AAPL", 0.5, 1, COUNT)]);
    let mut run = settings("unserved");
    run.served.horizons = vec![5];
    let outcome = world.train(run, data.clone()).await.unwrap();
    assert_eq!((outcome.passed.as_slice(), outcome.champion.len()), ([1].as_slice(), 0));
    let mut run = settings("manual");
    run.promotion.automatic = false;
    let outcome = world.train(run, data).await.unwrap();
    assert_eq!((outcome.version, outcome.champion.len(), outcome.exit_code()), (2, 0, 0));
    assert_eq!(world.registry().alias_history(1).await.unwrap(), []);
}
