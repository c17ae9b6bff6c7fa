//! Reading: markers, seeks, several partitions, a bound on memory, release.

use std::{collections::BTreeSet, time::Duration};

use market::RecordBatch;
use tick_log::{Bounds, Log, LogError, Topic, conformance::record, kafka::KafkaLog, kafka::KafkaSettings};

use super::{PATIENCE, log, settings, topic};

async fn drain(topic: &dyn Topic, partition: u32, mut at: u64, to: u64) -> (Vec<u64>, u64) {
    let mut offsets = Vec::new();
    while at < to {
        let batch = topic.read(partition, at, 1 << 20, PATIENCE).await.unwrap();
        assert!(batch.next_offset > at, "stands still at {at} of {to}");
        offsets.extend(batch.iter().map(|r| r.offset));
        at = batch.next_offset;
    }
    (offsets, at)
}

/// Transactions leave markers: a reader passes them, and stands at the end afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_passes_markers_at_the_end() {
    let log = log().await;
    let topic = topic(&log, 1).await;
    for i in 0..3_u8 {
        let appended =
            topic.append_with_note(0, vec![record("A", [i]), record("A", [i])], "n", vec![i]).await.unwrap();
        assert_eq!(appended.last_offset, appended.first_offset + 1);
    }
    // The coordinator answers a commit before the marker stands.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut bounds = topic.bounds(0).await.unwrap();
    while bounds.high < 9 && tokio::time::Instant::now() < deadline {
        bounds = topic.bounds(0).await.unwrap();
    }
    let Bounds { low, high } = bounds;
    assert_eq!((low, high), (0, 9), "two records and a marker each");
    let (offsets, at) = drain(&*topic, 0, 0, high).await;
    assert_eq!((offsets, at), (vec![0, 1, 3, 4, 6, 7], 9));
    // From the marker itself on: a batch without records that leads behind it.
    let batch = topic.read(0, 8, 1_000, PATIENCE).await.unwrap();
    assert_eq!((batch.len(), batch.next_offset), (0, 9));
    assert!(topic.read(0, 9, 1_000, Duration::ZERO).await.unwrap().is_empty());
    topic.append(0, vec![record("A", "last")]).await.unwrap();
    assert_eq!(topic.read(0, 9, 1_000, PATIENCE).await.unwrap().get(0).unwrap().offset, 9);
}

/// Two handles do not disturb each other; one handle goes back and forth as it is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_start_anywhere_and_again() {
    let log = log().await;
    let topic = topic(&log, 2).await;
    for p in 0..2 {
        for chunk in 0..10_u32 {
            let records = (0..500).map(|i| record("A", (chunk * 500 + i).to_le_bytes())).collect();
            topic.append(p, records).await.unwrap();
        }
    }
    let other = log.topic(topic.name()).await.unwrap();
    for (n, from) in [0_u64, 4_000, 1, 4_999, 2_500, 2_501, 0].into_iter().enumerate() {
        let p = (n % 2) as u32;
        let (offsets, _) = drain(&*topic, p, from, 5_000).await;
        assert_eq!(offsets, (from..5_000).collect::<Vec<_>>());
        let batch = other.read(p, from, 1 << 20, PATIENCE).await.unwrap();
        let first = batch.iter().next().unwrap();
        assert_eq!((first.offset, first.value), (from, (from as u32).to_le_bytes().as_slice()));
    }
}

/// Positions change under load a thousand times: the first record is always the one asked for, and none of another
/// partition or an earlier position comes in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_partition_gives_nothing_of_before() {
    let log = log().await;
    let topic = topic(&log, 4).await;
    for p in 0..4_u32 {
        for chunk in 0..5_u32 {
            let value = |i: u32| [p.to_le_bytes(), (chunk * 1_000 + i).to_le_bytes()].concat();
            topic.append(p, (0..1_000).map(|i| record("A", value(i))).collect()).await.unwrap();
        }
    }
    let rounds = if std::env::var_os("STOCKPIPE_LONG").is_some() { 20_000 } else { 600 };
    let mut seed = 7_u64;
    for _ in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (p, from) = ((seed >> 33) as u32 % 4, (seed >> 40) % 5_000);
        if seed >> 60 == 0 {
            topic.release(p);
        }
        let batch = topic.read(p, from, 1 << 20, PATIENCE).await.unwrap();
        assert_eq!(batch.get(0).unwrap().offset, from);
        for (record, offset) in batch.iter().zip(from..) {
            assert_eq!(record.offset, offset);
            assert_eq!(record.value, [p.to_le_bytes(), (offset as u32).to_le_bytes()].concat());
        }
    }
}

