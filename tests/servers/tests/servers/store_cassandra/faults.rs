//! A Cassandra that dies, stands still or comes later: what the store says, for how long it tries, and that it heals
//! without being opened again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use feature_store::{
    FeatureStore, RowQuery, RowSink as _,
    cassandra::{CassandraStore, checks},
    conformance::row,
};
use market::{Alias, AliasEvent, AliasKey, ErrorKind, Timestamp, Verdict};
use servers::{Options, Stack, unique};

use super::{connect, settings, until};

/// Longest time from the return of the node until rows are written again.
const HEALED: Duration = Duration::from_secs(60);
/// The store tries for 10 s; a busy machine adds some.
const GIVES_UP: Duration = Duration::from_secs(20);

async fn own() -> Stack {
    let options = Options { kafka: false, hdfs: false, ..Options::default() };
    Stack::start(options).await.expect("a Cassandra of our own")
}

/// Writes row after row as ingest does: each call again until it succeeded.
async fn writes(store: Arc<CassandraStore>, rows: i64) -> u32 {
    let mut failed = 0;
    for i in 0..rows {
        let call: Vec<_> = ["A", "B", "C"].map(|s| row(s, "1m", i * 60, i)).into();
        let deadline = Instant::now() + Duration::from_secs(180);
        while let Err(error) = store.upsert_rows(&call).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            assert!(Instant::now() < deadline, "{error}");
            failed += 1;
        }
    }
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_rows_survive_and_the_store_heals() {
    let stack = own().await;
    let settings = settings(stack.cassandra.contact(), &unique("heals"));
    until("init", HEALED, async || CassandraStore::init(&settings).await).await;
    let store = Arc::new(connect(&settings).await);
    let rows = 3_000;
    let writer = tokio::spawn(writes(store.clone(), rows));
    let query =
        RowQuery { symbol: market::Symbol::parse("A").ok(), name: Some("1m".into()), ..RowQuery::default() };
    let count = async || store.rows(&query).await.map(|rows| rows.len() as i64);
    for share in [4, 2] {
        until("some rows are there", HEALED, async || match count().await {
            Ok(n) if n >= rows / share => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let before = count().await.expect("read");
        stack.cassandra.kill().expect("kill -9");
        stack.cassandra.restart().await.expect("restart");
        let back = Instant::now();
        let after = until("it answers again", HEALED, count).await;
        println!("{:?} after the node was ready the store read again", back.elapsed());
        assert!(after >= before, "{after} rows, {before} were read before");
    }
    let failed = writer.await.expect("the writer");
    println!("{failed} calls failed and came again");
    assert_eq!(count().await.expect("read"), rows);

    // Down: within its time it says so, and so does doctor.
    stack.cassandra.kill().expect("kill -9");
    let began = Instant::now();
    let error = store.upsert_rows(&[row("A", "1m", 0, 1)]).await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < GIVES_UP, "{:?}", began.elapsed());
    assert!(error.to_string().contains(stack.cassandra.contact()), "{error}");
    let began = Instant::now();
    let found = checks(&settings).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(found.iter().any(|c| c.verdict == Verdict::Fail), "{found:?}");
    let error = CassandraStore::connect(settings.clone()).await.map(drop).expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    stack.cassandra.start().expect("start");
    let again = row("A", "1m", 0, 1);
    until("the same store writes again", HEALED, async || {
        store.upsert_rows(std::slice::from_ref(&again)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stands_still_is_waited_for_and_no_swap_is_lost_or_doubled() {
    let stack = own().await;
    let settings = settings(stack.cassandra.contact(), &unique("still"));
    until("init", HEALED, async || CassandraStore::init(&settings).await).await;
    let store = Arc::new(connect(&settings).await);
    let key = AliasKey { pipeline: "market".into(), bar: "1m".into(), horizon: 1 };
    let event = |seq| AliasEvent {
        seq,
        alias: Alias::Champion,
        version: Some(seq),
        effective_from: Timestamp::from_micros(0),
        at: Timestamp::from_micros(0),
        actor: "trainer".into(),
        reason: "gate passed".into(),
    };
    assert!(store.append_alias(&key, &event(1)).await.expect("append"));
    stack.cassandra.pause().expect("pause");
    let swap = {
        let (store, key, event) = (store.clone(), key.clone(), event(2));
        tokio::spawn(async move { store.append_alias(&key, &event).await })
    };
    let began = Instant::now();
    let error = store.upsert_rows(&[row("A", "1m", 0, 1)]).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < GIVES_UP, "{:?}", began.elapsed());
    stack.cassandra.resume().expect("resume");
    until("rows go through again", HEALED, async || store.upsert_rows(&[row("A", "1m", 0, 1)]).await).await;
    // The swap has happened, or it is made again; never twice, never with a hole.
    if !matches!(swap.await.expect("no panic"), Ok(true)) {
        until("the swap is there", HEALED, async || {
            let next = store.append_alias(&key, &event(2)).await.map_err(|e| e.to_string())?;
            let history = store.alias_history(&key).await.map_err(|e| e.to_string())?;
            if next || history.len() == 2 { Ok(()) } else { Err(format!("{history:?}")) }
        })
        .await;
    }
    let history = store.alias_history(&key).await.expect("read");
    assert_eq!(history, [event(1), event(2)]);
}
