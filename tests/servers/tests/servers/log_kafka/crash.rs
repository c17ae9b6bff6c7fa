//! `kill -9`: of the broker under a producer, and of a producer under its transactions.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use servers::{Options, Stack};
use tick_log::{
    Log, Topic,
    conformance::{read_all, record},
    kafka::{KafkaLog, KafkaSettings},
};

use super::{PATIENCE, eventually_within, log, settings, topic};
use crate::support::until;

async fn all(topic: &dyn Topic) -> Vec<u64> {
    let mut all = Vec::new();
    for partition in 0..topic.partitions() {
        let held = read_all(topic, partition).await;
        let numbers: Vec<u64> =
            held.iter().map(|(_, _, value)| u64::from_le_bytes(value[..8].try_into().unwrap())).collect();
        assert!(numbers.is_sorted(), "partition {partition} is out of order");
        all.extend(numbers);
    }
    all.sort_unstable();
    all
}

/// A broker is killed twice while records are written: none is lost, none is there twice, the order stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_loses_and_repeats_nothing() {
    let stack = Stack::start(Options { hdfs: false, cassandra: false, ..Options::default() }).await.unwrap();
    let log = KafkaLog::connect(KafkaSettings::new(stack.kafka.bootstrap(), "crash")).await.unwrap();
    let topic = log.create_topic("ticks", 2, None).await.unwrap();
    let appended = Arc::new(AtomicU64::new(0));
    let writer = tokio::spawn({
        let (topic, appended) = (topic.clone(), appended.clone());
        async move {
            let mut next = 0_u64;
            let began = Instant::now();
            // Until two kills are over, then a little more.
            while appended.load(Ordering::Acquire) < u64::MAX / 2 && began.elapsed() < PATIENCE * 20 {
                let records = (next..next + 500).map(|n| record("A", n.to_le_bytes())).collect();
                topic.append((next / 500 % 2) as u32, records).await.unwrap();
                next += 500;
                appended.fetch_add(500, Ordering::AcqRel);
            }
            next
        }
    });
    // A broker that was killed takes a while to be itself again, on a busy machine a long one.
    let go_on = || async {
        let before = appended.load(Ordering::Acquire);
        eventually_within(PATIENCE * 4, "appends go on", || async {
            (appended.load(Ordering::Acquire) > before + 5_000).then_some(())
        })
        .await;
    };
    for _ in 0..2 {
        go_on().await;
        stack.kafka.kill().unwrap();
        stack.kafka.start().unwrap();
        stack.kafka.wait_ready().await.unwrap();
    }
    go_on().await;
    appended.store(u64::MAX / 2, Ordering::Release);
    let written = writer.await.unwrap();
    assert_eq!(all(&*topic).await, (0..written).collect::<Vec<_>>());
}

const CHILD: &str = "STOCKPIPE_TRANSACTIONS_CHILD";

/// Not a test of its own: what the next one runs and kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_transactions_until_it_is_killed() {
    let Ok(name) = std::env::var(CHILD) else { return };
    let (bootstrap, rest) = name.split_once('|').unwrap();
    let (pipeline, topic) = rest.split_once('|').unwrap();
    let settings = KafkaSettings { client_id: "child".into(), ..KafkaSettings::new(bootstrap, pipeline) };
    let log = KafkaLog::connect(settings).await.unwrap();
    let topic = log.topic(topic).await.unwrap();
    let done = |note: Option<Vec<u8>>| note.map_or(0, |n| u64::from_le_bytes(n.try_into().unwrap()));
    let mut next = done(log.note("done").await.unwrap());
    loop {
        let to = next + 50 + next % 7;
        let records = (next..to).map(|n| record("A", n.to_le_bytes())).collect();
        topic.append_with_note(0, records, "done", to.to_le_bytes().to_vec()).await.unwrap();
        next = to;
        println!("acknowledged {next}");
    }
}

/// A writer is killed again and again between its transactions and in the middle of them: the records and the note are
/// one, and whoever comes back goes on at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_writer_leaves_whole_appends() {
    let settings = settings().await;
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    let topic = topic(&log, 1).await;
    let rounds = if std::env::var_os("STOCKPIPE_LONG").is_some() { 30 } else { 4 };
    for round in 0..rounds {
        let child = format!("{}|{}|{}", settings.bootstrap, settings.pipeline, topic.name());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "log_kafka::crash::child_that_writes_transactions_until_it_is_killed",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, child)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0_u64;
        for _ in 0..4 + round {
            while let Some(Ok(line)) = lines.next() {
                if let Some(number) = line.split("acknowledged ").nth(1) {
                    acknowledged = number.parse().unwrap();
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(acknowledged > 0, "round {round}: the child never acknowledged anything");
        // Reading the note waits for what the child left open: another name cannot end it, the brokers do.
        let note = log.note("done").await.unwrap().unwrap();
        let done = u64::from_le_bytes(note.try_into().unwrap());
        assert!(done >= acknowledged, "{done} < {acknowledged}");
        assert_eq!(
            all(&*topic).await,
            (0..done).collect::<Vec<_>>(),
            "round {round}: note and records are one"
        );
    }
}

/// Broken on purpose: records without a transaction are there although their note is not. The test above sees that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_transaction_a_crash_would_show() {
    let log = log().await;
    let topic = topic(&log, 1).await;
    topic
        .append_with_note(0, vec![record("A", 0_u64.to_le_bytes())], "done", 1_u64.to_le_bytes().to_vec())
        .await
        .unwrap();
    topic.append(0, vec![record("A", 1_u64.to_le_bytes())]).await.unwrap();
    let done = u64::from_le_bytes(log.note("done").await.unwrap().unwrap().try_into().unwrap());
    let held: BTreeSet<u64> = all(&*topic).await.into_iter().collect();
    assert_ne!(held.len() as u64, done);
}

/// With no broker at all nothing hangs and nothing is repeated: an append waits, ends with an unknown outcome at most,
/// and what was handed over arrives once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_broker_delays_and_loses_nothing() {
    let stack = Stack::start(Options { hdfs: false, cassandra: false, ..Options::default() }).await.unwrap();
    let log = KafkaLog::connect(KafkaSettings::new(stack.kafka.bootstrap(), "pause")).await.unwrap();
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    topic.append(0, vec![record("A", 0_u64.to_le_bytes())]).await.unwrap();
    stack.kafka.pause().unwrap();
    let waiting = tokio::spawn({
        let topic = topic.clone();
        async move { topic.append(0, vec![record("A", 1_u64.to_le_bytes())]).await }
    });
    match topic.read(0, 1, 1_000, Duration::from_millis(100)).await {
        Ok(read) => assert!(read.is_empty()),
        Err(e) => assert_eq!(e.kind(), market::ErrorKind::Unavailable, "{e}"),
    }
    stack.kafka.resume().unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().first_offset, 1);
    // A broker that was given up tells of its topics only once the controller has it back.
    until("the topic is there", Duration::from_secs(30), async || topic.bounds(0).await.map(drop)).await;
    assert_eq!(all(&*topic).await, [0, 1]);
}
