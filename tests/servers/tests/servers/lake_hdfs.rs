//! The lake on a real HDFS: the conformance suite, and a probe of every assumption that the adapter rests on.
//!
//! What breaks servers stands in [`faults`], two NameNodes and wrong identities in [`identities`], compaction and the
//! speed of large directories in [`state`].

mod faults;
mod identities;
mod kerberos;
mod state;

use bytes::Bytes;
use hdfs_native::{ClientBuilder, WriteOptions};
use lake::hdfs::{HdfsLake, HdfsSettings, checks};
use lake::{Lake, LakeError, conformance};
use market::Verdict;
use servers::{shared, unique};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) fn settings(uri: &str, root: &str) -> HdfsSettings {
    HdfsSettings {
        uri: Some(uri.to_owned()),
        config_dir: None,
        user: "stockpipe".to_owned(),
        root: root.to_owned(),
        kerberos: None,
    }
}

/// A lake of its own on the shared servers, and its root.
pub(super) async fn fresh() -> (HdfsLake, String) {
    let root = format!("/c/{}", unique("lake"));
    let lake = HdfsLake::connect(settings(shared().await.hdfs.uri(), &root)).await.expect("a lake");
    (lake, root)
}

/// Waits until `look` gives something, and says what was seen last otherwise.
pub(super) async fn until<T, E: std::fmt::Debug>(
    what: &str,
    limit: Duration,
    look: impl AsyncFn() -> Result<T, E>,
) -> T {
    let began = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if began.elapsed() > limit => {
                panic!("{what}: not within {limit:?}; last seen: {seen:?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hdfs_conforms() {
    conformance::suite(|| async { Arc::new(fresh().await.0) as Arc<dyn Lake> }).await;
}

/// Eight clients, each with a connection of its own, over and over: always one winner, whose bytes stand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_racing_clients_one_wins() {
    let uri = shared().await.hdfs.uri();
    let (_, root) = fresh().await;
    let mut racers = Vec::new();
    for _ in 0..8 {
        racers.push(HdfsLake::connect(settings(uri, &root)).await.expect("a lake"));
    }
    for round in 0..4 {
        let made = racers.iter().enumerate().map(|(n, lake)| async move {
            lake.create(&format!("_tmp/{round}/{n}"), Bytes::from(n.to_string())).await.expect("create");
        });
        futures::future::join_all(made).await;
        let to = format!("log/{round}.commit");
        let raced = racers.iter().enumerate().map(|(n, lake)| {
            let to = to.clone();
            async move { lake.rename_no_overwrite(&format!("_tmp/{round}/{n}"), &to).await }
        });
        let results = futures::future::join_all(raced).await;
        let won: Vec<usize> = (0..8).filter(|n| results[*n].is_ok()).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        for lost in results.iter().filter_map(|r| r.as_ref().err()) {
            assert!(matches!(lost, LakeError::AlreadyExists { .. }), "{lost}");
        }
        let stands = racers[0].read(&to).await.expect("read");
        assert_eq!(stands, Bytes::from(won[0].to_string()));
    }
}

/// Two creators of one name: one wins, and nobody ever sees half of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_creators_one_wins_and_no_half_file_shows() {
    let (lake, _) = fresh().await;
    let contents: Vec<Bytes> = (0..8u8).map(|n| Bytes::from(vec![n; 300_000])).collect();
    let creators = contents.iter().map(|bytes| lake.create("claim.json", bytes.clone()));
    let watching = async {
        let began = Instant::now();
        loop {
            match lake.read("claim.json").await {
                Ok(bytes) => return bytes,
                Err(LakeError::NotFound { .. }) if began.elapsed() < Duration::from_secs(30) => {}
                Err(other) => panic!("a reader saw {other}"),
            }
        }
    };
    let (results, seen) = futures::join!(futures::future::join_all(creators), watching);
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1, "{results:?}");
    assert!(contents.contains(&seen), "{} bytes", seen.len());
    assert_eq!(lake.list("").await.expect("list").len(), 1, "the losers leave nothing that shows");
}

