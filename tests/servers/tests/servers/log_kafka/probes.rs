//! What is assumed about Kafka itself, each with a probe: were one of these to change, the log would have to.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    ClientConfig, Message, Offset, Timestamp, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};
use tick_log::{Log, LogError, conformance::record, kafka::KafkaSettings, partition_of};

use super::{PATIENCE, eventually, log, settings, topic};

pub(crate) fn client(settings: &KafkaSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap).set("group.id", &settings.pipeline);
    config
}

pub(crate) fn admin(settings: &KafkaSettings) -> AdminClient<DefaultClientContext> {
    client(settings).remove("group.id").create().unwrap()
}

/// Keys that a Kafka client places by itself lie where we look for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_lie_where_kafka_clients_put_them() {
    let settings = settings().await;
    let log = tick_log::kafka::KafkaLog::connect(settings.clone()).await.unwrap();
    let topic = topic(&log, 7).await;
    let keys: Vec<String> = (0..200).map(|i| format!("SYM{}", i * 37)).collect();
    let producer: BaseProducer =
        client(&settings).remove("group.id").set("partitioner", "murmur2_random").create().unwrap();
    for key in &keys {
        producer.send(BaseRecord::to(topic.name()).key(key).payload("x")).map_err(|(e, _)| e).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let mut placed = BTreeMap::new();
    for partition in 0..7 {
        for (_, key, _) in tick_log::conformance::read_all(&*topic, partition).await {
            placed.insert(String::from_utf8(key.unwrap()).unwrap(), partition);
        }
    }
    assert_eq!(placed.len(), keys.len());
    let crc = |key: &String| partition_of(key.as_bytes(), 7) == placed[key];
    assert!(keys.iter().all(crc), "{placed:?}");
}

/// Record times are the broker's, whatever the writer says; a topic with the writer's times is told apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_times_are_the_brokers() {
    let settings = settings().await;
    let log = tick_log::kafka::KafkaLog::connect(settings.clone()).await.unwrap();
    let ours = topic(&log, 1).await;
    let producer: BaseProducer = client(&settings).remove("group.id").create().unwrap();
    let lie = BaseRecord::to(ours.name()).key("A").payload("x").timestamp(1_000);
    producer.send(lie).map_err(|(e, _)| e).unwrap();
    producer.flush(PATIENCE).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let batch = ours.read(0, 0, 1_000, PATIENCE).await.unwrap();
    let record_ms = batch.get(0).unwrap().record_ms;
    assert!((now - record_ms).abs() < 120_000, "{record_ms} against {now}");

    let facts = log.facts(ours.name()).await.unwrap();
    assert!(facts.log_append_time && !facts.compacted, "{facts:?}");
    let theirs = servers::unique("b-create-time");
    let new = NewTopic::new(&theirs, 1, TopicReplication::Fixed(1))
        .set("message.timestamp.type", "CreateTime")
        .set("cleanup.policy", "compact,delete")
        .set("retention.ms", "3600000");
    admin(&settings).create_topics([&new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let facts = eventually("the topic's facts", || async { log.facts(&theirs).await.ok() }).await;
    assert!(!facts.log_append_time && facts.compacted, "{facts:?}");
    assert_eq!((facts.partitions, facts.replication_factor, facts.retention_ms), (1, 1, Some(3_600_000)));

    log.stamp_at_append(&theirs).await.unwrap();
    let facts = log.facts(&theirs).await.unwrap();
    assert!(facts.log_append_time && facts.compacted, "one setting changed, the others stay: {facts:?}");
    assert_eq!(facts.retention_ms, Some(3_600_000));
}

/// Where records were deleted below a reader, it is told the first offset that is left; beyond the end likewise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_records_are_out_of_range() {
    let settings = settings().await;
    let log = tick_log::kafka::KafkaLog::connect(settings.clone()).await.unwrap();
    let topic = topic(&log, 1).await;
    topic.append(0, (0..100_u8).map(|i| record("A", [i])).collect()).await.unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic.name(), 0, Offset::Offset(40)).unwrap();
    admin(&settings).delete_records(&before, &AdminOptions::new()).await.unwrap();
    let error = topic.read(0, 10, 1_000, PATIENCE).await.unwrap_err();
    let LogError::OffsetOutOfRange { offset: 10, low: 40, high: 100, .. } = error else { panic!("{error}") };
    assert_eq!(topic.read(0, 40, 1_000, PATIENCE).await.unwrap().get(0).unwrap().offset, 40);
    let error = topic.read(0, 101, 1_000, PATIENCE).await.unwrap_err();
    assert!(matches!(error, LogError::OffsetOutOfRange { offset: 101, .. }), "{error}");
}

