//! A backup put back is the pipeline that was: its dump, its aliases, and the way ingest goes on.

use std::sync::Arc;

use bytes::Bytes;
use feature_store::{MemoryStore, PredictionQuery};
use lake::{Lake, LocalLake, MemoryLake};
use market::{
    Alias, AliasEvent, AliasKey, ErrorKind, Outcome, PredictionRow, Role, RunRow, Symbol, Timestamp,
};
use operations::{
    OperationsError,
    backup::{
        BackupOptions, BackupReport, MANIFEST, Manifest, RestoreOptions, RestoreReport, backup, restore,
    },
    replay::Write,
    silent,
};

use crate::world::{World, assert_same};

pub async fn save(world: &World, to: &dyn Lake) -> Result<BackupReport, OperationsError> {
    let options = BackupOptions {
        pipeline: "market".into(),
        notes: vec!["predictor/market/5s/position".into(), "absent".into()],
        now_ms: world.now_ms(),
    };
    backup(&world.lake, "", &*world.store, to, "saved", &options, &silent).await
}

pub async fn put_back(from: &dyn Lake, world: &World) -> Result<RestoreReport, OperationsError> {
    let options = RestoreOptions { pipeline: "market".into(), now_ms: world.now_ms() };
    restore(from, "saved", &world.lake, "", &*world.store, &options, &silent).await
}

/// What only the store has, and a model.
async fn decorate(world: &World) {
    let at = Timestamp::from_millis(world.now_ms());
    let key = AliasKey { pipeline: "market".into(), bar: "5s".into(), horizon: 1 };
    for seq in 1..=3 {
        let event = AliasEvent {
            seq,
            alias: Alias::Champion,
            version: Some(seq),
            effective_from: at,
            at,
            actor: "trainer".into(),
            reason: "better".into(),
        };
        assert!(world.store.append_alias(&key, &event).await.unwrap());
    }
    let run = RunRow {
        pipeline: "market".into(),
        name: "run-1".into(),
        phase: "Complete".into(),
        progress_percent: 100,
        started_at: at,
        finished_at: Some(at),
        updated_at: at,
        status: serde_json::json!({"rmse": "0.1"}),
    };
    world.store.put_run(&run).await.unwrap();
    world.store.put_note("predictor/market/5s/position", &[0, 159, 146, 150]).await.unwrap();
    let prediction = |i: i64| PredictionRow {
        symbol: Symbol::parse("AAPL").unwrap(),
        bar: "5s".into(),
        horizon: 1,
        made_at: at,
        as_of: at,
        target_ts: Timestamp::from_micros(at.micros() + i),
        close: 0.1 + 0.2,
        y_pred: -1e-17,
        lo: None,
        hi: Some(f64::MAX),
        y_naive: 0.0,
        version: 3,
        role: Role::Champion,
        flags: vec![],
        outcome: if i % 2 == 0 { Outcome::Pending } else { Outcome::Joined { y_true: 0.3, err: 0.1 } },
    };
    let rows: Vec<PredictionRow> = (0..50).map(prediction).collect();
    world.store.put_predictions(&rows).await.unwrap();
    for (path, text) in [
        ("models/market/5s/v00000003/manifest.json", "{}"),
        ("models/market/5s/v00000003/forest.bin", "trees"),
        ("models/market/5s/_staging/uid/0001/forest.bin", "half"),
        ("models/other/5s/v00000001/manifest.json", "{}"),
    ] {
        world.lake.create(path, Bytes::from_static(text.as_bytes())).await.unwrap();
    }
}

async fn of_the_store(world: &World) -> String {
    let store = &world.store;
    let key = AliasKey { pipeline: "market".into(), bar: "5s".into(), horizon: 1 };
    format!(
        "{:?} {:?} {:?} {:?}",
        store.alias_history(&key).await.unwrap(),
        store.runs("market").await.unwrap(),
        store.note("predictor/market/5s/position").await.unwrap(),
        store.predictions(&PredictionQuery::default()).await.unwrap(),
    )
}

#[tokio::test]
async fn a_pipeline_comes_back_and_goes_on() {
    let world = World::ran(1, 250).await;
    decorate(&world).await;
    let dir = tempfile::tempdir().unwrap();
    let disk = LocalLake::open(dir.path()).unwrap();
    let saved = save(&world, &disk).await.unwrap();
    assert!(saved.files > 50 && saved.files == saved.written && saved.store_rows == 55, "{saved:?}");
    assert_eq!(saved.heads.iter().map(|h| h.end).collect::<Vec<_>>(), [250, 250]);

    let back = world.fresh();
    let report = put_back(&disk, &back).await.unwrap();
    assert_eq!((report.store_rows, report.bars), (55, 0), "{report:?}");
    assert_same(&back.dump().await, &world.dump().await, "as it was");
    assert_eq!(of_the_store(&back).await, of_the_store(&world).await);
    let models = back.lake.list("models").await.unwrap();
    assert_eq!(models.len(), 2, "{models:?}");
    assert_eq!(back.fsck(&back.check_options()).await.findings, []);
    assert!(back.lake.stat("_restore.json").await.unwrap().is_none());

    // Ingest goes on at the committed offsets, and both pipelines stay equal.
    world.append(2, 150).await;
    world.run().await.unwrap();
    back.run().await.unwrap();
    assert_same(&back.dump().await, &world.dump().await, "after more records");
    assert!(back.replay(Write::Nothing).await.holds());
}

