//! The commands that prepare, check and repair a pipeline, on the real servers: `init` and its claims, `doctor`, a dry run,
//! `replay`, `backup` and `restore`, `destroy`.

use crate::support::{Crew, Load, Program, ends, until};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use serde_json::{Value, json};
use servers::{shared, unique};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(120);
/// The limit for a refusal.
const REFUSED: Duration = Duration::from_secs(30);

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The rows of a JSON report whose `thing` contains this, with what was done.
fn did(report: &Value, thing: &str) -> Vec<String> {
    let rows = report.as_array().expect("a list");
    let found = rows.iter().filter(|r| r["thing"].as_str().is_some_and(|t| t.contains(thing)));
    found.map(|r| r["did"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn topics(bootstrap: &str) -> Vec<String> {
    let bootstrap = bootstrap.to_owned();
    tokio::task::spawn_blocking(move || {
        let consumer: rdkafka::consumer::BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client");
        let metadata = rdkafka::consumer::Consumer::fetch_metadata(&consumer, None, Duration::from_secs(15));
        metadata.expect("metadata").topics().iter().map(|t| t.name().to_owned()).collect()
    })
    .await
    .expect("a list")
}

/// A topic as somebody else would make it: record times of the writers.
async fn foreign_topic(bootstrap: &str, name: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("a client");
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "CreateTime");
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.expect("an answer");
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_is_idempotent_safe_from_two_at_once_and_destroy_takes_only_its_own() {
    let stack = shared().await;
    let bootstrap = stack.kafka.bootstrap();
    let program = Program::new(stack, "init", 2, json!({}));
    for args in [&["ingest", "--run-for", "5s"][..], &["features"], &["status"], &["produce", "--count", "1"]]
    {
        let said = program.fails(args, REFUSED).await;
        assert!(said.contains("stockpipe init"), "{args:?} names the command that helps: {said}");
    }
    let doctor = program.run(&["doctor", "-o", "json"]).await;
    assert_eq!(doctor.status.code(), Some(1), "nothing is prepared");

    let (one, two) = tokio::join!(program.run(&["init", "-o", "json"]), program.run(&["init", "-o", "json"]));
    for output in [&one, &two] {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let again = parsed(&program.ok(&["init", "-o", "json"]).await);
    assert!(again.as_array().expect("steps").iter().all(|s| s["did"] == "was there"), "{again:#}");

    let doctor = program.run(&["doctor", "-o", "json"]).await;
    let report = parsed(&String::from_utf8_lossy(&doctor.stdout));
    assert_eq!(doctor.status.code(), Some(0), "{report:#}");
    let names: Vec<&str> =
        report["checks"].as_array().expect("checks").iter().filter_map(|c| c["name"].as_str()).collect();
    for part in ["kafka", "hdfs", "cassandra", "claim", "manifest"] {
        assert!(names.iter().any(|n| n.contains(part)), "{part} in {names:?}");
    }

    // Without --yes it only says so.
    let asked = program.run(&["destroy", "-o", "json"]).await;
    assert_eq!(asked.status.code(), Some(3));
    assert!(topics(bootstrap).await.contains(&program.name));
    program.ok(&["destroy", "--yes"]).await;
    until("the topics are gone", SOON, async || {
        let left: Vec<String> =
            topics(bootstrap).await.into_iter().filter(|t| t.starts_with(&program.name)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    let said = program.fails(&["features"], REFUSED).await;
    assert!(said.contains("stockpipe init"), "{said}");
    // What is gone can be made again, and destroying nothing is fine.
    program.ok(&["init"]).await;
    program.ok(&["destroy", "--yes"]).await;
    program.ok(&["destroy", "--yes"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_of_others_is_used_set_right_and_never_deleted() {
    let stack = shared().await;
    let bootstrap = stack.kafka.bootstrap();
    let topic = unique("theirs");
    foreign_topic(bootstrap, &topic, 2).await;
    let program = Program::new(stack, "others", 2, json!({"source": {"kafka": {"topic": {"name": topic}}}}));
    let report = parsed(&program.ok(&["init", "-o", "json"]).await);
    assert_eq!(did(&report, &format!("topic {topic}")), ["changed"], "{report:#}");
    let report = parsed(&program.ok(&["init", "-o", "json"]).await);
    assert_eq!(did(&report, &format!("topic {topic}")), ["was there"], "{report:#}");
    let report = parsed(&program.ok(&["destroy", "--yes", "-o", "json"]).await);
    assert_eq!(did(&report, &format!("topic {topic}")), ["kept"], "{report:#}");
    assert!(topics(bootstrap).await.contains(&topic));

    let other = Program::new(stack, "others", 4, json!({"source": {"kafka": {"topic": {"name": topic}}}}));
    let said = other.fails(&["init"], REFUSED).await;
    assert!(said.contains("2 partitions") && said.contains("set it to 2"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_another_pipeline_is_refused_before_anything_is_made() {
    let stack = shared().await;
    let first = Program::new(stack, "mine", 1, json!({}));
    first.ok(&["init"]).await;
    let lake = Program::new(stack, "squat", 1, json!({"lake": {"root": format!("/{}", first.name)}}));
    let keyspace =
        Program::new(stack, "squat", 1, json!({"featureStore": {"cassandra": {"keyspace": first.name}}}));
    for (other, what) in [(&lake, "lake.root"), (&keyspace, "keyspace")] {
        for args in [&["init"][..], &["destroy", "--yes"]] {
            let said = other.fails(args, REFUSED).await;
            assert!(said.contains(&format!("default/{}", first.name)) && said.contains(what), "{said}");
        }
        assert!(!topics(stack.kafka.bootstrap()).await.contains(&other.name), "nothing was made");
    }
    first.ok(&["doctor"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_data_is_tried_checked_copied_and_put_back() {
    let stack = shared().await;
    let bootstrap = stack.kafka.bootstrap();
    let program = Program::new(stack, "keep", 2, json!({}));
    program.ok(&["init"]).await;
    Load::default().send(bootstrap, &program.name, 0, 5_000, 0).done().await;

    let dry = parsed(&program.ok(&["ingest", "--dry-run", "-o", "json"]).await);
    assert_eq!(dry["read"], 5_000, "{dry:#}");
    let nothing = parsed(&program.ok(&["status", "-o", "json"]).await);
    assert_eq!(nothing["partitions"], json!([]), "a dry run leaves nothing behind");

    let mut crew = Crew::new(&program, 1);
    crew.committed(&ends(bootstrap, &program.name, 2).await, SOON).await;
    crew.drain(SOON).await;
    let dump = program.ok(&["dump"]).await;
    let dead: u64 = dry["dead"].as_object().expect("reasons").values().filter_map(Value::as_u64).sum();
    let raw = dump.lines().filter(|l| l.starts_with("raw ")).count() as u64;
    assert_eq!(raw, dry["stored"].as_u64().expect("a number"), "the dry run has counted what was stored");
    assert_eq!(raw + dead, 5_000);

    program.ok(&["fsck"]).await;
    program.ok(&["replay"]).await;
    program.ok(&["compact"]).await;
    let copy = program.dir().join("backup");
    let copy = copy.to_str().expect("a path");
    program.ok(&["backup", "--to", copy]).await;
    let refused = program.fails(&["restore", "--from", copy], REFUSED).await;
    assert!(!refused.is_empty(), "stores that hold something are refused");

    program.ok(&["destroy", "--yes"]).await;
    program.ok(&["init"]).await;
    program.ok(&["restore", "--from", copy]).await;
    assert_eq!(program.ok(&["dump"]).await, dump, "the backup holds everything");
    program.ok(&["replay"]).await;
    program.ok(&["fsck"]).await;
    program.ok(&["destroy", "--yes"]).await;
}
