//! What only the inside can show: crashes at every byte, damage, full disks, retention. The contract itself is in
//! `conformance`.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};

use market::{ErrorKind, NewRecord};
use tempfile::TempDir;

use super::*;
use crate::{
    Bounds,
    conformance::{read_all, record},
};

fn options() -> SegmentOptions {
    SegmentOptions { sync: Sync::System, clock: Arc::new(|| 1_000), ..SegmentOptions::default() }
}

fn values(n: u8, from: u8) -> Vec<NewRecord> {
    (from..from + n).map(|i| record("K", vec![i; 100])).collect()
}

/// The files of partition 0 of topic `t` with an extension, in order.
fn files(dir: &TempDir, extension: &str) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir.path().join("topics/t/p=00000")).unwrap();
    let mut paths: Vec<_> = listed.map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == extension));
    paths.sort();
    paths
}

async fn filled(dir: &TempDir, options: SegmentOptions) {
    let log = SegmentLog::open(dir.path(), options).unwrap();
    let topic = log.create_topic("t", 1, None).await.unwrap();
    for i in 0..6 {
        topic.append_with_note(0, values(5, i * 5), "progress", vec![i]).await.unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

#[tokio::test]
async fn a_torn_tail_is_cut_at_every_byte_and_note_and_records_agree() {
    let dir = tempfile::tempdir().unwrap();
    filled(&dir, options()).await;
    let bytes = fs::read(&files(&dir, "seg")[0]).unwrap();
    for cut in (file::HEADER as usize..bytes.len()).rev().step_by(7) {
        // A process that was killed leaves no index behind.
        let torn = tempfile::tempdir().unwrap();
        copy(dir.path(), torn.path());
        fs::remove_file(&files(&torn, "idx")[0]).unwrap();
        fs::write(&files(&torn, "seg")[0], &bytes[..cut]).unwrap();
        let log = SegmentLog::open(torn.path(), options()).unwrap();
        let topic = log.topic("t").await.unwrap();
        let held = read_all(&*topic, 0).await;
        assert_eq!(held.len() % 5, 0, "an append is whole or absent");
        let progress = log.note("progress").await.unwrap();
        assert_eq!(progress, (held.len() / 5).checked_sub(1).map(|i| vec![i as u8]), "cut at {cut}");
        let appended = topic.append(0, values(1, 99)).await.unwrap();
        assert_eq!(appended.first_offset, held.len() as u64);
    }
}

#[tokio::test]
async fn damage_is_told_from_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    filled(&dir, options()).await;
    let path = files(&dir, "seg")[0].clone();
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[file::HEADER as usize + 60] ^= 1;
    fs::write(&path, &bad).unwrap();
    for index in [true, false] {
        if !index {
            fs::remove_file(&files(&dir, "idx")[0]).unwrap();
        }
        let error = SegmentLog::open(dir.path(), options()).map(drop).unwrap_err();
        let LogError::Corrupt { file, position, .. } = &error else { panic!("{error}") };
        assert_eq!((file, *position), (&path, file::HEADER));
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("backup"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bad, "a damaged file is left as it is");
    }
    fs::write(&path, &good).unwrap();
    SegmentLog::open(dir.path(), options()).unwrap();
    // Closed in good order and shorter now: that is no torn tail either.
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(matches!(SegmentLog::open(dir.path(), options()), Err(LogError::Corrupt { .. })));
}

#[tokio::test]
async fn segments_roll_are_found_again_and_indexes_are_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let small = SegmentOptions { segment_bytes: 1_500, ..options() };
    filled(&dir, small.clone()).await;
    assert!(files(&dir, "seg").len() >= 3);
    for _ in 0..2 {
        let log = SegmentLog::open(dir.path(), small.clone()).unwrap();
        let topic = log.topic("t").await.unwrap();
        let held = read_all(&*topic, 0).await;
        assert_eq!(held.iter().map(|r| r.2[0]).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
        assert_eq!(log.note("progress").await.unwrap(), Some(vec![5]));
        drop((log, topic));
        files(&dir, "idx").iter().for_each(|p| fs::remove_file(p).unwrap());
    }
    let first = files(&dir, "seg")[0].clone();
    let mut bytes = fs::read(&first).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&first, &bytes).unwrap();
    files(&dir, "idx").iter().for_each(|p| fs::remove_file(p).unwrap());
    let error = SegmentLog::open(dir.path(), small.clone()).map(drop).unwrap_err();
    assert!(matches!(&error, LogError::Corrupt { file, .. } if *file == first), "{error}");
    fs::remove_file(&files(&dir, "seg")[1]).unwrap();
    bytes[last] ^= 1;
    fs::write(&first, &bytes).unwrap();
    let error = SegmentLog::open(dir.path(), small).map(drop).unwrap_err();
    assert!(error.to_string().contains("next segment starts at"), "{error}");
}

#[tokio::test]
async fn damage_in_a_closed_segment_is_found_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let small = SegmentOptions { segment_bytes: 1_500, ..options() };
    filled(&dir, small.clone()).await;
    let first = files(&dir, "seg")[0].clone();
    let mut bytes = fs::read(&first).unwrap();
    bytes[200] ^= 1;
    fs::write(&first, &bytes).unwrap();
    let log = SegmentLog::open(dir.path(), small).unwrap();
    let topic = log.topic("t").await.unwrap();
    let error = topic.read(0, 0, 1_000_000, Duration::ZERO).await.unwrap_err();
    assert!(matches!(&error, LogError::Corrupt { file, .. } if *file == first), "{error}");
    assert!(!topic.read(0, 25, 1_000, Duration::ZERO).await.unwrap().is_empty(), "the rest is readable");
}

