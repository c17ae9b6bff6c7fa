//! The tables of the replaced system, read as its readers read them.

use std::collections::BTreeMap;

use feature_store::{
    FeatureStore as _, RowSink as _,
    cassandra::{CassandraSettings, CassandraStore},
    conformance::{prediction, row},
};
use market::{FeatureRow, PredictionRow, Role, Span, Symbol, Timestamp};
use rand::{RngExt as _, SeedableRng as _};
use windowing::{PairedRow, SmaPairing};

use super::{connect, plain, prepared};

const SYMBOLS: [&str; 3] = ["A", "B", "C"];
/// Seconds since 1970, a multiple of every slide; the windows cross midnight.
const START: i64 = 1_767_225_600 - 600;

fn window(symbol: &str, name: &str, end: i64) -> FeatureRow {
    let size = if name == "sma_5" { 15 } else { 60 };
    // A tick a second with close = second: the mean of the seconds it holds.
    let sma = (end - START) as f64 - (size + 1) as f64 / 2.0;
    let at = |s: i64| Timestamp::from_micros(s * 1_000_000);
    FeatureRow {
        sma,
        window_start: at(end - size),
        window_end: at(end),
        ..row(symbol, name, end - size, end)
    }
}

/// Final rows in closing order, with holes: a window without a tick does not exist.
fn closing(seconds: i64, share: f64) -> Vec<FeatureRow> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(8);
    let mut rows = Vec::new();
    for end in (START..START + seconds).step_by(5) {
        for symbol in SYMBOLS {
            for name in ["sma_20", "sma_5"].into_iter().filter(|n| *n == "sma_5" || end % 15 == 0) {
                if random.random_bool(share) {
                    rows.push(window(symbol, name, end));
                }
            }
        }
    }
    rows
}

fn paired(rows: &[FeatureRow], reach: u32) -> Vec<PairedRow> {
    let mut pairing = SmaPairing::new(Span::from_secs(reach));
    let mut paired: Vec<_> = rows.iter().filter_map(|row| pairing.pair(row)).collect();
    paired.sort_by(|a, b| (&a.symbol, a.bucket_start).cmp(&(&b.symbol, b.bucket_start)));
    paired
}

/// A table as a reader of the replaced system sees it; `ts` is the end of the bucket in both.
async fn stored(settings: &CassandraSettings, table: &str) -> Vec<PairedRow> {
    use scylla::value::CqlTimestamp as Ts;
    let session = plain(settings).await;
    let mut found = Vec::new();
    for symbol in SYMBOLS {
        let cql = format!("SELECT ts, bucket_start, bucket_end, sma_5, sma_20 FROM {table} WHERE symbol = ?");
        let answer =
            session.query_unpaged(cql, (symbol,)).await.expect("read").into_rows_result().expect("rows");
        for read in answer.rows::<(Ts, Ts, Ts, f64, Option<f64>)>().expect("typed") {
            let (ts, start, end, sma_5, sma_20) = read.expect("a row");
            assert_eq!(ts, end);
            let (bucket_start, bucket_end) = (Timestamp::from_millis(start.0), Timestamp::from_millis(end.0));
            let symbol = Symbol::parse(symbol).expect("a symbol");
            found.push(PairedRow { symbol, bucket_start, bucket_end, sma_5, sma_20 });
        }
    }
    found.sort_by(|a, b| (&a.symbol, a.bucket_start).cmp(&(&b.symbol, b.bucket_start)));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn features_are_what_was_known_when_the_bucket_ended() {
    let settings = prepared("paired").await;
    let rows = closing(1_200, 0.7);
    // Calls of many sizes; every few calls another process goes on, which has seen nothing; each call comes twice.
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(20);
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let store = connect(&settings).await;
        for _ in 0..5 {
            let (call, later) = rest.split_at(random.random_range(0..=rest.len().min(60)));
            rest = later;
            let mut call = call.to_vec();
            let open = call.last().map(|last| FeatureRow { is_final: false, sma: -1.0, ..last.clone() });
            call.extend(open.map(|row| FeatureRow { write_ts: row.write_ts - 1, ..row }));
            store.upsert_rows(&call).await.expect("upsert");
            store.upsert_rows(&call).await.expect("again");
        }
    }
    let expected = paired(&rows, 15);
    assert!(expected.iter().any(|p| p.sma_20.is_none()) && expected.iter().any(|p| p.sma_20.is_some()));
    for table in ["features", "features_by_bucket"] {
        assert_eq!(stored(&settings, table).await, expected, "{table}");
    }
    // The rows can tell a right rule from wrong ones: a longer reach, and one that looks ahead.
    assert_ne!(paired(&rows, 30), expected);
    let ahead: BTreeMap<_, _> = rows
        .iter()
        .filter(|r| &*r.name == "sma_20")
        .map(|r| ((r.symbol.clone(), r.window_start), r.sma))
        .collect();
    assert!(expected.iter().any(|p| {
        ahead.get(&(p.symbol.clone(), p.bucket_start)).is_some_and(|future| Some(*future) != p.sma_20)
    }));
    CassandraStore::drop_all(&settings).await.expect("drop");
}

/// A close that rises by one each second: every value is known in the head.
#[tokio::test]
async fn a_bucket_never_sees_its_future() {
    let settings = prepared("rising").await;
    connect(&settings).await.upsert_rows(&closing(300, 1.0)).await.expect("upsert");
    let found = stored(&settings, "features_by_bucket").await;
    assert_eq!(found.len(), 3 * 60);
    for bucket in found {
        let end = bucket.bucket_end.micros() / 1_000_000 - START;
        let long_end = end - end.rem_euclid(15);
        assert_eq!(bucket.sma_5, end as f64 - 8.0);
        assert_eq!(bucket.sma_20, Some(long_end as f64 - 30.5), "the last window that ended by {end}");
    }
    CassandraStore::drop_all(&settings).await.expect("drop");
}

#[tokio::test]
async fn predictions_are_prices_of_the_served_version() {
    let settings = prepared("prices").await;
    let store = connect(&settings).await;
    let of = |horizon, version, role, made| PredictionRow {
        version,
        role,
        close: 200.0,
        y_pred: 0.01,
        as_of: Timestamp::from_micros(600_000_000),
        ..prediction("A", horizon, 600 + 60 * i64::from(horizon), made)
    };
    store
        .put_predictions(&[of(5, 3, Role::Champion, 601), of(1, 4, Role::Challenger, 601)])
        .await
        .expect("put");
    store
        .put_predictions(&[of(1, 3, Role::Champion, 601), of(1, 9, Role::Champion, 700)])
        .await
        .expect("put");
    let session = plain(&settings).await;
    let cql = "SELECT symbol, ts, y_pred, model, horizon FROM predictions";
    let answer = session.query_unpaged(cql, ()).await.expect("read").into_rows_result().expect("rows");
    let read: (String, scylla::value::CqlTimestamp, f64, String, String) =
        answer.single_row().expect("one row");
    assert_eq!((read.0.as_str(), read.1.0, read.3.as_str(), read.4.as_str()), ("A", 600_000, "v3", "t+1"));
    assert!((read.2 - 202.010_033_416_8).abs() < 1e-9, "200 * e^0.01: {}", read.2);
    CassandraStore::drop_all(&settings).await.expect("drop");
}
