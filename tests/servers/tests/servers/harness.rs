//! The harness itself: a kill is seen, a restarted server keeps its data, nothing is left behind.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use servers::{Options, Stack, unique};
use std::time::Duration;

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
    assert!(state().is_ok_and(|text| text.contains(") T ")), "it stands still");
    stack.kafka.resume().expect("it goes on");

    let (dir, pid) = (stack.dir.clone(), stack.kafka.pid().expect("it runs"));
    drop(stack);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the broker is gone with its stack");
    assert!(!dir.exists(), "so is the folder");
}
