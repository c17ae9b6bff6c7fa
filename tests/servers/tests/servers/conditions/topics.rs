//! The topic is not what it should be, from the start or all at once.

use commitlog::{Gap, Kind, Layout, LogName};
use ingest::{OnGap, accept_topic};
use lake::{Lake, history};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication},
    producer::{BaseProducer, BaseRecord, Producer},
};
use servers::shared;

use super::{
    lines,
    world::{PARTITIONS, SEEN, World, patient},
};
use crate::support::Load;

/// Retention takes records that were never read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_overtakes_the_worker() {
    let mut world = World::new(shared().await, "overtaken").await;
    world.send(0, 2_000).await;
    let worker = world.start();
    let first = world.ends().await;
    worker.has_committed(&first, SEEN).await;
    worker.ends().await.expect("a drain");
    world.send(2_000, 4_000).await;
    let low: Vec<u64> = first.iter().map(|end| end + 100).collect();
    let mut list = TopicPartitionList::new();
    for (p, low) in (0..).zip(&low) {
        list.add_partition_offset(&world.topic, p, Offset::Offset(*low as i64)).expect("an offset");
    }
    world.admin.delete_records(&list, &patient()).await.expect("records go");

    let worker = world.start();
    let said = worker.says("Gap").await;
    // Whichever partition comes to its gap first.
    let gap = first.iter().zip(&low).any(|(from, to)| said.contains(&format!("{from}..{to}")));
    assert!(said.contains("source.onGap") && gap, "{said}");
    worker.stands_still().await;
    assert_eq!(worker.kinds(), ["Gap"]);
    worker.ends().await.expect("a drain");

    world.settings.on_gap = OnGap::Record;
    let worker = world.start();
    worker.has_committed(&world.ends().await, SEEN).await;
    assert!(worker.kinds().is_empty(), "{:?}", worker.status.conditions());
    worker.ends().await.expect("a drain");
    for (p, (from, to)) in (0..).zip(first.into_iter().zip(low)) {
        assert_eq!(gaps(&*world.lake, p).await, [Gap { from, to }]);
    }
}

async fn gaps(lake: &dyn Lake, p: u32) -> Vec<Gap> {
    let layout = Layout::new("");
    let mut gaps = Vec::new();
    for entry in lake.list(&layout.log(p)).await.expect("the log") {
        if let Some(LogName::Commit(_)) = layout.parse_log(p, &entry.path) {
            let bytes = lake.read(&entry.path).await.expect("a record");
            let commit = commitlog::Commit::decode(&entry.path, &bytes).expect("a record");
            gaps.extend(commit.gap.filter(|_| commit.kind == Kind::Gap));
        }
    }
    gaps
}

/// The topic is deleted and made again under a running worker, with more records than it held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_made_again() {
    let world = World::new(shared().await, "again").await;
    world.send(0, 1_000).await;
    let worker = world.start();
    let first = world.ends().await;
    worker.has_committed(&first, SEEN).await;
    let before = lines::count();
    world.make_again().await;
    world.send(0, 3_000).await;
    let said = worker.says("LogDiverged").await;
    assert!(said.contains("stockpipe accept-topic"), "{said}");
    worker.stands_still().await;
    let heads = history::commits(&*world.lake, "").await.expect("commits");
    assert!(heads.iter().all(|h| h.end == first[h.partition as usize]), "nothing of the new topic is stored");

    let accepted = accept_topic(world.settings.clone(), world.components(), None).await.expect("accepted");
    assert!(accepted.iter().all(|a| a.generation == 2 && a.next_offset == 0), "{accepted:?}");
    worker.has_committed(&world.ends().await, SEEN).await;
    assert!(worker.kinds().is_empty(), "{:?}", worker.status.conditions());
    lines::assert_few(before, &world.topic);
    worker.ends().await.expect("a drain");
    let raw = history::raw(&*world.lake, "").await.expect("raw rows");
    let dead = history::dead(&*world.lake, "").await.expect("dead letters");
    let stored = raw.iter().map(|r| r.generation).chain(dead.iter().map(|r| r.generation));
    let by = |generation: u32| stored.clone().filter(|g| *g == generation).count();
    assert_eq!((by(1), by(2)), (1_000, 3_000), "each generation once");
}

