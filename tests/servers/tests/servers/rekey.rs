//! The role that gives keys to a topic without them, on a real Kafka: each record once, whatever is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use market::NewRecord;
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use runtime::Shutdown;
use tick_log::{
    LogError, Topic,
    conformance::read_all,
    kafka::{KafkaLog, KafkaSettings},
    partition_of,
};

use crate::log_kafka::{eventually, settings, topic};

const CHILD: &str = "STOCKPIPE_REKEY_CHILD";
const SYMBOLS: u64 = 40;

/// Every seventh record is no tick.
fn value(n: u64) -> Vec<u8> {
    if n % 7 == 3 {
        return format!("no tick at all {n}").into_bytes();
    }
    format!(
        "{{\"symbol\":\"S{}\",\"ts\":\"2026-01-02T03:04:05Z\",\"open\":1,\"high\":1,\"low\":1,\"close\":1,\
         \"volume\":{n}}}",
        n % SYMBOLS
    )
    .into_bytes()
}

/// `count` records without keys, dealt over the partitions.
async fn fill(topic: &dyn Topic, from: u64, count: u64) {
    let mut by_partition: BTreeMap<u32, Vec<NewRecord>> = BTreeMap::new();
    for n in from..from + count {
        // A symbol stays in one partition, as far as order is to be tested.
        let partition = (n % SYMBOLS % u64::from(topic.partitions())) as u32;
        by_partition.entry(partition).or_default().push(NewRecord { key: None, value: value(n) });
    }
    for (partition, records) in by_partition {
        topic.append(partition, records).await.unwrap();
    }
}

/// What is in the target, by key, in its order.
async fn held(target: &dyn Topic) -> BTreeMap<Option<String>, Vec<Vec<u8>>> {
    let mut held: BTreeMap<Option<String>, Vec<Vec<u8>>> = BTreeMap::new();
    for partition in 0..target.partitions() {
        for (_, key, value) in read_all(target, partition).await {
            let placed = partition_of(key.as_deref().unwrap_or(&value), target.partitions());
            assert_eq!(placed, partition, "{:?}", String::from_utf8_lossy(&value));
            held.entry(key.map(|k| String::from_utf8(k).unwrap())).or_default().push(value);
        }
    }
    held
}

/// Every record once, under its key, each symbol in its order.
fn assert_whole(held: &BTreeMap<Option<String>, Vec<Vec<u8>>>, count: u64) {
    let mut wanted: BTreeMap<Option<String>, Vec<Vec<u8>>> = BTreeMap::new();
    for n in 0..count {
        let key = (n % 7 != 3).then(|| format!("S{}", n % SYMBOLS));
        wanted.entry(key).or_default().push(value(n));
    }
    for (key, wanted) in wanted {
        let mut found = held.get(&key).cloned().unwrap_or_default();
        let (all, different) = (found.len(), found.iter().collect::<BTreeSet<_>>().len());
        assert_eq!((all, different), (wanted.len(), wanted.len()), "{key:?}: records, different ones");
        let mut wanted = wanted;
        if key.is_none() {
            found.sort();
            wanted.sort();
        }
        assert_eq!(found, wanted, "{key:?}");
    }
}

fn start(kafka: &KafkaSettings, name: &str, from: &str, to: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["rekey::child_that_copies_until_it_is_killed", "--exact", "--nocapture"])
        .env(CHILD, [&kafka.bootstrap, &kafka.pipeline, name, from, to].join("|"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Not a test of its own: the role as a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_copies_until_it_is_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let told: Vec<&str> = told.split('|').collect();
    let [bootstrap, pipeline, name, from, to] = told[..] else { panic!("{told:?}") };
    let kafka = KafkaSettings { client_id: name.into(), ..KafkaSettings::new(bootstrap, pipeline) };
    run(kafka, from, to, false, Shutdown::new()).await.unwrap();
}

async fn run(
    kafka: KafkaSettings,
    from: &str,
    to: &str,
    skip_gaps: bool,
    shutdown: Shutdown,
) -> Result<rekey::Progress, rekey::RekeyError> {
    let log = Arc::new(KafkaLog::connect(kafka.clone()).await.unwrap());
    let settings = rekey::Settings { kafka, from: from.into(), to: to.into(), skip_gaps };
    rekey::run(settings, rekey::Components { log, progress: Arc::new(|_| {}) }, shutdown).await
}

async fn written(target: &dyn Topic) -> u64 {
    let mut all = 0;
    for p in 0..target.partitions() {
        all += target.bounds(p).await.unwrap().high;
    }
    all
}

/// The process is killed again and again while it copies; the last one finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_copy_is_whole_in_the_end() {
    let kafka = settings().await;
    let log = KafkaLog::connect(kafka.clone()).await.unwrap();
    let (source, target) = (topic(&log, 4).await, topic(&log, 3).await);
    let (each, kills) =
        if std::env::var_os("STOCKPIPE_LONG").is_some() { (200_000, 10) } else { (10_000, 3) };
    let mut count = 0;
    for _ in 0..kills {
        fill(&*source, count, each).await;
        count += each;
        let before = written(&*target).await;
        let child = start(&kafka, "pod-0", source.name(), target.name());
        eventually("something is copied", || async { (written(&*target).await > before).then_some(()) })
            .await;
        end(child);
    }
    let child = start(&kafka, "pod-0", source.name(), target.name());
    eventually("everything is copied", || async {
        let all: usize = held(&*target).await.values().map(Vec::len).sum();
        (all as u64 >= count).then_some(())
    })
    .await;
    end(child);
    assert_whole(&held(&*target).await, count);
}

