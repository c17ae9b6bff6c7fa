//! The contract on every log, and a process that is killed.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tick_log::{
    Fault, FaultyLog, Log, LogError, MemoryLog, Op, SegmentLog, SegmentOptions, Sync,
    conformance::{read_all, record, suite},
};

#[tokio::test]
async fn memory_log_keeps_the_contract() {
    suite(|| async { Arc::new(MemoryLog::new()) as Arc<dyn Log> }).await;
}

#[tokio::test]
async fn segment_log_keeps_the_contract() {
    let dirs = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    suite(|| async {
        let dir = dirs.path().join(made.fetch_add(1, Ordering::Relaxed).to_string());
        Arc::new(SegmentLog::open(dir, SegmentOptions::default()).unwrap()) as Arc<dyn Log>
    })
    .await;
}

#[tokio::test]
async fn tiny_segments_keep_the_contract() {
    let dirs = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    suite(|| async {
        let dir = dirs.path().join(made.fetch_add(1, Ordering::Relaxed).to_string());
        let options = SegmentOptions { segment_bytes: 200, sync: Sync::System, ..SegmentOptions::default() };
        Arc::new(SegmentLog::open(dir, options).unwrap()) as Arc<dyn Log>
    })
    .await;
}

#[tokio::test]
async fn a_faulty_log_without_faults_keeps_the_contract() {
    suite(|| async { Arc::new(FaultyLog::new(Arc::new(MemoryLog::new()), |_| Fault::None)) as Arc<dyn Log> })
        .await;
}

/// Who repeats an append of unknown outcome blindly writes twice; who asks its note first does not.
#[tokio::test]
async fn an_unknown_outcome_is_resolved_by_the_note() {
    let calls = AtomicU32::new(0);
    let plan = move |call: &tick_log::Call| match call.op {
        Op::Append => {
            [Fault::Before, Fault::After, Fault::None][calls.fetch_add(1, Ordering::Relaxed) as usize % 3]
        }
        _ => Fault::None,
    };
    let log = FaultyLog::new(Arc::new(MemoryLog::new()), plan);
    let topic = log.create_topic("t", 1, None).await.unwrap();
    let mut unknown = 0;
    for i in 0..20_u8 {
        while log.note("done").await.unwrap() != Some(vec![i]) {
            let outcome = topic.append_with_note(0, vec![record("A", [i])], "done", vec![i]).await;
            unknown += u32::from(matches!(outcome, Err(LogError::Unavailable { .. })));
        }
    }
    assert!(unknown >= 10, "the plan never fired: {unknown}");
    let held: Vec<_> = read_all(&*topic, 0).await.iter().map(|r| r.2[0]).collect();
    assert_eq!(held, (0..20).collect::<Vec<_>>());
}

const CHILD_DIR: &str = "STOCKPIPE_LOG_CHILD_DIR";

/// Not a test of its own: what [`acknowledged_appends_survive_kill_9`] runs and kills.
#[tokio::test]
async fn child_that_appends_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let options = SegmentOptions { segment_bytes: 20_000, ..SegmentOptions::default() };
    let log = SegmentLog::open(dir, options).unwrap();
    let topic = log.create_topic("t", 2, None).await.unwrap();
    for i in topic.bounds(0).await.unwrap().high.. {
        let other = topic.append(1, vec![record("B", i.to_le_bytes())]);
        let note = i.to_le_bytes().to_vec();
        let (one, two) =
            tokio::join!(topic.append_with_note(0, vec![record("A", i.to_le_bytes())], "n", note), other);
        two.unwrap();
        println!("acknowledged {}", one.unwrap().last_offset);
    }
}

#[tokio::test]
async fn acknowledged_appends_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_appends_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        let mut acknowledged = None;
        while seen < 40 * round
            && let Some(Ok(line)) = lines.next()
        {
            if let Some(offset) = line.split("acknowledged ").nth(1) {
                acknowledged = Some(offset.parse::<u64>().unwrap());
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = acknowledged.expect("the child never acknowledged anything");
        assert!(acknowledged >= last);
        last = acknowledged;

        let log = SegmentLog::open(dir.path(), SegmentOptions::default()).unwrap();
        let topic = log.topic("t").await.unwrap();
        let held = read_all(&*topic, 0).await;
        assert!(held.len() as u64 > acknowledged, "{} records, {acknowledged} was acknowledged", held.len());
        for (i, (offset, _, value)) in held.iter().enumerate() {
            assert_eq!((*offset, value.as_slice()), (i as u64, (i as u64).to_le_bytes().as_slice()));
        }
        let note = log.note("n").await.unwrap();
        assert_eq!(note, Some((held.len() as u64 - 1).to_le_bytes().to_vec()), "note and records are one");
    }
}
