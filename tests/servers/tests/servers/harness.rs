//! The harness itself: a kill is seen, a restarted server keeps its data, nothing is left behind.

use crate::support::until;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use servers::{Options, Stack, unique};
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(120);

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().expect("an admin client")
}

fn only_kafka() -> Options {
    Options { hdfs: false, cassandra: false, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_is_gone_and_comes_back_with_its_data() {
    let stack = Stack::start(only_kafka()).await.expect("kafka");
    let topic = unique("harness");
    let made = admin(stack.kafka.bootstrap())
        .create_topics(&[NewTopic::new(&topic, 2, TopicReplication::Fixed(1))], &AdminOptions::new())
        .await
        .expect("a topic");
    assert!(made.iter().all(Result::is_ok), "{made:?}");

    let first = stack.kafka.pid().expect("it runs");
    stack.kafka.kill().expect("it is killed");
    assert_eq!(stack.kafka.pid(), None, "a zombie is no server");
    assert!(stack.kafka.kill().is_err(), "what is dead cannot be killed");
    assert!(std::net::TcpStream::connect(stack.kafka.bootstrap()).is_err(), "nobody listens");

    stack.kafka.start().expect("it starts");
    stack.kafka.wait_ready().await.expect("it is ready again");
    assert_ne!(stack.kafka.pid(), Some(first));
    let client = admin(stack.kafka.bootstrap());
    let seen = client.inner().fetch_metadata(Some(&topic), Duration::from_secs(30)).expect("metadata");
    assert_eq!(seen.topics()[0].partitions().len(), 2, "the topic is still there");

    stack.kafka.pause().expect("it is paused");
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", stack.kafka.pid().unwrap_or(0)));
    until("the broker stands still", SOON, async || match state() {
        Ok(text) if text.contains(") T ") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    stack.kafka.resume().expect("it goes on");

    let (dir, pid) = (stack.dir.clone(), stack.kafka.pid().expect("it runs"));
    drop(stack);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the broker is gone with its stack");
    assert!(!dir.exists(), "so is the folder");
}

/// Set in a process of ours that is to die with its servers.
const VICTIM: &str = "STOCKPIPE_VICTIM";

/// Nothing where it is run as a test: [`servers_end_with_a_process_that_is_killed`] runs it as a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(told) = std::env::var_os(VICTIM) else { return };
    let stack = Stack::start(only_kafka()).await.expect("kafka");
    let text = format!("{} {}", stack.kafka.pid().expect("it runs"), stack.dir.display());
    std::fs::write(told, text).expect("told");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_end_with_a_process_that_is_killed() {
    let dir = tempfile::tempdir().expect("a folder");
    let told = dir.path().join("told");
    let mut process = std::process::Command::new(std::env::current_exe().expect("this test has a file"))
        .args(["--exact", "harness::victim", "--nocapture"])
        .env(VICTIM, &told)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a process");
    let text = || std::fs::read_to_string(&told).unwrap_or_default();
    until("the victim has a broker", SOON, async || if text().contains(' ') { Ok(()) } else { Err(text()) })
        .await;
    process.kill().expect("it is killed");
    process.wait().expect("it is gone");
    let text = text();
    let (pid, folder) = text.split_once(' ').expect("pid and folder");
    until("the broker and its folder are gone", SOON, async || {
        let lives = Path::new(&format!("/proc/{pid}/cwd")).exists();
        if lives || Path::new(folder).exists() { Err(format!("broker {lives}, {text}")) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_start_says_why() {
    let options = Options { kafka_properties: vec!["num.io.threads=many".to_owned()], ..only_kafka() };
    let error = Stack::start(options).await.expect_err("no broker takes this").to_string();
    assert!(error.contains("num.io.threads"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_of_a_person_outlives_its_starter_and_is_found_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let stack = Stack::start_alone(dir.path(), only_kafka()).await.expect("kafka");
    let (pid, bootstrap) = (stack.kafka.pid(), stack.kafka.bootstrap().to_owned());
    drop(stack);

    let found = Stack::attach(dir.path()).expect("the stack");
    assert_eq!((found.kafka.pid(), found.kafka.bootstrap()), (pid, bootstrap.as_str()));
    found.kafka.start().expect("nothing to do");
    assert_eq!(found.kafka.pid(), pid, "a running server is not started again");
    assert!(found.cassandra.kill().is_err(), "a server that was not asked for is nobody's to kill");
    found.stop().expect("it ends");
    assert_eq!(found.kafka.pid(), None);
    found.kafka.start().expect("it starts again");
    found.wait_ready().await.expect("it is ready again");
    found.stop().expect("it ends");
    assert!(Stack::attach(&dir.path().join("nowhere")).is_err());
}
