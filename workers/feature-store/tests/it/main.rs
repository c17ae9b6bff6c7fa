//! The contract on every store, damaged files, and a process that is killed.

mod mutants;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use feature_store::{
    Fault, FaultyStore, FeatureStore, MemoryStore, Op, RedbStore, RowQuery, RowSink as _, StoreError,
    conformance::{prediction, row, suite},
};
use market::ErrorKind;

#[tokio::test]
async fn memory_store_keeps_the_contract() {
    suite(|| async { Arc::new(MemoryStore::new()) as Arc<dyn FeatureStore> }).await;
}

#[tokio::test]
async fn redb_store_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    suite(|| async {
        let file = dir.path().join(format!("{}/store.redb", made.fetch_add(1, Ordering::Relaxed)));
        Arc::new(RedbStore::open(file).unwrap()) as Arc<dyn FeatureStore>
    })
    .await;
}

#[tokio::test]
async fn a_faulty_store_without_faults_keeps_the_contract() {
    let make = || FaultyStore::new(Arc::new(MemoryStore::new()), |_| Fault::None);
    suite(|| async { Arc::new(make()) as Arc<dyn FeatureStore> }).await;
}

#[tokio::test]
async fn every_write_may_be_repeated_after_an_unknown_outcome() {
    let calls = AtomicU32::new(0);
    let plan = move |op| match op {
        Op::Read => Fault::None,
        _ => [Fault::Before, Fault::After, Fault::None][calls.fetch_add(1, Ordering::Relaxed) as usize % 3],
    };
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), plan);
    let mut failed = 0;
    for i in 0..9 {
        let rows = [row("A", "1m", i * 60, i)];
        while let Err(error) = store.upsert_rows(&rows).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            failed += 1;
        }
        while store.put_predictions(&[prediction("A", 1, i * 60, i)]).await.is_err() {}
    }
    assert!(failed >= 9, "the plan never fired: {failed}");
    assert_eq!(store.rows(&RowQuery::default()).await.unwrap().len(), 9);
    assert_eq!(store.predictions(&Default::default()).await.unwrap().len(), 9);
}

#[tokio::test]
async fn a_store_is_found_again_and_small() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    let store = RedbStore::open(&file).unwrap();
    let second = RedbStore::open(&file).map(drop).unwrap_err();
    assert!(matches!(second, StoreError::Locked { .. }), "{second}");
    let rows: Vec<_> = (0..5_000).map(|i| row("A", "1m", i * 60, i)).collect();
    for chunk in rows.chunks(100) {
        store.upsert_rows(chunk).await.unwrap();
    }
    let grown = fs::metadata(&file).unwrap().len();
    store.close().await.unwrap();
    let closed = fs::metadata(&file).unwrap().len();
    assert!(closed < grown, "{closed} of {grown}");
    let again = RedbStore::open(&file).unwrap();
    assert_eq!(again.rows(&RowQuery::default()).await.unwrap(), rows);
}

/// A damaged file is one clear error, or still gives exactly what was written; it never panics and never gives less.
#[tokio::test]
async fn damaged_files_are_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    let rows: Vec<_> = (0..200).map(|i| row("A", "1m", i * 60, i)).collect();
    let store = RedbStore::open(&file).unwrap();
    store.upsert_rows(&rows).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let good = fs::read(&file).unwrap();
    let damaged = dir.path().join("damaged.redb");
    let mut seen = 0;
    let mut check = async |bytes: &[u8], what: String| {
        fs::write(&damaged, bytes).unwrap();
        let read = match RedbStore::open(&damaged) {
            Ok(store) => store.rows(&RowQuery::default()).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(found) => assert!(found == rows, "{what}: other rows than were written"),
            Err(error) => {
                assert!(error.to_string().contains("damaged.redb"), "{what}: {error}");
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                seen += 1;
            }
        }
    };
    for cut in [1, 100, 511, 4_096, good.len() / 2, good.len() - 4_096, good.len() - 1] {
        check(&good[..cut], format!("cut at {cut}")).await;
    }
    check(b"not a database at all, but long enough to be looked at", "text".into()).await;
    for at in (0..64).chain((0..good.len()).step_by(good.len() / 24)) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        check(&bytes, format!("byte {at}")).await;
    }
    assert!(seen >= 8, "the damage was never noticed: {seen}");
}

#[test]
fn a_place_that_cannot_be_is_one_clear_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().join("store.redb"), std::env::temp_dir()] {
        let refused = RedbStore::open(&path).map(drop).unwrap_err();
        assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        assert!(!matches!(refused.kind(), ErrorKind::Bug | ErrorKind::Corrupt), "{refused}");
    }
}

const CHILD_FILE: &str = "STOCKPIPE_STORE_CHILD_FILE";

/// Not a test of its own: what [`acknowledged_rows_survive_kill_9`] runs and kills.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Ok(file) = std::env::var(CHILD_FILE) else { return };
    let store = RedbStore::open(Path::new(&file)).unwrap();
    let held = store.rows(&RowQuery::default()).await.unwrap().len() as i64 / 3;
    for i in held.. {
        let rows: Vec<_> = ["A", "B", "C"].iter().map(|s| row(s, "1m", i * 60, i)).collect();
        store.upsert_rows(&rows).await.unwrap();
        println!("acknowledged {i}");
    }
}

#[tokio::test]
async fn acknowledged_rows_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD_FILE, &file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers =
            lines.map_while(Result::ok).filter_map(|line| line.split("acknowledged ").nth(1)?.parse().ok());
        let acknowledged: i64 =
            numbers.take(15 * round).last().expect("the child never acknowledged anything");
        child.kill().unwrap();
        child.wait().unwrap();

        let store = RedbStore::open(&file).unwrap();
        let held = store.rows(&RowQuery::default()).await.unwrap();
        assert_eq!(held.len() % 3, 0, "a call is whole or absent");
        assert!(held.len() as i64 / 3 > acknowledged, "{} rows, {acknowledged} was acknowledged", held.len());
        for (i, rows) in held.chunks(3).enumerate() {
            assert!(rows.iter().all(|r| r.write_ts == i as i64));
        }
    }
}
