//! Rows beyond the contract: indicators and vectors, thousands of series and days, times to live.

use std::time::Duration;

use feature_store::{
    FeatureStore as _, RowQuery, RowSink as _,
    cassandra::{CassandraSettings, CassandraStore},
    conformance::row,
};
use market::{FeatureRow, Symbol, Timestamp};

use super::{SOON, connect, nowhere, prepared, until};

async fn with(name: &str, columns: &[&str]) -> CassandraSettings {
    let columns = columns.iter().map(|c| (*c).to_owned()).collect();
    let settings = CassandraSettings { indicator_columns: columns, ..nowhere(name).await };
    CassandraStore::init(&settings).await.expect("init");
    settings
}

fn of(symbol: &str, name: &str) -> RowQuery {
    RowQuery { symbol: Symbol::parse(symbol).ok(), name: Some(name.into()), ..RowQuery::default() }
}

#[tokio::test]
async fn indicators_and_vectors_come_back_to_the_bit() {
    let settings = with("bars", &["rsi_14", "obv"]).await;
    let store = connect(&settings).await;
    let bar = FeatureRow {
        indicators: vec![Some(f64::MIN_POSITIVE), None],
        features: Some(vec![0.1 + 0.2, -0.0, f64::MAX]),
        schema_hash: u64::MAX - 1,
        revision: u32::MAX,
        last_offset: u64::MAX,
        vwap: Some(1.0 / 3.0),
        ..row("BRK.B", "1m", -60, 1)
    };
    let cold = FeatureRow { features: None, indicators: vec![None, None], ..row("BRK.B", "1m", 0, 2) };
    store.upsert_rows(&[bar.clone(), cold.clone()]).await.expect("upsert");
    let read = store.rows(&of("BRK.B", "1m")).await.expect("read");
    assert_eq!(read, [bar.clone(), cold]);
    assert_eq!(read[0].features.as_ref().map(|f| f[1].to_bits()), Some((-0.0_f64).to_bits()));

    let gone =
        FeatureRow { vwap: None, features: None, indicators: vec![None, None], write_ts: 3, ..bar.clone() };
    store.upsert_rows(std::slice::from_ref(&gone)).await.expect("upsert");
    store.upsert_rows(&[bar]).await.expect("an old replay");
    let read = store.rows(&RowQuery { limit: Some(1), ..of("BRK.B", "1m") }).await.expect("read");
    assert_eq!(read, [gone], "a null covers the value before it, and stays");

    let other = FeatureRow { indicators: vec![Some(7.0)], ..row("BRK.B", "1m", 60, 1) };
    store.upsert_rows(std::slice::from_ref(&other)).await.expect("a bar of another manifest");
    let newest = RowQuery { newest_first: true, limit: Some(1), ..of("BRK.B", "1m") };
    let read = store.rows(&newest).await.expect("read");
    assert_eq!(read, [FeatureRow { indicators: vec![None, None], ..other }], "no value under a wrong name");
    CassandraStore::drop_all(&settings).await.expect("drop");
}

