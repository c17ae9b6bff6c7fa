//! Check, repair, replay, backup and restore on a real HDFS and a real Cassandra. The ticks come from memory: operations
//! never read the log.

use feature_store::{
    FeatureStore,
    cassandra::{CassandraSettings, CassandraStore},
};
use indicators::IndicatorSet;
use ingest::{Components, Roll, Settings, Status, dump};
use lake::{
    Lake, LocalLake,
    hdfs::{HdfsLake, HdfsSettings},
    history,
};
use market::{ErrorKind, NewRecord, Span, Timestamp};
use operations::backup::{BackupOptions, RestoreOptions, backup, restore};
use operations::fsck::{FsckOptions, FsckReport, Problem, fsck};
use operations::replay::{ReplayOptions, ReplayReport, Write, replay};
use operations::silent;
use runtime::Shutdown;
use scylla::client::session_builder::SessionBuilder;
use servers::{shared, unique};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tick_log::{Log, MemoryLog, StaticOwnership, Topic};
use windowing::Semantics;

const PARTITIONS: u32 = 2;
/// Longest run of one worker.
const SOON: Duration = Duration::from_secs(120);

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).expect("a clock")
}

/// One indicator: each is a column, and a change of the schema takes a busy server seconds.
fn semantics() -> Semantics {
    let second = Span::from_secs(1);
    Semantics {
        tick_span: Some(second),
        watermark: second,
        partitions: PARTITIONS,
        indicators: vec!["sma_5".to_owned()],
        ..Semantics::default()
    }
}

/// Stores of the test's own on the shared servers.
struct Place {
    lake: Arc<HdfsLake>,
    store: Arc<CassandraStore>,
    keyspace: CassandraSettings,
}

async fn place() -> Place {
    let stack = shared().await;
    let settings = HdfsSettings {
        uri: Some(stack.hdfs.uri().to_owned()),
        config_dir: None,
        user: "stockpipe".to_owned(),
        root: format!("/g/{}", unique("ops")),
        kerberos: None,
    };
    let lake = Arc::new(HdfsLake::connect(settings).await.expect("a lake"));
    let semantics = semantics();
    let set = IndicatorSet::parse(&semantics.indicators).expect("indicators");
    let keyspace = CassandraSettings {
        contact_points: vec![stack.cassandra.contact().to_owned()],
        datacenter: "datacenter1".into(),
        keyspace: unique("g_ops"),
        replication_factor: 1,
        username: None,
        password: None,
        tls: None,
        indicator_columns: set.columns().to_vec(),
        windows: semantics.windows.iter().map(|w| (w.name.clone(), w.size, w.slide)).collect(),
        features_ttl: None,
        predictions_ttl: None,
    };
    // Changing the schema takes a busy server longer than a client waits; it may be repeated.
    let began = Instant::now();
    while let Err(e) = CassandraStore::init(&keyspace).await {
        assert!(e.kind() == ErrorKind::Unavailable && began.elapsed() < SOON, "init: {e}");
    }
    let store = Arc::new(CassandraStore::connect(keyspace.clone()).await.expect("a store"));
    Place { lake, store, keyspace }
}

impl Place {
    async fn leave(self) {
        for entry in self.lake.list("").await.expect("a listing") {
            self.lake.delete(&entry.path).await.expect("a deletion");
        }
        drop(self.store);
        // The keyspace is of no use to anybody else: what a busy server does not drop in time goes with the server.
        if let Err(e) = CassandraStore::drop_all(&self.keyspace).await {
            eprintln!("keyspace {} is left behind: {e}", self.keyspace.keyspace);
        }
    }

    async fn dump(&self) -> Vec<String> {
        let dump = dump::canonical(&*self.lake, "", &*self.store).await.expect("a dump");
        dump.lines().map(str::to_owned).collect()
    }

    async fn fsck(&self, options: &FsckOptions) -> FsckReport {
        fsck(&*self.lake, "", Some(&*self.store), options, &silent).await.expect("a check")
    }