/// Ingest works on while it is backed up: the backup is one moment of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_working_pipeline_is_backed_up_as_of_a_moment() {
    let world = World::new(3, 600).await;
    let slow: Arc<dyn Lake> = Arc::new(lake::ThrottledLake::new(
        Arc::new(world.lake.clone()),
        std::time::Duration::from_millis(1),
        std::time::Duration::from_millis(1),
    ));
    let worker = tokio::spawn({
        let world = world.clone();
        async move { world.run_on(slow).await }
    });
    let half = std::time::Instant::now();
    while world.lake.list("raw").await.unwrap().len() < 10 {
        assert!(half.elapsed().as_secs() < 60, "no files yet");
        tokio::task::yield_now().await;
    }
    let target = MemoryLake::new();
    let saved = save(&world, &target).await.unwrap();
    worker.await.unwrap().unwrap();
    assert!(saved.heads.iter().any(|h| h.end < 600), "it was still at work: {saved:?}");
    let back = world.fresh();
    put_back(&target, &back).await.unwrap();
    assert_eq!(back.fsck(&back.check_options()).await.findings, []);
    back.run().await.unwrap();
    assert_same(&back.dump().await, &world.dump().await, "at the end");
}

#[tokio::test]
async fn a_target_that_holds_anything_is_refused() {
    let world = World::ran(4, 60).await;
    let target = MemoryLake::new();
    save(&world, &target).await.unwrap();
    let again = save(&world, &target).await.unwrap_err();
    assert!(matches!(&again, OperationsError::BackupExists { .. }), "{again}");

    let other = World::ran(5, 20).await;
    for refused in [
        World { store: Arc::new(MemoryStore::new()), ..other.clone() },
        World { lake: MemoryLake::new(), ..other.clone() },
    ] {
        let before = refused.lake.list("").await.unwrap();
        let error = put_back(&target, &refused).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert_eq!(refused.lake.list("").await.unwrap(), before, "nothing was touched");
    }
    let claimed = world.fresh();
    claimed.lake.create("_stockpipe.json", Bytes::from_static(b"{}")).await.unwrap();
    put_back(&target, &claimed).await.unwrap();
    let error = put_back(&target, &claimed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn every_file_is_verified_before_anything_is_written() {
    let world = World::ran(6, 60).await;
    decorate(&world).await;
    let target = MemoryLake::new();
    save(&world, &target).await.unwrap();
    let bytes = target.read(&format!("saved/{MANIFEST}")).await.unwrap();
    let manifest = Manifest::decode("x", &bytes).unwrap();
    for item in &manifest.files {
        let path = format!("saved/{}", item.path);
        let bytes = target.read(&path).await.unwrap();
        let mut rotten = bytes.to_vec();
        let at = rotten.len() - 1;
        rotten[at] ^= 1;
        target.damage(&path, Bytes::from(rotten));
        let back = world.fresh();
        let error = put_back(&target, &back).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(&path), "{error}");
        assert_eq!(back.lake.list("").await.unwrap(), []);
        target.damage(&path, bytes);
    }
    let path = format!("saved/{}", manifest.files[0].path);
    let bytes = target.read(&path).await.unwrap();
    target.delete(&path).await.unwrap();
    assert!(put_back(&target, &world.fresh()).await.unwrap_err().to_string().contains("missing"));
    target.damage(&path, bytes);
    put_back(&target, &world.fresh()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_backup_of_this_pipeline_is_refused() {
    let world = World::ran(7, 30).await;
    let target = MemoryLake::new();
    let error = put_back(&target, &world.fresh()).await.unwrap_err();
    assert!(matches!(&error, OperationsError::NoBackup { .. }), "{error}");
    save(&world, &target).await.unwrap();
    let options = RestoreOptions { pipeline: "other".into(), now_ms: 0 };
    let back = world.fresh();
    let error = restore(&target, "saved", &back.lake, "", &*back.store, &options, &silent).await.unwrap_err();
    assert!(error.kind() == ErrorKind::BadInput && error.to_string().contains("market"), "{error}");
    let options = RestoreOptions { pipeline: "market".into(), now_ms: 0 };
    let error =
        restore(&target, "saved", &back.lake, "data", &*back.store, &options, &silent).await.unwrap_err();
    assert!(matches!(&error, OperationsError::Foreign { .. }), "{error}");
}

/// A damaged file of the lake is no backup.
#[tokio::test]
async fn damage_is_not_backed_up() {
    let world = World::ran(8, 60).await;
    let path = world.file("raw", "-p00000-").await;
    world.cut(&path).await;
    let target = MemoryLake::new();
    let error = save(&world, &target).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(&path), "{error}");
    assert!(target.stat(&format!("saved/{MANIFEST}")).await.unwrap().is_none());
}