#[tokio::test]
async fn a_full_disk_refuses_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let room = Arc::new(AtomicU64::new(1_500));
    let disk = Disk::small(Sync::System, room.clone());
    let log = SegmentLog::open_on(disk, dir.path(), options()).unwrap();
    let topic = log.create_topic("t", 1, None).await.unwrap();
    let mut kept = 0;
    let refused = loop {
        match topic.append_with_note(0, values(1, kept), "n", vec![kept]).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    assert!(kept > 0 && log.put_note("n", vec![0; 2_000]).await.is_err());
    assert_eq!(log.note("n").await.unwrap(), Some(vec![kept - 1]));
    assert_eq!(topic.bounds(0).await.unwrap(), Bounds { low: 0, high: u64::from(kept) });
    room.store(u64::MAX, Ordering::SeqCst);
    topic.append_with_note(0, values(1, kept), "n", vec![kept]).await.unwrap();
    drop((log, topic));
    let log = SegmentLog::open(dir.path(), options()).unwrap();
    let held = read_all(&*log.topic("t").await.unwrap(), 0).await;
    assert_eq!(held.iter().map(|r| r.2[0]).collect::<Vec<_>>(), (0..=kept).collect::<Vec<_>>());
}

#[tokio::test]
async fn retention_removes_whole_segments_by_time_and_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(0));
    let clock = now.clone();
    let aged = SegmentOptions { clock: Arc::new(move || clock.load(Ordering::SeqCst)), ..options() };
    let log = SegmentLog::open(dir.path(), aged).unwrap();
    let day = 86_400_000;
    let topic = log.create_topic("t", 1, Some(Duration::from_millis(day as u64))).await.unwrap();
    for hour in 0..30_u8 {
        now.store(i64::from(hour) * 3_600_000, Ordering::SeqCst);
        topic.append_with_note(0, values(1, hour), &format!("h{}", hour / 10), vec![hour]).await.unwrap();
    }
    now.store(3 * day, Ordering::SeqCst);
    topic.append(0, values(1, 30)).await.unwrap();
    now.store(3 * day + limits::RETENTION_CHECK_MS, Ordering::SeqCst);
    topic.append(0, values(1, 31)).await.unwrap();
    let Bounds { low, high } = topic.bounds(0).await.unwrap();
    assert!(low >= 29 && high == 32, "{low}..{high}");
    let gone = topic.read(0, 0, 100, Duration::ZERO).await.unwrap_err();
    assert!(matches!(gone, LogError::OffsetOutOfRange { .. }), "{gone}");
    assert_eq!(topic.offset_for_time(0, 0).await.unwrap(), low);
    let id = topic.id();
    drop((log, topic));

    let small = SegmentOptions { segment_bytes: 1_000, retention_bytes: Some(2_500), ..options() };
    let log = SegmentLog::open(dir.path(), small).unwrap();
    assert_eq!(log.note("h0").await.unwrap(), Some(vec![9]), "notes outlive their segments");
    assert_eq!(log.note("h2").await.unwrap(), Some(vec![29]));
    let topic = log.topic("t").await.unwrap();
    assert_eq!(topic.id(), id);
    for i in 0..50 {
        topic.append(0, values(2, i)).await.unwrap();
    }
    drop((log, topic));
    let log =
        SegmentLog::open(dir.path(), SegmentOptions { retention_bytes: Some(2_500), ..options() }).unwrap();
    let total: u64 = files(&dir, "seg").iter().map(|p| fs::metadata(p).unwrap().len()).sum();
    assert!(total <= 2_500 + 1_200, "{total}");
    assert_eq!(log.topic("t").await.unwrap().bounds(0).await.unwrap().high, 132, "offsets go on");
}

#[tokio::test]
async fn a_clock_that_jumps_back_does_not_take_record_time_along() {
    let dir = tempfile::tempdir().unwrap();
    let at = |ms| SegmentOptions { clock: Arc::new(move || ms), ..options() };
    for (ms, stamped) in [(5_000, 5_000), (1_000, 5_000), (6_000, 6_000)] {
        let log = SegmentLog::open(dir.path(), at(ms)).unwrap();
        let topic = log.create_topic("t", 1, None).await.unwrap();
        assert_eq!(topic.append(0, values(1, 0)).await.unwrap().record_ms, stamped);
    }
}

#[tokio::test]
async fn the_directory_has_one_owner_and_must_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let first = SegmentLog::open(dir.path(), options()).unwrap();
    let second = SegmentLog::open(dir.path(), options()).map(drop).unwrap_err();
    assert!(matches!(second, LogError::Locked { .. }), "{second}");
    drop(first);
    SegmentLog::open(dir.path(), options()).unwrap();
    let file = dir.path().join("LOCK");
    let refused = SegmentLog::open(file, options()).map(drop).unwrap_err();
    assert!(!matches!(refused.kind(), ErrorKind::Bug), "{refused}");
}

#[tokio::test]
async fn the_journal_of_notes_stays_small_and_survives_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let log = SegmentLog::open(dir.path(), options()).unwrap();
    for i in 0..400_u32 {
        log.put_note("big", vec![i as u8; 4_000]).await.unwrap();
    }
    log.put_note("small", b"x".to_vec()).await.unwrap();
    drop(log);
    let path = dir.path().join("notes.jrn");
    let bytes = fs::read(&path).unwrap();
    assert!((bytes.len() as u64) < 2 * limits::NOTES_SLACK_BYTES, "{}", bytes.len());
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let log = SegmentLog::open(dir.path(), options()).unwrap();
    assert_eq!(log.note("small").await.unwrap(), None);
    assert_eq!(log.note("big").await.unwrap(), Some(vec![143; 4_000]));
}
