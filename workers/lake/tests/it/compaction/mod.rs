//! Compaction: what it leaves, what it never touches, and that a reader sees every row once at every moment, however it
//! is killed, repeated and raced.

mod crash;
mod readers;
mod world;

use bytes::Bytes;
use commitlog::{Layout, Table};
use lake::{
    Lake, MemoryLake,
    compact::{self, Options, Report},
    tables::{OwnedRawRow, RawWriter, TableError, merge, read_raw},
};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use world::{DATES, FILES, head, lake, paths, raw_row, seen, tables};

pub async fn compacted(lake: &dyn Lake, options: &Options) -> Report {
    compact::run(lake, "", options, &|_| ()).await.expect("compaction")
}

#[tokio::test]
async fn closed_dates_become_one_file_a_table_and_partition() {
    let (lake, before) = lake().await;
    let report = compacted(&lake, &Options::default()).await;
    assert_eq!(seen(&lake).await, before);
    assert_eq!(report.records, 2, "one for each closed date: {report:?}");
    assert_eq!((report.files_before, report.files_after), (2 * 2 * 3 * FILES, 2 * 2 * 3));
    assert_eq!(report.left, Vec::<String>::new());
    let layout = Layout::new("");
    let raw = paths(&lake, "raw/ticks").await;
    assert!(raw.contains(&layout.data(&Table::Raw, DATES[0], 1, 1, 0, 30)), "{raw:?}");
    assert_eq!(raw.len() as u64, 2 * (2 + FILES), "the open date stays as it is: {raw:?}");
    assert_eq!(paths(&lake, "_tmp").await, Vec::<String>::new());
    assert_eq!(compacted(&lake, &Options::default()).await, Report::default(), "nothing is left to do");
}

#[tokio::test]
async fn what_is_needed_or_not_understood_stays() {
    let (lake, before) = lake().await;
    let layout = Layout::new("");
    let at = |p, start, end| layout.data(&Table::Raw, DATES[1], 1, p, start, end);
    // The newest commit rebuilds its duplicate set from this file.
    let needed = at(0, 50, 60);
    lake.damage(&layout.commit(0, 9), Bytes::from(head(0, DATES[2], std::slice::from_ref(&needed)).encode()));
    // Foreign and damaged files in a closed date.
    let foreign = format!("raw/ticks/date={}/part-0000.parquet.crc", DATES[1]);
    lake.create(&foreign, Bytes::from_static(b"x")).await.unwrap();
    let damaged = layout.data(&Table::Dead, DATES[1], 1, 1, 40, 50);
    let good = lake.read(&damaged).await.unwrap();
    lake.damage(&damaged, good.slice(..good.len() / 2));
    let report = compacted(&lake, &Options::default()).await;
    let left = paths(&lake, "raw/ticks").await;
    for kept in [&needed, &foreign] {
        assert!(left.contains(kept), "{kept}: {left:?}");
    }
    assert!(left.contains(&at(0, 30, 50)), "its neighbours are merged: {left:?}");
    assert!(report.left.len() == 1 && report.left[0].contains("dead-letters"), "{report:?}");
    assert_eq!(lake.stat(&damaged).await.unwrap(), Some(good.len() as u64 / 2));
    lake.damage(&damaged, good);
    assert_eq!(seen(&lake).await, before);
}

#[tokio::test]
async fn a_share_a_date_and_a_cut_are_kept_to() {
    let (lake, before) = lake().await;
    let share = Options {
        partitions: Some([1].into()),
        dates: Some([DATES[0].to_owned()].into()),
        ..Options::default()
    };
    assert_eq!(compacted(&lake, &share).await.files_before, 3 * FILES);
    let cut = Options { cut: Some(DATES[1].to_owned()), ..Options::default() };
    let report = compacted(&lake, &cut).await;
    assert_eq!(report.dates, [DATES[1].to_owned()].into(), "a date that retention takes is left to it");
    assert_eq!(
        paths(&lake, &format!("_log/compact/date={}", DATES[0])).await,
        Vec::<String>::new(),
        "its chain goes"
    );
    assert_eq!(seen(&lake).await, before);
    // A target too small for two files leaves everything.
    let small = Options { target_bytes: 10, ..Options::default() };
    assert_eq!(compacted(&lake, &small).await.records, 0);
}

/// A partition whose newest commit is of that date may still write into it; the others need not wait for it.
#[tokio::test]
async fn an_open_date_is_never_touched() {
    let (lake, before) = lake().await;
    lake.damage(&Layout::new("").commit(0, 9), Bytes::from(head(0, DATES[0], &[]).encode()));
    let report = compacted(&lake, &Options::default()).await;
    assert_eq!(report.files_before, 2 * 3 * FILES, "only partition 1");
    assert!(
        paths(&lake, "raw/ticks").await.iter().filter(|p| p.contains("p00000")).count() as u64 == 3 * FILES
    );
    assert_eq!(seen(&lake).await, before);
}

