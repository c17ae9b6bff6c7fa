//! The contract as functions. A new log = one file and one call of [`suite`].
//!
//! The functions panic where the contract is broken; they are for tests only.

use std::{sync::Arc, time::Duration};

use market::NewRecord;

use crate::{Bounds, Log, LogError, Topic};

const NO_WAIT: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(60);

/// Runs every case, each on a fresh, empty log.
pub async fn suite<F: Future<Output = Arc<dyn Log>>>(make: impl Fn() -> F) {
    appends_are_read_back_in_order(make().await).await;
    reads_are_bounded_and_start_anywhere(make().await).await;
    offsets_out_of_range_are_typed(make().await).await;
    a_reader_at_the_end_wakes_on_append(make().await).await;
    record_time_never_decreases(make().await).await;
    topics_are_created_once(make().await).await;
    notes_are_kept_and_travel_with_appends(make().await).await;
    many_writers_share_a_partition(make().await).await;
    hostile_sizes_are_refused(make().await).await;
}

/// A record with a key.
pub fn record(key: &str, value: impl Into<Vec<u8>>) -> NewRecord {
    NewRecord { key: Some(key.as_bytes().to_vec()), value: value.into() }
}

/// Everything a partition holds: (offset, key, value).
pub async fn read_all(topic: &dyn Topic, partition: u32) -> Vec<(u64, Option<Vec<u8>>, Vec<u8>)> {
    let Bounds { low, high } = topic.bounds(partition).await.unwrap();
    let (mut at, mut all) = (low, Vec::new());
    while at < high {
        let batch = topic.read(partition, at, 64 * 1024, NO_WAIT).await.unwrap();
        assert!(batch.next_offset > at, "nothing at {at}, below {high}");
        all.extend(batch.iter().map(|r| (r.offset, r.key.map(<[u8]>::to_vec), r.value.to_vec())));
        at = batch.next_offset;
    }
    all
}

async fn appends_are_read_back_in_order(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 2, None).await.unwrap();
    let none = topic.append(0, Vec::new()).await.unwrap();
    assert_eq!((none.first_offset, none.last_offset), (0, 0));
    let first =
        topic.append(0, vec![record("A", "1"), NewRecord { key: None, value: vec![] }]).await.unwrap();
    assert_eq!((first.first_offset, first.last_offset), (0, 1));
    let second = topic.append(0, vec![record("", "3")]).await.unwrap();
    assert_eq!((second.first_offset, second.last_offset), (2, 2));
    let wanted =
        vec![(0, Some(b"A".to_vec()), b"1".to_vec()), (1, None, vec![]), (2, Some(vec![]), b"3".to_vec())];
    assert_eq!(read_all(&*topic, 0).await, wanted);
    assert_eq!(read_all(&*topic, 1).await, vec![], "partitions are separate");
    assert_eq!(topic.bounds(0).await.unwrap(), Bounds { low: 0, high: 3 });
}

async fn reads_are_bounded_and_start_anywhere(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    for chunk in 0..10_u32 {
        let records = (0..100_u32).map(|i| record("K", (chunk * 100 + i).to_le_bytes().repeat(50))).collect();
        topic.append(0, records).await.unwrap();
    }
    for from in [0_u64, 1, 99, 100, 555, 950] {
        let batch = topic.read(0, from, 4_096, NO_WAIT).await.unwrap();
        assert!(batch.bytes() <= 4_096 && batch.len() > 1, "{} bytes", batch.bytes());
        for (record, offset) in batch.iter().zip(from..) {
            assert_eq!(record.offset, offset);
            assert_eq!(record.value[..4], (offset as u32).to_le_bytes());
        }
        let one = topic.read(0, from, 0, NO_WAIT).await.unwrap();
        assert_eq!((one.len(), one.next_offset), (1, from + 1), "at least one, whatever the limit");
    }
}

async fn offsets_out_of_range_are_typed(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    topic.append(0, vec![record("A", "1")]).await.unwrap();
    assert!(topic.read(0, 1, 100, NO_WAIT).await.unwrap().is_empty());
    let beyond = topic.read(0, 2, 100, LONG).await.unwrap_err();
    assert!(matches!(beyond, LogError::OffsetOutOfRange { offset: 2, low: 0, high: 1, .. }), "{beyond}");
    for unknown in [topic.bounds(1).await.map(drop), topic.append(1, vec![]).await.map(drop)] {
        assert!(matches!(unknown, Err(LogError::UnknownPartition { partition: 1, partitions: 1, .. })));
    }
}

async fn a_reader_at_the_end_wakes_on_append(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let topic = topic.clone();
            tokio::spawn(async move { topic.read(0, 0, 100, LONG).await.unwrap().len() })
        })
        .collect();
    tokio::task::yield_now().await;
    topic.append(0, vec![record("A", "1")]).await.unwrap();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
}

async fn record_time_never_decreases(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    let mut last = 0;
    for i in 0..5_u8 {
        let appended = topic.append(0, vec![record("A", [i])]).await.unwrap();
        assert!(appended.record_ms >= last);
        last = appended.record_ms;
    }
    assert_eq!(topic.offset_for_time(0, 0).await.unwrap(), 0);
    assert_eq!(topic.offset_for_time(0, last + 1).await.unwrap(), 5);
    let batch = topic.read(0, 0, 10_000, NO_WAIT).await.unwrap();
    for record in batch.iter() {
        let found = topic.offset_for_time(0, record.record_ms).await.unwrap();
        let first = batch.iter().find(|r| r.record_ms >= record.record_ms).unwrap().offset;
        assert_eq!(found, first);
    }
}