/// A worker that was away while the topic was made again finds out at its start, however many records there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_was_made_again_meanwhile() {
    let world = World::new(shared().await, "meanwhile").await;
    world.send(0, 1_000).await;
    let worker = world.start();
    worker.has_committed(&world.ends().await, SEEN).await;
    worker.ends().await.expect("a drain");
    world.make_again().await;
    world.send(0, 3_000).await;
    let worker = world.start();
    let said = worker.says("LogDiverged").await;
    assert!(said.contains("re-created"), "{said}");
    // A partition that was still being looked at says the same as its end.
    if let Err(error) = worker.ends().await {
        assert!(error.to_string().contains("re-created"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_added() {
    let world = World::new(shared().await, "grown").await;
    world.send(0, 1_000).await;
    let worker = world.start();
    worker.has_committed(&world.ends().await, SEEN).await;
    let before = lines::count();
    let more = NewPartitions::new(&world.topic, 4);
    world.admin.create_partitions(&[more], &patient()).await.expect("more partitions");
    let said = worker.says("PartitionsChanged").await;
    assert!(said.contains("has 4 partitions, the pipeline 2"), "{said}");
    worker.stands_still().await;
    lines::assert_few(before, &world.topic);
    worker.ends().await.expect("a drain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_compacted_until_it_is_not() {
    let world = World::new(shared().await, "compacted").await;
    world.send(0, 500).await;
    set(&world, "cleanup.policy", "compact").await;
    let worker = world.start();
    let said = worker.says("Compacted").await;
    assert!(said.contains("cleanup.policy"), "{said}");
    worker.stands_still().await;
    assert!(history::commits(&*world.lake, "").await.expect("commits").is_empty(), "nothing is claimed");
    set(&world, "cleanup.policy", "delete").await;
    worker.has_committed(&world.ends().await, SEEN).await;
    assert!(worker.kinds().is_empty(), "{:?}", worker.status.conditions());
    worker.ends().await.expect("a drain");
}

async fn set(world: &World, key: &str, value: &str) {
    // What is not named goes back to its default.
    let change = AlterConfig::new(ResourceSpecifier::Topic(&world.topic))
        .set("message.timestamp.type", "LogAppendTime")
        .set(key, value);
    for result in world.admin.alter_configs(&[change], &patient()).await.expect("a change") {
        result.expect("a changed topic");
    }
}

/// Record times of producers: worked on, and said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producers_time_the_records() {
    let mut world = World::new(shared().await, "timed").await;
    let own = format!("{}-own", world.topic);
    let topic = NewTopic::new(&own, PARTITIONS as i32, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "CreateTime");
    for result in world.admin.create_topics(&[topic], &patient()).await.expect("a topic") {
        result.expect("a topic");
    }
    (world.settings.ticks_topic, world.topic) = (own.clone(), own);
    let worker = world.start();
    let said = worker.says("TimestampsUntrusted").await;
    assert!(said.contains("LogAppendTime"), "{said}");
    world.send(0, 500).await;
    worker.has_committed(&world.ends().await, SEEN).await;
    assert_eq!(worker.kinds(), ["TimestampsUntrusted"]);
    assert!(worker.status.is_ready(), "it works on");
    worker.ends().await.expect("a drain");
}

/// A producer with a partitioner of its own: one symbol in two partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producers_disagree_about_partitions() {
    let world = World::new(shared().await, "disagree").await;
    world.send(0, 500).await;
    let worker = world.start();
    worker.has_committed(&world.ends().await, SEEN).await;
    assert!(worker.kinds().is_empty(), "{:?}", worker.status.conditions());
    let producer: BaseProducer = rdkafka::config::ClientConfig::new()
        .set("bootstrap.servers", &world.bootstrap)
        .create()
        .expect("a producer");
    let (key, value) =
        (500..).map(|n| Load::default().record(n)).find(|(_, v)| v.contains("volume")).expect("a tick");
    for p in 0..PARTITIONS as i32 {
        let record = BaseRecord::to(&world.topic).partition(p).key(&key).payload(&value);
        producer.send(record).map_err(|(e, _)| e).expect("a record");
    }
    let sent = tokio::task::spawn_blocking(move || producer.flush(SEEN)).await.expect("no panic");
    sent.expect("acknowledged");
    let said = worker.says("KeyingViolations").await;
    assert!(said.contains(&key) && said.contains("partitions"), "{said}");
    worker.has_committed(&world.ends().await, SEEN).await;
    assert!(
        worker.metrics.text().contains("stockpipe_misplaced_symbols_total 1"),
        "{}",
        worker.metrics.text()
    );
    worker.ends().await.expect("a drain");
}