#[tokio::test]
async fn rows_that_stand_twice_are_named_and_not_merged() {
    let (lake, _) = lake().await;
    let layout = Layout::new("");
    let doubled = layout.data(&Table::Raw, DATES[0], 1, 0, 5, 15);
    let bytes = lake.read(&layout.data(&Table::Raw, DATES[0], 1, 0, 0, 10)).await.unwrap();
    lake.create(&doubled, bytes).await.unwrap();
    let before = paths(&lake, &format!("raw/ticks/date={}", DATES[0])).await;
    let report = compacted(&lake, &Options::default()).await;
    let after = paths(&lake, &format!("raw/ticks/date={}", DATES[0])).await;
    let of = |paths: &[String]| paths.iter().filter(|p| p.contains("p00000")).count();
    assert_eq!(of(&before), of(&after));
    assert!(report.left.iter().any(|l| l.contains("overlap") && l.contains("fsck")), "{report:?}");
}

fn raw_file(rows: impl Iterator<Item = OwnedRawRow>) -> Bytes {
    let mut writer = RawWriter::new();
    rows.for_each(|r| writer.push(&r.borrow()));
    writer.finish().unwrap()
}

#[test]
fn merged_files_let_readers_skip() {
    let parts: Vec<Bytes> =
        (0..3).map(|n| raw_file((n * 70_000..(n + 1) * 70_000).map(|o| raw_row(0, o)))).collect();
    let merged = merge(&Table::Raw, &parts).unwrap();
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0].extent.rows, 210_000);
    assert_eq!(merged[0].extent.max_offset, Some(209_999));
    assert_eq!(
        read_raw(merged[0].bytes.clone()).unwrap(),
        (0..210_000).map(|o| raw_row(0, o)).collect::<Vec<_>>()
    );
    let meta = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&merged[0].bytes)
        .unwrap();
    assert_eq!(meta.num_row_groups(), 2);
    for group in meta.row_groups() {
        assert!(group.num_rows() <= 128 * 1024);
        assert_eq!(group.sorting_columns().map(Vec::len), Some(3));
        let column = |name: &str| group.columns().iter().find(|c| c.column_path().string() == name).unwrap();
        assert!(
            column("symbol").bloom_filter_offset().is_some(),
            "a reader can pass a row group over by symbol"
        );
        assert!(column("symbol").dictionary_page_offset().is_some());
        for name in ["symbol", "ts", "kafka_offset"] {
            let statistics = column(name).statistics().expect("statistics");
            assert!(statistics.min_bytes_opt().is_some() && statistics.max_bytes_opt().is_some(), "{name}");
            assert!(
                column(name).column_index_offset().is_some() && column(name).offset_index_offset().is_some()
            );
        }
    }
    let apart = |group: usize| {
        let column =
            meta.row_group(group).columns().iter().find(|c| c.column_path().string() == "ts").unwrap();
        let statistics = column.statistics().unwrap();
        (statistics.min_bytes_opt().unwrap().to_vec(), statistics.max_bytes_opt().unwrap().to_vec())
    };
    assert_ne!(apart(0), apart(1), "row groups differ in time");
}

#[test]
fn only_what_belongs_together_is_merged() {
    let one = raw_file((0..10).map(|o| raw_row(0, o)));
    let two = raw_file((10..20).map(|o| raw_row(0, o)));
    for wrong in [[two.clone(), one.clone()], [one.clone(), one.clone()]] {
        let refused = merge(&Table::Raw, &wrong);
        assert!(
            matches!(refused, Err(TableError::Damaged { .. })),
            "rows out of order or doubled: {refused:?}"
        );
    }
    let other = raw_file((10..20).map(|o| raw_row(1, o)));
    assert!(merge(&Table::Raw, &[one.clone(), other]).is_err(), "another partition");
    let bars = |names: &[String], offset| {
        let mut writer = lake::tables::BarWriter::new(names, 9);
        writer.push(&world::bar(0, offset));
        writer.finish().unwrap()
    };
    let (rsi, obv) = (["rsi_14".to_owned()], ["obv".to_owned()]);
    let files = [bars(&rsi, 0), bars(&rsi, 1), bars(&obv, 2), bars(&rsi, 3)];
    let merged = merge(&Table::Bars("1m".into()), &files).unwrap();
    assert_eq!(
        merged.iter().map(|m| (m.inputs.start, m.inputs.end)).collect::<Vec<_>>(),
        [(0, 2)],
        "other columns stay apart"
    );
    for cut in [0, 1, one.len() / 2, one.len() - 1] {
        assert!(merge(&Table::Raw, &[one.slice(..cut), two.clone()]).is_err());
    }
    for at in (0..one.len()).step_by(11) {
        let mut damaged = one.to_vec();
        damaged[at] ^= 0x55;
        // A changed value may still be a value: what is asked for is that nothing panics.
        let _ = merge(&Table::Raw, &[Bytes::from(damaged), two.clone()]);
    }
}

/// The whole thing can run on any thread of a worker.
#[tokio::test]
async fn it_can_be_spawned() {
    let (lake, before) = lake().await;
    let worker = lake.clone();
    let report = tokio::spawn(async move { compact::run(&worker, "", &Options::default(), &|_| ()).await });
    assert_eq!(report.await.unwrap().unwrap().records, 2);
    let reader: MemoryLake = lake.clone();
    assert_eq!(tokio::spawn(async move { seen(&reader).await }).await.unwrap(), before);
    assert_eq!(tables().len(), 3);
}