    async fn replay(&self, write: Write) -> ReplayReport {
        let options = ReplayOptions { write, now_ms: now_ms(), ..ReplayOptions::default() };
        replay(&*self.lake, "", &*self.store, &options, &silent).await.expect("a replay")
    }

    /// Runs a worker over everything in the topic.
    async fn ingest(&self, log: &Arc<dyn Log>) {
        let mut settings = Settings::new("market", Arc::new(semantics()));
        settings.roll = Roll { rows: 80, ..Roll::default() };
        let status = Arc::new(Status::new());
        let components = Components {
            log: log.clone(),
            ownership: Arc::new(StaticOwnership::new(0..PARTITIONS)),
            lake: self.lake.clone(),
            store: self.store.clone(),
            metrics: runtime::Metrics::new(),
            status: status.clone(),
            clock: tick_log::system_clock(),
            entropy: ingest::system_entropy(),
        };
        let (ticks, shutdown) = (log.topic("ticks").await.expect("a topic"), Shutdown::new());
        let worker = ingest::run(settings, components, shutdown.clone());
        tokio::pin!(worker);
        let began = Instant::now();
        loop {
            tokio::select! {
                ended = &mut worker => return drop(ended.expect("a run")),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
            let mut done = status.partitions().len() == PARTITIONS as usize;
            for p in status.partitions() {
                done &= p.offset == ticks.bounds(p.partition).await.expect("bounds").high;
            }
            if done {
                shutdown.drain();
            }
            assert!(began.elapsed() < SOON, "not done: {:?}", status.partitions());
        }
    }
}

async fn log() -> Arc<dyn Log> {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::new());
    log.create_topic("ticks", PARTITIONS, None).await.expect("a topic");
    log.create_topic("market.features", 1, None).await.expect("a topic");
    log
}

/// Ticks of the last quarter of an hour, and some that are none; `round` makes them others.
async fn append(log: &Arc<dyn Log>, round: i64, records: i64) {
    let ticks: Arc<dyn Topic> = log.topic("ticks").await.expect("a topic");
    let from = now_ms() - 900_000 + round * 400_000;
    for p in 0..PARTITIONS {
        let mut batch = Vec::new();
        for i in 0..records {
            let symbol = format!("S{p}{}", i % 3);
            let close = 100.0 + (i * 37 % 91) as f64 / 7.0;
            let ts = Timestamp::from_millis(from + i * 900 - (i % 5) * 300);
            let value = match i % 17 {
                0 => b"{\"symbol\": 1".to_vec(),
                _ => format!(
                    r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{},"low":{close},"close":{close},"volume":{i}}}"#,
                    close + 1.0
                )
                .into_bytes(),
            };
            batch.push(NewRecord { key: Some(symbol.into_bytes()), value });
        }
        ticks.append(p, batch).await.expect("an append");
    }
}