/// The assumption behind "write in one go": an open file shows no content and cannot be taken by another creator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_file_cannot_be_read_nor_created_again() {
    let (lake, root) = fresh().await;
    let client = ClientBuilder::new().with_url(shared().await.hdfs.uri()).build().expect("a client");
    let path = format!("{root}/_tmp/open");
    let mut writer = client.create(&path, WriteOptions::default()).await.expect("create");
    writer.write_bytes(Bytes::from(vec![7; 1 << 20])).await.expect("write");
    writer.hsync().await.expect("sync");
    let seen = lake.read("_tmp/open").await.expect("an open file can be opened");
    assert!(seen.is_empty(), "{} bytes of an open file", seen.len());
    let again = lake.create("_tmp/open", Bytes::from_static(b"mine")).await;
    assert!(matches!(again, Err(LakeError::AlreadyExists { .. })), "{again:?}");
    writer.close().await.expect("close");
    assert_eq!(lake.read("_tmp/open").await.expect("read").len(), 1 << 20);
    assert_eq!(lake.stat("_tmp/open").await.expect("stat"), Some(1 << 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_names_what_is_missing_or_taken() {
    let (lake, _) = fresh().await;
    lake.create("a", Bytes::from_static(b"a")).await.expect("create");
    lake.create("dir/b", Bytes::from_static(b"b")).await.expect("create");
    let missing = lake.rename_no_overwrite("nobody", "a").await.expect_err("no source");
    assert!(matches!(&missing, LakeError::NotFound { path } if path == "nobody"), "{missing}");
    let onto_directory = lake.rename_no_overwrite("a", "dir").await.expect_err("a directory has the name");
    assert!(matches!(onto_directory, LakeError::AlreadyExists { .. }), "{onto_directory}");
    assert_eq!(lake.stat("a").await, Ok(Some(1)), "and the source stays");
    assert_eq!(lake.list("dir/b").await, Ok(vec![]), "a file is no directory");
    assert_eq!(lake.read("dir").await.expect_err("a directory"), LakeError::NotFound { path: "dir".into() });
}

/// Whatever stood before a listing began is in it once, although files come and go meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_holds_while_files_come_and_go() {
    let (lake, _) = fresh().await;
    let name = |n: usize| format!("date={}/f{n:05}", n % 3);
    let made = (0..1_500).map(|n| {
        let (lake, path) = (lake.clone(), format!("_tmp/{}", name(n)));
        async move { lake.create(&path, Bytes::new()).await.expect("create") }
    });
    futures::future::join_all(made).await;
    let (lister, changer) = (lake.clone(), lake.clone());
    let changing = tokio::spawn(async move {
        for n in 1_500..1_900 {
            changer.create(&format!("_tmp/{}", name(n)), Bytes::new()).await.expect("create");
            if n % 2 == 0 {
                changer.delete(&format!("_tmp/{}", name(n))).await.expect("delete");
            }
        }
    });
    let mut rounds = 0;
    while !changing.is_finished() || rounds == 0 {
        let listed = lister.list("_tmp").await.expect("list");
        let paths: BTreeSet<&str> = listed.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths.len(), listed.len(), "a file is listed once");
        let gone = (0..1_500).find(|n| !paths.contains(format!("_tmp/{}", name(*n)).as_str()));
        assert_eq!(gone, None, "round {rounds}");
        rounds += 1;
    }
    changing.await.expect("the changer");
}

/// Closing costs half a second each; commits of many partitions overlap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_many_partitions_are_written_at_once() {
    let (lake, _) = fresh().await;
    let one = Instant::now();
    lake.create("_tmp/alone", Bytes::from(vec![1; 100_000])).await.expect("create");
    let one = one.elapsed();
    let began = Instant::now();
    let many = (0..16).map(|n| {
        let lake = &lake;
        async move { lake.create(&format!("_tmp/{n}"), Bytes::from(vec![1; 100_000])).await }
    });
    for result in futures::future::join_all(many).await {
        result.expect("create");
    }
    // How long it takes is no matter of a test: a close waits half a second for the DataNode's report, or not at all.
    println!("one file: {one:?}; sixteen at once: {:?}", began.elapsed());
    assert_eq!(lake.list("_tmp").await.expect("list").len(), 17);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_a_healthy_cluster_and_names_a_silent_one() {
    let (lake, root) = fresh().await;
    let found = checks(&settings(shared().await.hdfs.uri(), &root)).await;
    let failed: Vec<_> = found.iter().filter(|c| c.verdict == Verdict::Fail).collect();
    assert!(failed.is_empty(), "{failed:?}");
    for name in ["reachable", "writable", "rename", "replication", "power"] {
        assert!(found.iter().any(|c| c.name.contains(name)), "{name}: {found:?}");
    }
    assert_eq!(lake.list("").await.expect("list"), [], "nothing is left behind");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = nobody.local_addr().expect("its number").port();
    let began = Instant::now();
    let found = checks(&settings(&format!("hdfs://127.0.0.1:{port}"), "/c")).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(found.iter().any(|c| c.verdict == Verdict::Fail && !c.remedy.is_empty()), "{found:?}");
    drop(nobody);
    let refused = checks(&settings(&format!("hdfs://127.0.0.1:{port}"), "/c")).await;
    assert!(refused.iter().any(|c| c.verdict == Verdict::Fail && c.name == "hdfs: reachable"), "{refused:?}");
}
