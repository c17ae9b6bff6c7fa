//! What grows with time on a real HDFS: a log of ten thousand commits, and a date of many small files.

use super::fresh;
use bytes::Bytes;
use commitlog::{Commit, Layout, Table};
use futures::{StreamExt, stream};
use lake::compact::{self, Options};
use lake::tables::{OwnedRawRow, RawWriter};
use lake::{Lake, history};
use market::{Ohlcv, Symbol, Timestamp};
use std::time::{Duration, Instant};

fn head(seq: u64, date: &str, end: u64) -> Commit {
    let value = serde_json::json!({
        "partition": 0, "seq": seq, "kind": "data", "semantics_hash": "s", "generation": 1, "epoch": 1, "nonce": "n",
        "start": end, "end": end, "date": date, "files": [], "write_ts": 1, "record_ms": 1, "topic_id": "t",
        "counters": {}, "pending": [], "recent": [], "fences": [0],
    });
    serde_json::from_value(value).expect("a commit")
}

/// A log that nobody has swept: sweeping keeps about a hundred of its records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_of_ten_thousand_commits_is_found_at_once() {
    let commits: u64 = if std::env::var_os("STOCKPIPE_LONG").is_some() { 10_000 } else { 2_500 };
    let (lake, _) = fresh().await;
    let layout = Layout::new("");
    // Empty files cost no DataNode; only the newest record is read.
    let made = (0..commits - 1).map(|seq| {
        let path = format!("_tmp/log/{seq:020}.commit");
        let (lake, to) = (lake.clone(), layout.commit(0, seq));
        async move {
            lake.create(&path, Bytes::new()).await.expect("create");
            lake.rename_no_overwrite(&path, &to).await.expect("rename");
        }
    });
    futures::future::join_all(made).await;
    let newest = head(commits - 1, "2026-11-22", 77);
    lake.create(&layout.commit(0, commits - 1), Bytes::from(newest.encode())).await.expect("create");
    let began = Instant::now();
    let listed = lake.list(&layout.log(0)).await.expect("list");
    let listing = began.elapsed();
    assert_eq!(listed.len() as u64, commits);
    let began = Instant::now();
    let heads = history::commits(&lake, "").await.expect("heads");
    println!("{commits} commits: listed in {listing:?}, newest read in {:?}", began.elapsed());
    assert_eq!((heads.len(), heads[0].seq, heads[0].end), (1, commits - 1, 77));
    // A state: one full file and a hundred deltas.
    let states: Vec<String> = (0..101).map(|n| format!("_tmp/state/{n}")).collect();
    let made = states.iter().map(|path| lake.create(path, Bytes::from(vec![7; 2_000])));
    for result in futures::future::join_all(made).await {
        result.expect("create");
    }
    for at_once in [1, 16] {
        let began = Instant::now();
        let reading = states.clone().into_iter().map(|path| {
            let lake = &lake;
            async move { lake.read(&path).await.expect("read").len() }
        });
        let read: usize = stream::iter(reading).buffered(at_once).collect::<Vec<_>>().await.into_iter().sum();
        println!("a state of 101 files, {at_once} read at once: {:?}", began.elapsed());
        assert_eq!(read, 101 * 2_000);
    }
    // An order of magnitude above what a busy machine takes.
    assert!(listing < Duration::from_secs(20), "{listing:?}");
}

fn raw_file(from: u64, to: u64) -> Bytes {
    let mut writer = RawWriter::new();
    for offset in from..to {
        let row = OwnedRawRow {
            symbol: Symbol::parse(["AAPL", "MSFT"][offset as usize % 2]).expect("a symbol"),
            ts: Timestamp::from_micros(offset as i64 * 1_000),
            prices: Ohlcv { open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: offset as f64 },
            tick_id: None,
            generation: 1,
            partition: 0,
            offset,
            record_ms: offset as i64,
            watermark: None,
            late: false,
        };
        writer.push(&row.borrow());
    }
    writer.finish().expect("a file")
}

/// Compaction on HDFS beside a reader that never stops looking.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_files_are_merged_under_a_reader() {
    const FILES: u64 = 24;
    const ROWS: u64 = 500;
    let (lake, _) = fresh().await;
    let layout = Layout::new("");
    let made = (0..FILES).map(|n| {
        let path = layout.data(&Table::Raw, "2026-11-21", 1, 0, n * ROWS, (n + 1) * ROWS);
        let (lake, bytes) = (lake.clone(), raw_file(n * ROWS, (n + 1) * ROWS));
        async move { lake.create(&path, bytes).await.expect("create") }
    });
    futures::future::join_all(made).await;
    lake.create(&layout.commit(0, 9), Bytes::from(head(9, "2026-11-22", FILES * ROWS).encode()))
        .await
        .expect("head");
    let offsets = async |lake: &dyn Lake| -> Vec<u64> {
        history::raw(lake, "").await.expect("history").iter().map(|r| r.offset).collect()
    };
    let all: Vec<u64> = (0..FILES * ROWS).collect();
    assert_eq!(offsets(&lake).await, all);
    let worker = lake.clone();
    let compacting =
        tokio::spawn(async move { compact::run(&worker, "", &Options::default(), &|_| ()).await });
    let mut looks = 0;
    while !compacting.is_finished() || looks == 0 {
        assert!(offsets(&lake).await == all, "look {looks}");
        looks += 1;
    }
    let report = compacting.await.expect("no panic").expect("compaction");
    println!("{report:?} under {looks} looks");
    assert_eq!((report.files_before, report.files_after, report.rows), (FILES, 1, FILES * ROWS));
    assert_eq!(offsets(&lake).await, all);
    assert_eq!(lake.list("raw/ticks").await.expect("list").len(), 1);
    assert_eq!(lake.list("_tmp").await.expect("list"), []);
}