fn checking() -> FsckOptions {
    FsckOptions { second_look: Duration::ZERO, ..FsckOptions::new(now_ms()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_changed_by_hand_in_cassandra_are_found_and_repaired() {
    let (place, log) = (place().await, log().await);
    append(&log, 0, 200).await;
    place.ingest(&log).await;
    let report = place.replay(Write::Nothing).await;
    assert!(report.holds() && report.equal > 100, "untouched: {report:?}");

    let session = SessionBuilder::new()
        .known_node(&place.keyspace.contact_points[0])
        .use_keyspace(&place.keyspace.keyspace, false)
        .build()
        .await
        .expect("a session");
    let rows = place.store.rows(&Default::default()).await.expect("rows");
    let finals =
        |name: &str| rows.iter().filter(|r| r.is_final && *r.name == *name).cloned().collect::<Vec<_>>();
    let (window, bar) = (finals("sma_5")[3].clone(), finals("5s")[5].clone());
    let key = |row: &market::FeatureRow| {
        format!(
            "symbol = '{}' AND name = '{}' AND day = '{}' AND window_start = {}",
            row.symbol,
            row.name,
            row.window_start.date(),
            row.window_start.micros() / 1_000
        )
    };
    for statement in [
        format!("DELETE FROM windows WHERE {}", key(&window)),
        format!("UPDATE bars SET close = 1.5 WHERE {}", key(&bar)),
    ] {
        session.query_unpaged(statement, ()).await.expect("a change by hand");
    }
    let found = place.replay(Write::Nothing).await;
    assert_eq!((found.missing, found.different, found.unexpected), (1, 1, 0), "{found:?}");
    let told = found.examples.iter().map(|d| (d.name.as_str(), d.column)).collect::<Vec<_>>();
    assert!(told.contains(&("sma_5", None)) && told.contains(&("5s", Some("close"))), "{told:?}");
    assert_eq!(place.replay(Write::AsOfNow).await.repaired, 2);
    let after = place.replay(Write::Nothing).await;
    assert!(after.holds() && after.rewritten == 2, "a delete by hand is covered: {after:?}");
    place.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_on_hdfs_is_checked_and_repaired() {
    let (place, log) = (place().await, log().await);
    append(&log, 0, 200).await;
    place.ingest(&log).await;
    let report = place.fsck(&checking()).await;
    assert_eq!(report.findings, [], "{report:#?}");
    assert!(report.partitions.iter().all(|p| p.rows == 200 && p.end == 200), "{report:#?}");

    // A state is lost, a rename was not made, a dead claimant left something.
    let heads = history::commits(&*place.lake, "").await.expect("heads");
    let state = heads[0].state.clone().expect("a state");
    place.lake.delete(state.deltas.last().unwrap_or(&state.full)).await.expect("a deletion");
    let raw = heads[1].files.iter().find(|f| f.path.starts_with("raw/")).expect("a raw file");
    place.lake.rename_no_overwrite(&raw.path, &raw.tmp).await.expect("a rename");
    place.lake.create("_tmp/p=00000/e=000000-dead/1.part", "x".into()).await.expect("a file");
    let problems = [Problem::DamagedState, Problem::Unrenamed, Problem::DeadTemporary];
    let report = place.fsck(&checking()).await;
    for problem in problems {
        assert_eq!(report.found(problem).count(), 1, "{problem:?}: {report:#?}");
    }
    let repair =
        FsckOptions { repair: true, take_over: true, semantics: Some(Arc::new(semantics())), ..checking() };
    let report = place.fsck(&repair).await;
    assert_eq!(report.repaired(), problems.len(), "{report:#?}");
    assert_eq!(place.lake.list("_tmp").await.expect("a listing"), []);
    let after = place.fsck(&checking()).await;
    assert!(after.is_sound(), "{after:#?}");

    // Ingest goes on from the repaired state, and everything is as it would have been.
    append(&log, 1, 100).await;
    place.ingest(&log).await;
    assert!(place.replay(Write::Nothing).await.holds());
    assert!(place.fsck(&checking()).await.is_sound());
    place.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_real_stores_comes_back_and_goes_on() {
    let (first, second, log) = (place().await, place().await, log().await);
    append(&log, 0, 200).await;
    first.ingest(&log).await;
    let dir = tempfile::tempdir().expect("a directory");
    let disk = LocalLake::open(dir.path()).expect("a directory");
    let options = BackupOptions { pipeline: "market".into(), notes: vec![], now_ms: now_ms() };
    let saved =
        backup(&*first.lake, "", &*first.store, &disk, "b", &options, &silent).await.expect("a backup");
    assert_eq!(saved.heads.iter().map(|h| h.end).collect::<Vec<_>>(), [200, 200]);

    let options = RestoreOptions { pipeline: "market".into(), now_ms: now_ms() };
    let again = || restore(&disk, "b", &*second.lake, "", &*second.store, &options, &silent);
    let restored = again().await.expect("a restore");
    assert_eq!(restored.rows.missing, restored.rows.repaired, "{restored:?}");
    assert_eq!(second.dump().await, first.dump().await);
    assert!(again().await.is_err(), "a target that holds something is refused");
    assert_eq!(second.fsck(&checking()).await.findings, []);

    append(&log, 1, 100).await;
    first.ingest(&log).await;
    second.ingest(&log).await;
    assert_eq!(second.dump().await, first.dump().await, "both go on at the committed offsets");
    first.leave().await;
    second.leave().await;
}
