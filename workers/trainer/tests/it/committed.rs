//! Reading the committed view: ranges, `now`, settling bars, and the matrix as known at an instant.

use arrow::array::{Array as _, Float64Array};
use bytes::Bytes;
use commitlog::{Commit, Kind, Layout, Table};
use indicators::Calendar;
use lake::{Lake as _, tables::BarWriter};
use market::FeatureRow;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use trainer::{Instant, PointInTime, point_in_time};

use crate::{BAR, World, indicators, market_of_truth::bars, settings};

/// Puts bars on the lake as a committed file of partition 0.
async fn commit(world: &World, rows: &[FeatureRow]) {
    let layout = Layout::new("/data");
    let mut writer = BarWriter::new(indicators().columns(), rows[0].schema_hash);
    rows.iter().for_each(|row| writer.push(row));
    let path = layout.data(&Table::Bars("1m".to_owned()), "2025-01-02", 1, 0, 0, rows.len() as u64);
    world.lake.create(&path, writer.finish().unwrap()).await.unwrap();
    let head = Commit {
        partition: 0,
        seq: 0,
        kind: Kind::Data,
        semantics_hash: "00".to_owned(),
        generation: 1,
        epoch: 1,
        nonce: "n".to_owned(),
        start: 0,
        end: rows.len() as u64,
        date: Some("2025-01-02".to_owned()),
        files: Vec::new(),
        write_ts: 0,
        max_ts: rows.last().map(|row| row.window_end),
        watermark: rows.last().map(|row| row.window_end),
        record_ms: 0,
        topic_id: "t".to_owned(),
        last: None,
        counters: serde_json::json!({}),
        pending: Vec::new(),
        recent: Vec::new(),
        state: None,
        fences: Vec::new(),
        gap: None,
        skips: Vec::new(),
    };
    world.lake.create(&layout.commit(0, 0), Bytes::from(head.encode())).await.unwrap();
}

#[tokio::test]
async fn a_run_reads_what_is_committed_and_settles_before_from() {
    let world = World::new();
    let rows = bars("AAPL", 0.5, 1, 2_500);
    commit(&world, &rows).await;
    let train = async |uid: &str, from: Instant, to: Instant| {
        let mut run = settings(uid);
        (run.data.from, run.data.to) = (from, to);
        trainer::train(run, world.components(), |_| {}).await.unwrap()
    };
    let all = train("all", Instant::All, Instant::Now).await;
    assert_eq!(all.status["dataset"]["to"], rows[2_499].window_end.to_string(), "now is the watermark");
    let parity = |status: &serde_json::Value| {
        let conditions = status["conditions"].as_array().unwrap();
        conditions.iter().find(|c| c["type"] == "FeatureParity").unwrap()["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let message = parity(&all.status);
    assert!(message.contains(" 0 within 1e-9"), "a replay from the start is bit-equal: {message}");

    // A day of minutes: the recursive indicator starts elsewhere and has settled before the first row.
    let day = train("day", Instant::Ago(market::Span::from_secs(86_400)), Instant::Now).await;
    assert_eq!(day.status["dataset"]["rows"], 1_440);
    let message = parity(&day.status);
    assert!(!message.contains("differ"), "{message}");

    let end = Instant::At(rows[2_000].window_end);
    let cut = train("cut", Instant::All, end).await;
    assert_eq!(cut.status["dataset"]["to"], rows[2_000].window_end.to_string());
}

#[tokio::test]
async fn the_matrix_knows_nothing_after_its_instant() {
    let world = World::new();
    let rows = bars("AAPL", 0.5, 1, 300);
    commit(&world, &rows).await;
    let mut wanted = PointInTime {
        root: "/data".to_owned(),
        indicators: indicators(),
        calendar: Calendar::Always,
        data: settings("x").data,
        horizons: vec![5],
        as_of: Some(rows[199].window_end),
    };
    let outcomes = async |wanted: &PointInTime| {
        let (bytes, count) = point_in_time(world.lake.as_ref(), wanted).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), count);
        let column = |b: &arrow::record_batch::RecordBatch| {
            let y = b.column_by_name("y@5").unwrap().as_any().downcast_ref::<Float64Array>().unwrap().clone();
            (0..y.len()).map(|i| y.is_valid(i).then(|| y.value(i))).collect::<Vec<_>>()
        };
        batches.iter().flat_map(column).collect::<Vec<_>>()
    };
    let early = outcomes(&wanted).await;
    assert_eq!(early.iter().filter(|y| y.is_none()).count(), 5, "the last five have no outcome yet");
    wanted.as_of = None;
    wanted.data.to = Instant::At(rows[199].window_end);
    let late = outcomes(&wanted).await;
    assert_eq!((late.len(), late.iter().filter(|y| y.is_none()).count()), (early.len(), 0));
    assert_eq!(early[..early.len() - 5], late[..late.len() - 5]);
    let y = libm::log(rows[199].prices.close / rows[194].prices.close);
    assert_eq!(late[late.len() - 6], Some(y));
    assert_eq!(BAR.to_string(), "1m");
}