/// Two processes share the source; one goes; the other finishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copiers_share_and_one_takes_over() {
    let kafka = settings().await;
    let log = KafkaLog::connect(kafka.clone()).await.unwrap();
    let (source, target) = (topic(&log, 4).await, topic(&log, 3).await);
    let one = start(&kafka, "pod-0", source.name(), target.name());
    let mut count = 0;
    let mut two = None;
    for round in 0..6 {
        fill(&*source, count, 2_000).await;
        count += 2_000;
        eventually("it goes on", || async {
            let all: usize = held(&*target).await.values().map(Vec::len).sum();
            (all as u64 + 2_000 > count).then_some(())
        })
        .await;
        match round {
            1 => two = Some(start(&kafka, "pod-1", source.name(), target.name())),
            4 => two.take().into_iter().for_each(end),
            _ => {}
        }
    }
    eventually("everything is copied", || async {
        let all: usize = held(&*target).await.values().map(Vec::len).sum();
        (all as u64 >= count).then_some(())
    })
    .await;
    end(one);
    assert_whole(&held(&*target).await, count);
}

/// An orderly end is an end; going on is going on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_the_role_between_two_transactions() {
    let kafka = settings().await;
    let log = KafkaLog::connect(kafka.clone()).await.unwrap();
    let (source, target) = (topic(&log, 2).await, topic(&log, 2).await);
    let mut count = 0;
    for _ in 0..2 {
        fill(&*source, count, 500).await;
        count += 500;
        let shutdown = Shutdown::new();
        let role = tokio::spawn({
            let (kafka, shutdown) = (kafka.clone(), shutdown.clone());
            let (from, to) = (source.name().to_owned(), target.name().to_owned());
            async move { run(kafka, &from, &to, false, shutdown).await }
        });
        eventually("everything is copied", || async {
            let all: usize = held(&*target).await.values().map(Vec::len).sum();
            (all as u64 >= count).then_some(())
        })
        .await;
        shutdown.drain();
        let done = role.await.unwrap().unwrap();
        assert_eq!((done.records, done.skipped), (500, 0));
    }
    assert_whole(&held(&*target).await, count);
}

/// Records that retention took unread are an error, or counted; never a silent jump.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_is_said_or_counted() {
    let kafka = settings().await;
    let log = KafkaLog::connect(kafka.clone()).await.unwrap();
    let (source, target) = (topic(&log, 1).await, topic(&log, 1).await);
    let copy = |skip, shutdown| run(kafka.clone(), source.name(), target.name(), skip, shutdown);
    let until = |least: usize, shutdown: Shutdown| {
        let target = target.clone();
        tokio::spawn(async move {
            eventually("records are copied", || async {
                let all: usize = held(&*target).await.values().map(Vec::len).sum();
                (all >= least).then_some(())
            })
            .await;
            shutdown.drain();
        })
    };
    fill(&*source, 0, 100).await;
    let shutdown = Shutdown::new();
    let watch = until(100, shutdown.clone());
    copy(false, shutdown).await.unwrap();
    watch.await.unwrap();

    fill(&*source, 100, 100).await;
    let admin: AdminClient<DefaultClientContext> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create().unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(source.name(), 0, Offset::Offset(150)).unwrap();
    admin.delete_records(&before, &AdminOptions::new()).await.unwrap();

    let stopped = tokio::time::timeout(Duration::from_secs(30), copy(false, Shutdown::new())).await;
    let error = stopped.expect("it neither went on nor stopped").unwrap_err();
    let rekey::RekeyError::Log { error: LogError::OffsetOutOfRange { offset: 100, low: 150, .. }, .. } =
        error
    else {
        panic!("{error}")
    };
    let shutdown = Shutdown::new();
    let watch = until(150, shutdown.clone());
    let done = copy(true, shutdown).await.unwrap();
    watch.await.unwrap();
    assert_eq!((done.records, done.skipped), (50, 50));
}