/// The client's batch call counts the end of a partition as a record: paused there, it goes on one too far, and a record
/// that was written meanwhile never comes. A worker that caught up beside a slow lake lost one of two million so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_at_the_end_loses_nothing() {
    const PAUSED: u32 = 6;
    const FULL: u32 = 6;
    const STARVING: u32 = 7;
    const EMPTY: u32 = 8;
    let value = |p: u32, i: u64| -> Vec<u8> {
        // Not compressible, so that bytes are bytes.
        (0..110_000_u64)
            .map(|b| (b.wrapping_mul(2_654_435_761).wrapping_add(i * 64 + u64::from(p)) >> 13) as u8)
            .collect()
    };
    let settings = KafkaSettings { fetch_bytes: 2 << 20, ..settings().await };
    let log = KafkaLog::connect(settings).await.unwrap();
    let topic = topic(&log, EMPTY + 1).await;
    for p in 0..=STARVING {
        for i in 0..if p < PAUSED { 2 } else { 10 } {
            topic.append(p, vec![record("A", value(p, i))]).await.unwrap();
        }
    }
    // One record of each waits, and together they leave a little room: so their ends are told, too.
    let first = (0..PAUSED).map(|p| topic.read(p, 0, 1, PATIENCE));
    for batch in futures::future::join_all(first).await {
        assert_eq!(batch.unwrap().next_offset, 1);
    }
    // Nothing comes here: by then the ends have come.
    assert!(topic.read(EMPTY, 0, 1, Duration::from_secs(1)).await.unwrap().is_empty());
    // One partition fills the queues, another waits: whoever holds more than its share is paused.
    assert_eq!(topic.read(FULL, 0, 1, PATIENCE).await.unwrap().next_offset, 1);
    let (offsets, _) = drain(&*topic, STARVING, 0, 10).await;
    assert_eq!(offsets.len(), 10);
    for p in 0..PAUSED {
        assert_eq!(topic.append(p, vec![record("A", "late")]).await.unwrap().first_offset, 2);
    }
    let (offsets, _) = drain(&*topic, FULL, 1, 10).await;
    assert_eq!(offsets.len(), 9);
    for p in 0..PAUSED {
        assert_eq!(topic.read(p, 1, 1 << 20, PATIENCE).await.unwrap().get(0).map(|r| r.offset), Some(1));
        let late = topic.read(p, 2, 1 << 20, PATIENCE).await.unwrap();
        assert_eq!(late.get(0).map(|r| (r.offset, r.value)), Some((2, b"late".as_slice())), "partition {p}");
    }
}

/// A partition that nobody reads does not starve the others, and no more is held than was allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_not_read_starves_nobody() {
    const RECORDS: u64 = 40;
    let settings = KafkaSettings { fetch_bytes: 2 << 20, ..settings().await };
    let log = KafkaLog::connect(settings).await.unwrap();
    let topic = topic(&log, 3).await;
    for p in 0..3 {
        for i in 0..RECORDS {
            // Not compressible, so that bytes are bytes.
            let value: Vec<u8> = (0..200_000_u64)
                .map(|b| (b.wrapping_mul(2_654_435_761).wrapping_add(i) >> 13) as u8)
                .collect();
            topic.append(p, vec![record("A", value)]).await.unwrap();
        }
    }
    // Partition 0 is begun and left alone; its queue fills up.
    assert!(!topic.read(0, 0, 1, PATIENCE).await.unwrap().is_empty());
    for p in 1..3 {
        let (offsets, _) = drain(&*topic, p, 0, RECORDS).await;
        assert_eq!(offsets.len() as u64, RECORDS);
    }
    let (offsets, _) = drain(&*topic, 0, 1, RECORDS).await;
    assert_eq!(offsets, (1..RECORDS).collect::<Vec<_>>());
}

/// Two readers of one handle at different places both get on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_readers_of_one_handle_both_get_on() {
    let log = log().await;
    let topic = topic(&log, 1).await;
    topic.append(0, (0..2_000_u32).map(|i| record("A", i.to_le_bytes())).collect()).await.unwrap();
    let read = |from: u64| {
        let topic = topic.clone();
        tokio::spawn(async move {
            let mut seen = BTreeSet::new();
            let mut at = from;
            while at < 2_000 {
                let batch: RecordBatch = topic.read(0, at, 2_000, PATIENCE).await.unwrap();
                seen.extend(batch.iter().map(|r| r.offset));
                at = batch.next_offset;
            }
            seen.len() as u64
        })
    };
    let (one, two) = (read(0), read(1_500));
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (2_000, 500));
}

/// An error that a reader meets is a reader's, not the handle's: the next read goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_error_a_handle_goes_on() {
    let log = log().await;
    let topic = topic(&log, 1).await;
    topic.append(0, vec![record("A", "1")]).await.unwrap();
    assert!(matches!(topic.read(0, 5, 10, PATIENCE).await, Err(LogError::OffsetOutOfRange { .. })));
    assert_eq!(topic.read(0, 0, 10, PATIENCE).await.unwrap().len(), 1);
}