async fn topics_are_created_once(log: Arc<dyn Log>) {
    let topic = log.create_topic("a.b_C-1", 3, None).await.unwrap();
    topic.append(2, vec![record("A", "1")]).await.unwrap();
    let again = log.create_topic("a.b_C-1", 3, Some(LONG)).await.unwrap();
    assert_eq!((again.id(), again.name(), again.partitions()), (topic.id(), "a.b_C-1", 3));
    assert_eq!(read_all(&*again, 2).await.len(), 1);
    let other = log.create_topic("a.b_C-1", 4, None).await.map(drop).unwrap_err();
    assert!(matches!(other, LogError::PartitionsDiffer { have: 3, asked: 4, .. }), "{other}");
    for bad in ["", ".", "..", "a/b", ".hidden", "ü", &"x".repeat(250)] {
        let refused = log.create_topic(bad, 1, None).await.map(drop).unwrap_err();
        assert!(matches!(refused, LogError::InvalidTopic { .. }), "{bad:?}: {refused}");
    }
    assert!(log.create_topic("none", 0, None).await.is_err());
    assert!(matches!(log.topic("missing").await.map(drop), Err(LogError::UnknownTopic { .. })));
    assert_eq!(log.topics().await.unwrap(), ["a.b_C-1"]);

    log.delete_topic("a.b_C-1").await.unwrap();
    log.delete_topic("a.b_C-1").await.unwrap();
    assert!(matches!(topic.append(2, vec![record("A", "2")]).await, Err(LogError::Closed { .. })));
    assert!(matches!(topic.read(2, 1, 10, LONG).await, Err(LogError::Closed { .. })));
    let new = log.create_topic("a.b_C-1", 4, None).await.unwrap();
    assert_ne!(new.id(), topic.id(), "another incarnation has another id");
    assert_eq!(new.bounds(2).await.unwrap(), Bounds { low: 0, high: 0 });
}

async fn notes_are_kept_and_travel_with_appends(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 2, None).await.unwrap();
    assert_eq!(log.note("import").await.unwrap(), None);
    log.put_note("import", b"0".to_vec()).await.unwrap();
    let appended = topic.append_with_note(1, vec![record("A", "1")], "import", b"1".to_vec()).await.unwrap();
    assert_eq!(appended.first_offset, 0);
    assert_eq!(log.note("import").await.unwrap(), Some(b"1".to_vec()));
    let bare = topic.append_with_note(1, vec![], "import", b"2".to_vec()).await.unwrap();
    assert_eq!(bare.first_offset, topic.bounds(1).await.unwrap().high);
    assert_eq!(log.note("import").await.unwrap(), Some(b"2".to_vec()));
    log.put_note("import", vec![]).await.unwrap();
    assert_eq!(log.note("import").await.unwrap(), Some(vec![]));
    topic.append(1, vec![record("B", "2")]).await.unwrap();
    assert_eq!(read_all(&*topic, 1).await.len(), 2, "a note is no record");
    topic.append_with_note(1, vec![], "kept", b"k".to_vec()).await.unwrap();
    log.delete_topic("ticks").await.unwrap();
    assert_eq!(log.note("kept").await.unwrap(), Some(b"k".to_vec()), "notes belong to the log");
}

async fn many_writers_share_a_partition(log: Arc<dyn Log>) {
    const WRITERS: u8 = 8;
    const APPENDS: u8 = 20;
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let topic = topic.clone();
            tokio::spawn(async move {
                for i in 0..APPENDS {
                    let appended =
                        topic.append(0, vec![record("A", [writer, i, 0]), record("A", [writer, i, 1])]);
                    let appended = appended.await.unwrap();
                    assert_eq!(appended.last_offset, appended.first_offset + 1);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let all = read_all(&*topic, 0).await;
    assert_eq!(all.len(), usize::from(WRITERS) * usize::from(APPENDS) * 2);
    let mut next = [0_u8; WRITERS as usize];
    for pair in all.chunks(2) {
        let (first, second) = (&pair[0].2, &pair[1].2);
        assert_eq!(first[..2], second[..2], "appends do not mix");
        assert_eq!((first[2], second[2]), (0, 1));
        let writer = usize::from(first[0]);
        assert_eq!(first[1], next[writer], "each writer's order is kept");
        next[writer] += 1;
    }
}

async fn hostile_sizes_are_refused(log: Arc<dyn Log>) {
    let topic = log.create_topic("ticks", 1, None).await.unwrap();
    let large = vec![record("A", vec![0; crate::limits::RECORD_BYTES + 1])];
    assert!(matches!(topic.append(0, large).await, Err(LogError::TooLarge { .. })));
    let note = vec![0; crate::limits::NOTE_BYTES + 1];
    assert!(matches!(log.put_note("n", note.clone()).await, Err(LogError::TooLarge { .. })));
    assert!(topic.append_with_note(0, vec![], "n", note).await.is_err());
    let large = vec![record("A", vec![7; 300_000]), record("B", "small")];
    topic.append(0, large).await.unwrap();
    let all = read_all(&*topic, 0).await;
    assert_eq!((all.len(), all[0].2.len()), (2, 300_000));
}
