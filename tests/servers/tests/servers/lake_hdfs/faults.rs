//! Servers that die, stand still or refuse: what the adapter says, and that it goes on by itself afterwards.

use super::{settings, until};
use bytes::Bytes;
use lake::hdfs::HdfsLake;
use lake::{Lake, LakeError};
use market::ErrorKind;
use servers::{Options, Stack, unique};
use std::time::{Duration, Instant};

/// Longest time from the return of a server until files are written again.
const HEALED: Duration = Duration::from_secs(30);
/// A call's limit, and what a busy machine adds.
const LIMIT: Duration = Duration::from_secs(16);

async fn own() -> (Stack, HdfsLake) {
    let stack =
        Stack::start(Options { kafka: false, cassandra: false, ..Options::default() }).await.expect("hdfs");
    let lake = HdfsLake::connect(settings(stack.hdfs.uri(), "/c")).await.expect("a lake");
    (stack, lake)
}

/// Writes until it works, each time under a new name, as everyone does.
async fn healed(lake: &HdfsLake) -> String {
    let bytes = Bytes::from_static(b"after");
    let path = until("a write", HEALED, async || {
        let path = format!("_tmp/{}", unique("again"));
        lake.create(&path, bytes.clone()).await.map(|()| path)
    })
    .await;
    let read = until("a read", HEALED, async || lake.read(&path).await).await;
    assert_eq!(read, bytes);
    path
}

/// A stopped process of many threads stands still when the last of them does.
async fn stands_still(pid: u32) {
    until("every thread stands still", HEALED, async || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| e.to_string())?;
        let states =
            tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        let moving: Vec<String> = states.filter(|stat| !stat.contains(") T ")).collect();
        if moving.is_empty() { Ok(()) } else { Err(moving.join("; ")) }
    })
    .await;
}

fn passing(error: &LakeError) -> bool {
    matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unavailable)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_datanode_breaks_the_file_and_not_the_lake() {
    let (stack, lake) = own().await;
    let writing = {
        let lake = lake.clone();
        tokio::spawn(async move { lake.create("_tmp/torn", Bytes::from(vec![9; 512 << 20])).await })
    };
    until("the file is open", HEALED, async || match lake.stat("_tmp/torn").await {
        Ok(Some(_)) => Ok(()),
        other => Err(other),
    })
    .await;
    stack.hdfs.datanode.kill().expect("kill");
    let began = Instant::now();
    let error = writing.await.expect("the writer").expect_err("its DataNode is dead");
    assert!(passing(&error), "{error}");
    println!("a dead DataNode was noticed after {:?}: {error}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());

    let error = lake.create("_tmp/while-down", Bytes::from_static(b"x")).await.expect_err("nobody stores it");
    assert!(matches!(error, LakeError::Unavailable { .. }), "{error}");
    assert!(lake.stat("_tmp/nothing").await.is_ok(), "names can still be asked for");

    stack.hdfs.datanode.start().expect("start");
    healed(&lake).await;
    let left = until("the torn files go", HEALED, async || match lake.list("_tmp").await {
        Ok(listed) if listed.iter().all(|e| !e.path.contains("torn") && !e.path.contains("down")) => {
            Ok(listed.len())
        }
        other => Err(other),
    })
    .await;
    assert!(left >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_namenode_is_an_error_in_time_and_then_heals() {
    let (stack, lake) = own().await;
    lake.create("kept", Bytes::from_static(b"kept")).await.expect("create");
    lake.create("_tmp/source", Bytes::from_static(b"source")).await.expect("create");
    stack.hdfs.namenode.kill().expect("kill");
    for round in 0..2 {
        let began = Instant::now();
        let (stat, list, read, rename, create) = futures::join!(
            lake.stat("kept"),
            lake.list(""),
            lake.read("kept"),
            lake.rename_no_overwrite("_tmp/source", "placed"),
            lake.create("_tmp/new", Bytes::from_static(b"x")),
        );
        let errors = [stat.err(), list.err(), read.err(), rename.err(), create.err()];
        for error in &errors {
            assert!(error.as_ref().is_some_and(passing), "round {round}: {errors:?}");
        }
        assert!(began.elapsed() < LIMIT, "round {round}: {:?}", began.elapsed());
    }
    stack.hdfs.namenode.start().expect("start");
    stack.hdfs.wait_ready().await.expect("ready");
    healed(&lake).await;
    assert_eq!(lake.read("kept").await.expect("read"), Bytes::from_static(b"kept"));
    // The rename was carried out or not: never half.
    let (from, to) =
        (lake.stat("_tmp/source").await.expect("stat"), lake.stat("placed").await.expect("stat"));
    assert!(from.is_some() != to.is_some(), "{from:?} {to:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_namenode_holds_nobody_longer_than_the_limit() {
    let (stack, lake) = own().await;
    lake.create("_tmp/source", Bytes::from_static(b"source")).await.expect("create");
    stack.hdfs.namenode.pause().expect("pause");
    stands_still(stack.hdfs.namenode.pid().expect("it lives")).await;
    let began = Instant::now();
    let (stat, rename, list) =
        futures::join!(lake.stat("kept"), lake.rename_no_overwrite("_tmp/source", "placed"), lake.list(""),);
    let took = began.elapsed();
    stack.hdfs.namenode.resume().expect("resume");
    assert!((Duration::from_secs(9)..LIMIT).contains(&took), "{took:?}");
    assert!(matches!(stat, Err(LakeError::Unavailable { .. })), "{stat:?}");
    assert!(matches!(list, Err(LakeError::Unavailable { .. })), "{list:?}");
    assert!(matches!(rename, Err(LakeError::OutcomeUnknown { .. })), "it may still happen: {rename:?}");
    assert!(lake.reconnects() >= 1, "the silent connection is given up");
    healed(&lake).await;
    let (from, to) =
        (lake.stat("_tmp/source").await.expect("stat"), lake.stat("placed").await.expect("stat"));
    println!("after a rename without an answer: source {from:?}, destination {to:?}");
    assert!(from.is_some() != to.is_some(), "{from:?} {to:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safe_mode_is_waited_out() {
    let (stack, lake) = own().await;
    lake.create("kept", Bytes::from_static(b"kept")).await.expect("create");
    stack.hdfs.datanode.stop().expect("stop");
    stack.hdfs.namenode.kill().expect("kill");
    stack.hdfs.namenode.start().expect("start");
    let said = until("safe mode", HEALED, async || match lake.rename_no_overwrite("kept", "renamed").await {
        Err(e @ LakeError::Unavailable { .. }) if e.to_string().contains("SafeMode") => Ok(e),
        other => Err(other),
    })
    .await;
    println!("{said}");
    assert_eq!(lake.stat("kept").await, Ok(Some(4)), "names can be read in safe mode");
    let error = lake.create("_tmp/x", Bytes::from_static(b"x")).await.expect_err("safe mode");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    stack.hdfs.datanode.start().expect("start");
    healed(&lake).await;
}
