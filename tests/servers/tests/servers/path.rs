//! The whole path on real servers: init, load, ingest; files on HDFS, rows in Cassandra; then learning and showing.

use crate::support::{
    Crew, Load, Program, Reference, assert_exactly_once, assert_same, assert_tidy, ends, semantics, until,
};
use scylla::client::session_builder::SessionBuilder;
use serde_json::{Value, json};
use servers::shared;
use std::time::Duration;

const PARTITIONS: u32 = 4;
const SOON: Duration = Duration::from_secs(120);

/// Everything that was sent is stored once, and stored as the embedded stores have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_into_kafka_lies_on_hdfs_and_in_cassandra() {
    let stack = shared().await;
    let program = Program::new(stack, "path", PARTITIONS, json!({}));
    let bootstrap = stack.kafka.bootstrap();
    program.ok(&["init"]).await;
    program.ok(&["init"]).await;

    let mut crew = Crew::new(&program, 1);
    Load::default().send(bootstrap, &program.name, 0, 20_000, 0).done().await;
    let ends = ends(bootstrap, &program.name, PARTITIONS).await;
    assert_eq!(ends.iter().sum::<u64>(), 20_000);
    crew.committed(&ends, SOON).await;
    crew.drain(SOON).await;
    crew.assert_quiet();

    let expected = Reference::of(bootstrap, &program.name, semantics(PARTITIONS)).await;
    let dump = program.ok(&["dump"]).await;
    assert_same(&expected.lines, &dump, "the real servers against the embedded stores");
    assert_exactly_once(&dump, &expected.ends);
    program.ok(&["fsck"]).await;
    assert_tidy(stack.hdfs.uri(), &format!("/{}", program.name)).await;

    let finals =
        |name: &str| dump.lines().filter(|line| line.starts_with("row ") && line.contains(name)).count();
    let rows = program.ok(&["features", "--name", "sma_5", "-o", "csv"]).await;
    assert!(rows.lines().count() > finals(" sma_5 "), "every final window can be read, and the open ones");
    let bars = program.ok(&["bars", "--name", "1m", "-o", "csv"]).await;
    assert!(bars.lines().count() > 64, "bars of every symbol: {}", bars.lines().count());
    compatible(stack.cassandra.contact(), &program.name).await;

    let status: Value = serde_json::from_str(&program.ok(&["status", "-o", "json"]).await).expect("JSON");
    let uncommitted =
        status["partitions"].as_array().expect("partitions").iter().map(|p| p["uncommitted"].as_u64());
    assert_eq!(uncommitted.collect::<Option<Vec<u64>>>(), Some(vec![0; PARTITIONS as usize]), "{status:#}");
    program.ok(&["destroy", "--yes"]).await;
}

/// The tables of the replaced system are there and filled.
async fn compatible(contact: &str, keyspace: &str) {
    let session = SessionBuilder::new().known_node(contact).build().await.expect("a session");
    let ask = format!("SELECT symbol, sma_5, sma_20 FROM {keyspace}.features WHERE symbol = 'S001'");
    let rows = session.query_unpaged(ask, ()).await.expect("the table").into_rows_result().expect("rows");
    let rows: Vec<(String, Option<f64>, Option<f64>)> =
        rows.rows().expect("typed rows").collect::<Result<_, _>>().expect("rows");
    assert!(rows.len() > 10, "{} rows of one symbol", rows.len());
    assert!(rows.iter().all(|(_, short, _)| short.is_some()), "sma_5 is always there");
    assert!(rows.iter().any(|(_, _, long)| long.is_some()), "sma_20 once a minute is full");
}

/// A model is trained from the lake, serves forecasts into Cassandra, and the dashboard shows them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_trained_served_and_shown() {
    let stack = shared().await;
    let spec = json!({
        "predictor": {"enabled": true, "bar": "5s", "horizons": [1]},
        "dashboard": {"enabled": true},
        "features": {"watermark": "1s"},
        "producer": {"enabled": true, "ticksPerSecond": 4, "symbols": ["AAPL", "MSFT"], "model": "Ar1", "backfill": "40m"},
        "training": {"template": {"spec": {
            "data": {"bar": "5s", "minRows": 300}, "target": {"horizons": [1]}, "validation": {"folds": 3},
            "model": {"trees": 5, "maxDepth": 4},
        }}},
    });
    let program = Program::new(stack, "learn", 2, spec);
    program.ok(&["init"]).await;
    let _produce = program.spawn("produce", &["produce"]);
    let crew = Crew::new(&program, 1);
    until("ticks of 40 minutes are committed", SOON, async || {
        let committed: u64 = crew.partitions().await.values().flatten().map(|owned| owned.committed).sum();
        if committed > 9_000 { Ok(()) } else { Err(format!("{committed} records\n{}", program.logs())) }
    })
    .await;

    let trained = program.run(&["train", "-o", "json"]).await;
    let errors = String::from_utf8_lossy(&trained.stderr).into_owned();
    // A gate may refuse the model: it is stored all the same.
    assert!(matches!(trained.status.code(), Some(0 | 3)), "train: {}\n{errors}", trained.status);
    let run: Value = serde_json::from_slice(&trained.stdout).unwrap_or_else(|e| panic!("{e}\n{errors}"));
    assert_eq!(run["version"], 1, "{run:#}");

    let predict = program.spawn("predict", &["predict"]);
    let dashboard = program.spawn("dashboard", &["dashboard", "--listen", "127.0.0.1:0"]);
    until("forecasts are stored", SOON, async || {
        let rows = program.ok(&["predictions", "-o", "csv"]).await.lines().count();
        if rows > 4 {
            Ok(())
        } else {
            Err(format!("{rows} lines; {:?}\n{}", predict.status().await, program.logs()))
        }
    })
    .await;
    until("the dashboard answers with symbols", SOON, async || {
        match dashboard.get("/api/v1/symbols").await {
            Some((200, body)) if body.contains("AAPL") => Ok(()),
            other => Err(format!("{other:?}\n{}", program.logs())),
        }
    })
    .await;
    crew.assert_quiet();
}
