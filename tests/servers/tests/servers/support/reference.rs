//! What an undisturbed run over the records of a topic gives: the same role, in this process, on stores in memory.
//!
//! The records are read by a plain consumer, not by the adapter under test, and put into the memory log under the same
//! partition, offset and record time.

use feature_store::MemoryStore;
use ingest::{Components, Settings, Status, dump};
use lake::MemoryLake;
use market::{NewRecord, Span};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use runtime::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tick_log::{Log, MemoryLog, StaticOwnership};
use windowing::{Dedup, Semantics, WindowSpec};

const LIMIT: Duration = Duration::from_secs(180);

/// The records of a topic, and what they come to.
pub struct Reference {
    /// Records of each partition.
    pub ends: Vec<u64>,
    /// The canonical dump.
    pub lines: Vec<String>,
}

/// What the scenarios' manifest says, as the machine takes it.
pub fn semantics(partitions: u32) -> Semantics {
    let window = |name: &str, size, slide| WindowSpec {
        name: name.into(),
        size: Span::from_secs(size),
        slide: Span::from_secs(slide),
    };
    Semantics {
        tick_span: None,
        watermark: Span::from_secs(5),
        max_future: Span::from_secs(10),
        dedup: Dedup::default(),
        allow_ohlc_disorder: false,
        max_symbols: 1_000,
        partitions,
        windows: vec![window("sma_5", 15, 5), window("sma_20", 60, 15)],
        bars: vec![Span::from_secs(5), Span::from_secs(60)],
        indicators: vec!["sma_5".into(), "rsi_14".into()],
        calendar: indicators::Calendar::ByBar,
        keyed: true,
    }
}

impl Reference {
    /// Reads the topic and computes.
    pub async fn of(bootstrap: &str, topic: &str, semantics: Semantics) -> Reference {
        let (bootstrap, name, partitions) = (bootstrap.to_owned(), topic.to_owned(), semantics.partitions);
        let read = move || (0..partitions).map(|p| read(&bootstrap, &name, p)).collect::<Vec<_>>();
        let records = tokio::task::spawn_blocking(read).await.expect("reading the topic");
        let ends = records.iter().map(|records| records.len() as u64).collect();

        let clock = Arc::new(AtomicI64::new(0));
        let now = clock.clone();
        let log = MemoryLog::with_clock(Arc::new(move || now.load(Ordering::Relaxed)));
        let mut settings = Settings::new("reference", Arc::new(semantics));
        let ticks = log.create_topic(&settings.ticks_topic, partitions, None).await.expect("ticks");
        log.create_topic(&settings.features_topic, 1, None).await.expect("features");
        for (partition, records) in (0..).zip(records) {
            for group in records.chunk_by(|one, next| one.0 == next.0) {
                clock.store(group[0].0, Ordering::Relaxed);
                let group = group.iter().map(|(_, record)| record.clone()).collect();
                ticks.append(partition, group).await.expect("the memory log takes records");
            }
        }
        clock.fetch_max(tick_log::system_clock()(), Ordering::Relaxed);

        let (lake, store) = (Arc::new(MemoryLake::new()), Arc::new(MemoryStore::new()));
        let (status, shutdown) = (Arc::new(Status::new()), Shutdown::new());
        settings.budget_bytes = 1 << 30;
        let components = Components {
            log: Arc::new(log.clone()),
            ownership: Arc::new(StaticOwnership::new(0..partitions)),
            lake: lake.clone(),
            store: store.clone(),
            metrics: runtime::Metrics::new(),
            status: status.clone(),
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            entropy: ingest::system_entropy(),
        };
        let worker = tokio::spawn(ingest::run(settings, components, shutdown.clone()));
        let ends: Vec<u64> = ends;
        let began = Instant::now();
        while !worker.is_finished() {
            let seen = status.partitions();
            if seen.len() == ends.len() && seen.iter().all(|p| p.offset == ends[p.partition as usize]) {
                break;
            }
            assert!(began.elapsed() < LIMIT, "the reference is not done: {seen:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shutdown.drain();
        worker.await.expect("the reference").expect("the reference runs undisturbed");
        let dump = dump::canonical(&*lake, "", &*store).await.expect("a dump");
        let mut lines: Vec<String> = dump.raw;
        lines.extend(dump.dead);
        lines.extend(dump.rows);
        Reference { ends, lines }
    }
}

struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}
impl ConsumerContext for Quiet {}

/// How many records each partition of a topic holds.
pub async fn ends(bootstrap: &str, topic: &str, partitions: u32) -> Vec<u64> {
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.to_owned());
    let ends = move || {
        let consumer = consumer(&bootstrap);
        let end = |p: u32| watermarks(&consumer, &topic, p as i32).1 as u64;
        (0..partitions).map(end).collect()
    };
    tokio::task::spawn_blocking(ends).await.expect("asking the broker")
}

fn consumer(bootstrap: &str) -> BaseConsumer<Quiet> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "reference")
        .set("enable.auto.commit", "false");
    config.create_with_context(Quiet).expect("a consumer")
}

/// A broker that has just come back leads its partitions a little later.
fn watermarks(consumer: &BaseConsumer<Quiet>, topic: &str, partition: i32) -> (i64, i64) {
    let began = Instant::now();
    loop {
        match consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)) {
            Ok(found) => return found,
            Err(error) => assert!(began.elapsed() < LIMIT, "{topic}/{partition}: {error}"),
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn read(bootstrap: &str, topic: &str, partition: u32) -> Vec<(i64, NewRecord)> {
    let consumer = consumer(bootstrap);
    let partition = partition as i32;
    let (low, high) = watermarks(&consumer, topic, partition);
    assert_eq!(low, 0, "nothing was dropped from {topic}");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(0)).expect("an offset");
    consumer.assign(&list).expect("an assignment");
    let (mut records, began) = (Vec::new(), Instant::now());
    while (records.len() as i64) < high {
        assert!(began.elapsed() < LIMIT, "{topic}/{partition}: {} of {high} records read", records.len());
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        assert_eq!(message.offset(), records.len() as i64, "offsets without gaps");
        let record = NewRecord {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().unwrap_or_default().to_vec(),
        };
        records.push((message.timestamp().to_millis().expect("a record time"), record));
    }
    records
}
