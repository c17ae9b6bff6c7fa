//! Servers that cannot be reached, and a lake that is another pipeline's: said by the program, soon. A log that goes away
//! under a worker and comes back.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use lake::MemoryLake;
use serde_json::json;
use servers::{Options, Stack, shared, unique};

use super::{
    lines,
    world::{SEEN, World},
};
use crate::support::{Program, until};

/// An address at which nobody listens.
const NOBODY: &str = "127.0.0.1:1";
/// Within which the program gives up.
const CLEAR: Duration = Duration::from_secs(30);

/// A worker says which server does not answer, once in a while, and waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_server_is_named() {
    let stack = shared().await;
    let cases = [
        ("kafka", format!("source.kafka.bootstrapServers={NOBODY}")),
        ("hdfs", format!("lake.hdfs.uri=hdfs://{NOBODY}")),
        ("cassandra", format!("featureStore.cassandra.contactPoints=[\"{NOBODY}\"]")),
    ];
    let mut said = BTreeSet::new();
    // Prepared while all were there: what is not prepared is refused before anything else.
    let program = Program::new(stack, "nobody", 2, json!({}));
    program.ok(&["init"]).await;
    for (name, away) in cases {
        let worker = program.spawn(name, &["ingest", "--set", &away]);
        let names_it = |line: &&str| line.contains("ERROR") && line.contains(NOBODY);
        until(&format!("{name} is named"), CLEAR, async || match worker.log() {
            log if log.lines().any(|line| names_it(&line)) => Ok(()),
            log => Err(log),
        })
        .await;
        let log = worker.log();
        let line = log.lines().find(names_it).and_then(|line| line.split_once("ERROR")).map(|(_, text)| text);
        said.extend(line.map(str::to_owned));
        assert!(log.lines().count() < 60, "{name}: {log}");
        assert!(!log.contains("panicked"), "{name}: {log}");
    }
    assert_eq!(said.len(), 3, "each is an error of its own: {said:#?}");
}

/// The folder on HDFS, or the keyspace, is another pipeline's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_pipeline_has_is_refused() {
    let stack = shared().await;
    let first = Program::new(stack, "first", 2, json!({}));
    first.ok(&["init"]).await;
    let root = json!({"lake": {"root": format!("/{}", first.name)}});
    let keyspace = json!({"featureStore": {"cassandra": {"keyspace": first.name}}});
    let commands: [(_, &[&str]); 2] = [(root, &["init", "ingest"]), (keyspace, &["init"])];
    for (spec, commands) in commands {
        let second = Program::new(stack, "second", 2, spec);
        for command in commands {
            let errors = second.fails(&[command], CLEAR).await;
            assert!(
                errors.contains(&format!("belongs to pipeline default/{}", first.name)),
                "{command}: {errors}"
            );
        }
    }
    first.ok(&["destroy", "--yes"]).await;
}

/// Kafka goes away under a worker: a condition, a few lines, and on it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_away_is_waited_for() {
    let options = Options { hdfs: false, cassandra: false, ..Options::default() };
    let stack = Stack::start(options).await.expect("Kafka of its own");
    let world = World::over(stack.kafka.bootstrap(), unique("away"), Arc::new(MemoryLake::new())).await;
    world.send(0, 1_000).await;
    let worker = world.start();
    worker.has_committed(&world.ends().await, SEEN).await;
    let before = lines::count();
    stack.kafka.kill().expect("killed");
    let said = worker.says("LogUnavailable").await;
    assert!(said.contains(stack.kafka.bootstrap()), "{said}");
    // As long as a flood takes to be one.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let written = lines::count() - before;
    lines::assert_few(before, stack.kafka.bootstrap());
    assert!(written < 200, "{written} lines");
    stack.kafka.start().expect("started");
    stack.kafka.wait_ready().await.expect("ready");
    world.send(1_000, 2_000).await;
    let took = worker.has_committed(&world.ends().await, Duration::from_secs(60)).await;
    until("it says that all is well", SEEN, async || match worker.kinds() {
        kinds if kinds.is_empty() => Ok(()),
        kinds => Err(format!("{kinds:?}")),
    })
    .await;
    println!("committed {took:?} after the log was back");
    worker.ends().await.expect("a drain");
}
