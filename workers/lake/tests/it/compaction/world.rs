//! A small lake as ingest leaves it: two partitions, three arrival dates of which two are closed, small files.

use std::sync::Arc;

use bytes::Bytes;
use commitlog::{Commit, Layout, Table};
use lake::{
    Lake, LakeError, MemoryLake, history,
    tables::{BarWriter, DeadWriter, OwnedDeadLetter, OwnedRawRow, RawWriter},
};
use market::{FeatureRow, Ohlcv, Reason, Symbol, Timestamp};
use tokio::sync::OnceCell;

pub const DATES: [&str; 3] = ["2026-11-20", "2026-11-21", "2026-11-22"];
/// Offsets of one file.
const SPAN: u64 = 10;
/// Files of one table, partition and date.
pub const FILES: u64 = 3;

/// Everything that a reader of history sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub raw: Vec<OwnedRawRow>,
    pub dead: Vec<OwnedDeadLetter>,
    pub bars: Vec<FeatureRow>,
}

pub async fn seen(lake: &dyn Lake) -> Seen {
    try_seen(lake).await.expect("history can be read")
}

pub async fn try_seen(lake: &dyn Lake) -> Result<Seen, history::HistoryError> {
    Ok(Seen {
        raw: history::raw(lake, "").await?,
        dead: history::dead(lake, "").await?,
        bars: history::bars(lake, "", "1m", None, None, &[]).await?,
    })
}

pub fn raw_row(partition: u32, offset: u64) -> OwnedRawRow {
    let price = 100.0 + offset as f64 / 3.0;
    OwnedRawRow {
        symbol: Symbol::parse(["AAPL", "日経"][offset as usize % 2]).unwrap(),
        ts: Timestamp::from_micros(offset as i64 * 1_000_000),
        prices: Ohlcv { open: price, high: price, low: price, close: price, volume: 1.0 },
        tick_id: offset.is_multiple_of(3).then(|| offset.to_string()),
        generation: 1,
        partition,
        offset,
        record_ms: offset as i64,
        watermark: (offset > 0).then(|| Timestamp::from_micros(offset as i64)),
        late: false,
    }
}

fn dead_row(partition: u32, offset: u64) -> OwnedDeadLetter {
    OwnedDeadLetter {
        generation: 1,
        partition,
        offset,
        record_ms: 0,
        reason: Reason::ALL[0],
        first_offset: None,
        length: 3,
        sha256: [7; 32],
        bytes: b"bad".to_vec(),
    }
}

pub fn bar(partition: u32, offset: u64) -> FeatureRow {
    FeatureRow {
        symbol: Symbol::parse(&format!("S{partition}")).unwrap(),
        name: "1m".into(),
        window_start: Timestamp::from_micros(offset as i64 * 60_000_000),
        window_end: Timestamp::from_micros((offset as i64 + 1) * 60_000_000),
        sma: 1.0 / 3.0,
        n: 2,
        prices: raw_row(partition, offset).prices,
        vwap: None,
        is_final: true,
        revision: 1,
        partial: false,
        generation: 1,
        part: partition,
        last_offset: offset,
        index: 0,
        write_ts: offset as i64,
        indicators: vec![Some(0.5)],
        features: Some(vec![1.0]),
        schema_hash: 9,
    }
}

/// One file of a table for `start..start + SPAN`: every fifth record is a dead letter, and one bar ends the file.
fn file(table: &Table, partition: u32, start: u64) -> Bytes {
    let offsets = start..start + SPAN;
    match table {
        Table::Raw => {
            let mut writer = RawWriter::new();
            offsets.filter(|o| o % 5 != 0).for_each(|o| writer.push(&raw_row(partition, o).borrow()));
            writer.finish().unwrap()
        }
        Table::Dead => {
            let mut writer = DeadWriter::new();
            offsets.filter(|o| o % 5 == 0).for_each(|o| writer.push(&dead_row(partition, o).borrow()));
            writer.finish().unwrap()
        }
        _ => {
            let mut writer = BarWriter::new(&["rsi_14".into()], 9);
            writer.push(&bar(partition, start));
            writer.finish().unwrap()
        }
    }
}

pub fn tables() -> [Table; 3] {
    [Table::Raw, Table::Dead, Table::Bars("1m".into())]
}

/// The newest commit of a partition, of the last date; its files stand where the record says.
pub fn head(partition: u32, date: &str, recent: &[String]) -> Commit {
    let file = |path: &String| serde_json::json!({"table": "raw", "tmp": "_tmp/x", "final": path, "rows": 1, "bytes": 1, "crc": 0});
    let value = serde_json::json!({
        "partition": partition, "seq": 9, "kind": "data", "semantics_hash": "s", "generation": 1, "epoch": 1,
        "nonce": "n", "start": 0, "end": 1_000, "date": date, "files": [], "write_ts": 1, "record_ms": 1,
        "topic_id": "t", "counters": {}, "pending": [], "recent": recent.iter().map(file).collect::<Vec<_>>(),
        "fences": [0],
    });
    serde_json::from_value(value).expect("a commit")
}

/// A fresh lake and what a reader sees in it.
pub async fn lake() -> (MemoryLake, Seen) {
    lake_of(2, &DATES, FILES).await
}

/// A smaller one, for tests that need very many: one closed date.
pub async fn small() -> (MemoryLake, Seen) {
    static MADE: OnceCell<(Vec<(String, Bytes)>, Seen)> = OnceCell::const_new();
    let (files, seen) = MADE
        .get_or_init(|| async {
            let (lake, seen) = lake_of(1, &DATES[1..], 2).await;
            let mut files = Vec::new();
            for path in paths(&lake, "").await {
                files.push((path.clone(), lake.read(&path).await.unwrap()));
            }
            (files, seen)
        })
        .await;
    let lake = MemoryLake::new();
    for (path, bytes) in files {
        lake.create(path, bytes.clone()).await.unwrap();
    }
    (lake, seen.clone())
}

async fn lake_of(partitions: u32, dates: &[&str], files: u64) -> (MemoryLake, Seen) {
    let lake = MemoryLake::new();
    let layout = Layout::new("");
    for partition in 0..partitions {
        let mut start = 0;
        for date in dates {
            for _ in 0..files {
                for table in tables() {
                    let path = layout.data(&table, date, 1, partition, start, start + SPAN);
                    lake.create(&path, file(&table, partition, start)).await.unwrap();
                }
                start += SPAN;
            }
        }
        let head = head(partition, DATES[2], &[]);
        lake.create(&layout.commit(partition, 9), Bytes::from(head.encode())).await.unwrap();
    }
    let seen = seen(&lake).await;
    let rows = u64::from(partitions) * dates.len() as u64 * files * SPAN;
    assert_eq!((seen.raw.len() + seen.dead.len()) as u64, rows);
    (lake, seen)
}

/// Paths of a table's files.
pub async fn paths(lake: &dyn Lake, dir: &str) -> Vec<String> {
    lake.list(dir).await.unwrap().into_iter().map(|e| e.path).collect()
}

pub fn lost() -> LakeError {
    LakeError::OutcomeUnknown { path: "x".into(), reason: "timed out".into() }
}

pub fn shared(lake: &MemoryLake) -> Arc<dyn Lake> {
    Arc::new(lake.clone())
}