/// A reader that stands in the middle is overtaken, too: the client says so, and does not go elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_reader_is_overtaken_by_deletion() {
    let settings = settings().await;
    let log = tick_log::kafka::KafkaLog::connect(settings.clone()).await.unwrap();
    let topic = topic(&log, 1).await;
    topic.append(0, vec![record("A", "0"), record("A", "1")]).await.unwrap();
    let config =
        client(&settings).set("auto.offset.reset", "error").set("enable.auto.commit", "false").clone();
    let consumer: BaseConsumer = config.create().unwrap();
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(topic.name(), 0, Offset::Offset(50)).unwrap();
    consumer.incremental_assign(&at).unwrap();
    let seen = eventually("the client's complaint", || async {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Err(error)) => Some(format!("{error:?}")),
            Some(Ok(message)) => panic!("went to {}", message.offset()),
            None => None,
        }
    })
    .await;
    assert!(seen.contains("AutoOffsetReset") || seen.contains("offset reset"), "{seen}");
}

/// A topic that is deleted and made again has another id: handles of the old one say so and read nothing of the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_made_again_is_another_one() {
    let settings = settings().await;
    let log = tick_log::kafka::KafkaLog::connect(settings.clone()).await.unwrap();
    let old = topic(&log, 1).await;
    old.append(0, (0..10_u8).map(|i| record("A", [i])).collect()).await.unwrap();
    assert_eq!(old.read(0, 0, 10_000, PATIENCE).await.unwrap().len(), 10);
    old.verify().await.unwrap();

    // By somebody else, and with more records than the old one had.
    let other = tick_log::kafka::KafkaLog::connect(settings).await.unwrap();
    other.delete_topic(old.name()).await.unwrap();
    let new = other.create_topic(old.name(), 1, None).await.unwrap();
    new.append(0, (0..50_u8).map(|i| record("B", [i])).collect()).await.unwrap();
    assert_ne!(new.id(), old.id());
    let error = old.verify().await.unwrap_err();
    assert!(matches!(error, LogError::Recreated { .. }), "{error}");
    let error = old.read(0, 10, 10_000, Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(error, LogError::Recreated { .. }), "{error}");
    assert_eq!(new.read(0, 0, 10_000, PATIENCE).await.unwrap().len(), 50);
}

/// Without anybody asking, a handle notices within seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_handle_notices_that_its_topic_went() {
    let settings = settings().await;
    let log = tick_log::kafka::KafkaLog::connect(settings.clone()).await.unwrap();
    let old = topic(&log, 1).await;
    let reader = tokio::spawn({
        let old = old.clone();
        async move { old.read(0, 0, 10_000, PATIENCE).await.map(drop) }
    });
    let other = tick_log::kafka::KafkaLog::connect(settings).await.unwrap();
    other.delete_topic(old.name()).await.unwrap();
    other.create_topic(old.name(), 1, None).await.unwrap();
    let error = reader.await.unwrap().unwrap_err();
    // It may have looked while there was none.
    assert!(matches!(error, LogError::Recreated { .. } | LogError::UnknownTopic { .. }), "{error}");
}

/// Kafka's clients see a record of a CreateTime topic with the writer's time, of ours with the broker's: the sort is
/// part of the record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sort_of_time_is_part_of_a_record() {
    let settings = settings().await;
    let log = log().await;
    let topic = topic(&log, 1).await;
    topic.append(0, vec![record("A", "1")]).await.unwrap();
    let consumer: BaseConsumer = client(&settings).create().unwrap();
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(topic.name(), 0, Offset::Beginning).unwrap();
    consumer.incremental_assign(&at).unwrap();
    let time = eventually("the record", || async {
        consumer.poll(Duration::from_millis(50)).and_then(Result::ok).map(|m| m.timestamp())
    })
    .await;
    assert!(matches!(time, Timestamp::LogAppendTime(_)), "{time:?}");
}

/// What a lag tool reads: the offsets committed for the pipeline's group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_seen_by_lag_tools() {
    let log = log().await;
    let topic = topic(&log, 3).await;
    assert_eq!(log.committed(topic.name()).await.unwrap(), [None, None, None]);
    topic.commit_progress(1, 17);
    eventually("the committed offset", || async {
        (log.committed(topic.name()).await.unwrap() == [None, Some(17), None]).then_some(())
    })
    .await;
}