/// More series than one call encodes at once, more days than are read at once, more rows than a page has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_series_many_days_many_rows() {
    let settings = prepared("many").await;
    let store = connect(&settings).await;
    let closing: Vec<_> = (0..2_500)
        .flat_map(|i| [row(&format!("S{i}"), "1m", 0, 1), row(&format!("S{i}"), "sma_20", 0, 1)])
        .collect();
    store.upsert_rows(&closing).await.expect("upsert");
    let yearly: Vec<_> = (0..400).map(|day| row("DAILY", "1d", day * 86_400, 1)).collect();
    let dense: Vec<_> = (0..5_000).map(|i| row("DENSE", "1s", i, 1)).collect();
    store.upsert_rows(&[yearly.clone(), dense.clone()].concat()).await.expect("upsert");

    // Another process has no memory of what was indexed.
    let store = connect(&settings).await;
    assert_eq!(store.symbols().await.expect("symbols").len(), 2_502);
    assert_eq!(store.rows(&of("DAILY", "1d")).await.expect("read"), yearly);
    assert_eq!(store.rows(&of("DENSE", "1s")).await.expect("read"), dense);
    let newest = RowQuery { newest_first: true, limit: Some(70), ..of("DAILY", "1d") };
    let mut last = yearly[330..].to_vec();
    last.reverse();
    assert_eq!(store.rows(&newest).await.expect("read"), last);
    let some = RowQuery { limit: Some(2_100), ..of("DENSE", "1s") };
    assert_eq!(store.rows(&some).await.expect("read"), dense[..2_100]);
    let newest = RowQuery { newest_first: true, limit: Some(1), ..RowQuery::default() };
    assert_eq!(store.rows(&newest).await.expect("read"), yearly[399..]);
    let all = RowQuery { name: Some("sma_20".into()), ..RowQuery::default() };
    assert_eq!(store.rows(&all).await.expect("read").len(), 2_500);
    CassandraStore::drop_all(&settings).await.expect("drop");
}

/// The kind of a series is the manifest's business when it is written, and the index's when it is read.
#[tokio::test]
async fn a_window_that_left_the_manifest_is_still_read() {
    let settings = prepared("left").await;
    let rows = [row("A", "sma_20", 0, 1), row("A", "sma_20", 15, 2)];
    connect(&settings).await.upsert_rows(&rows).await.expect("upsert");
    let later = connect(&CassandraSettings { windows: vec![], ..settings.clone() }).await;
    assert_eq!(later.rows(&of("A", "sma_20")).await.expect("read"), rows);
    assert_eq!(later.rows(&RowQuery::default()).await.expect("read"), rows);
    CassandraStore::drop_all(&settings).await.expect("drop");
}

#[tokio::test]
async fn rows_end_by_themselves_counted_from_their_arrival() {
    let settings =
        CassandraSettings { features_ttl: Some(Duration::from_secs(3_600)), ..prepared("ttl").await };
    let store = connect(&settings).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let now = i64::try_from(now.as_micros()).expect("before 2262");
    let hour = 3_600_000_000;
    let fresh = row("A", "1m", 0, now);
    let ending = row("A", "1m", 60, now - hour + 4_000_000);
    let over = row("A", "1m", 120, now - hour - 1_000_000);
    store.upsert_rows(&[fresh.clone(), ending.clone(), over]).await.expect("upsert");
    let read = store.rows(&of("A", "1m")).await.expect("read");
    assert!(
        read == [fresh.clone(), ending] || read == [fresh.clone()],
        "what is over is not written: {read:?}"
    );
    until("the second row ends", SOON, async || {
        let read = store.rows(&of("A", "1m")).await.map_err(|e| e.to_string())?;
        if read == [fresh.clone()] { Ok(()) } else { Err(format!("{} rows", read.len())) }
    })
    .await;
    assert_eq!(store.expire(Some(Timestamp::MAX), None).await.expect("expire"), 0, "there is nothing to do");
    assert_eq!(store.rows(&of("A", "1m")).await.expect("read"), [fresh]);
    CassandraStore::drop_all(&settings).await.expect("drop");
}

#[tokio::test]
async fn an_instant_that_cassandra_would_cut_is_refused() {
    let settings = prepared("cut").await;
    let store = connect(&settings).await;
    let cut = FeatureRow { window_end: Timestamp::from_micros(60_000_001), ..row("A", "1m", 0, 1) };
    let error = store.upsert_rows(&[row("A", "1m", 60, 1), cut]).await.expect_err("a microsecond");
    assert!(error.to_string().contains("milliseconds"), "{error}");
    assert_eq!(store.rows(&RowQuery::default()).await.expect("read"), [], "a refused call leaves nothing");
    CassandraStore::drop_all(&settings).await.expect("drop");
}
