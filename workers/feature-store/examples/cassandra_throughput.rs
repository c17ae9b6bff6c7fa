//! What a Cassandra takes and how fast it answers: latency of one upsert of 1, 20 and 1,000 rows, rows a second when
//! the windows of 8,000 symbols close at once, and the reads of a dashboard.
//!
//! `cargo run --release -p stockpipe-feature-store --example cassandra_throughput -- 127.0.0.1:9042 some_keyspace`
//!
//! The keyspace is made, filled, and dropped again.

use std::{
    env,
    error::Error,
    time::{Duration, Instant},
};

use feature_store::{
    FeatureStore as _, RowQuery, RowSink as _,
    cassandra::{CassandraSettings, CassandraStore},
    conformance::row,
};
use market::{FeatureRow, Span, Symbol, Timestamp};

const SYMBOLS: usize = 8_000;
const INDICATORS: usize = 12;
/// 2026-11-23T10:00:00Z.
const NOON: i64 = 1_795_428_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let contact = args.next().unwrap_or_else(|| "127.0.0.1:9042".into());
    let keyspace = args.next().unwrap_or_else(|| "stockpipe_throughput".into());
    let s = Span::from_secs;
    let settings = CassandraSettings {
        contact_points: vec![contact],
        datacenter: "datacenter1".into(),
        keyspace,
        replication_factor: 1,
        username: None,
        password: None,
        tls: None,
        indicator_columns: (0..INDICATORS).map(|i| format!("indicator_{i}")).collect(),
        windows: vec![("sma_5".into(), s(15), s(5)), ("sma_20".into(), s(60), s(15))],
        features_ttl: None,
        predictions_ttl: None,
    };
    let start = Instant::now();
    CassandraStore::init(&settings).await?;
    println!("init {:.0?}", start.elapsed());
    let start = Instant::now();
    let store = CassandraStore::connect(settings.clone()).await?;
    println!("connect {:.0?}", start.elapsed());
    let measured = measure(&store).await;
    CassandraStore::drop_all(&settings).await?;
    measured
}

async fn measure(store: &CassandraStore) -> Result<(), Box<dyn Error>> {
    let mut second = 0;
    for (rows, times) in [(1, 500), (20, 300), (1_000, 30)] {
        for name in ["1m", "sma_20"] {
            // The first call puts the series into the index.
            store.upsert_rows(&closing(name, rows, NOON + second)).await?;
            let mut took = Vec::new();
            for _ in 0..times {
                second += 60;
                let rows = closing(name, rows, NOON + second);
                let start = Instant::now();
                store.upsert_rows(&rows).await?;
                took.push(start.elapsed());
            }
            println!("upsert of {rows:>5} rows of {name:<6}: {}", Spread::of(took));
        }
    }
    for names in [&["1m"][..], &["sma_20"], &["sma_20", "sma_5"], &["sma_20", "sma_5", "1m"]] {
        let mut rates = Vec::new();
        for _ in 0..5 {
            second += 60;
            let rows: Vec<_> = names.iter().flat_map(|n| closing(n, SYMBOLS, NOON + second)).collect();
            let start = Instant::now();
            store.upsert_rows(&rows).await?;
            rates.push(rows.len() as f64 / start.elapsed().as_secs_f64());
        }
        let rates: Vec<_> = rates.iter().map(|r| format!("{r:.0}")).collect();
        println!("{SYMBOLS} symbols close {names:?} at once: {} rows/s", rates.join(", "));
    }
    reads(store).await
}

async fn reads(store: &CassandraStore) -> Result<(), Box<dyn Error>> {
    let query = |i: usize, limit| RowQuery {
        symbol: Symbol::parse(&format!("S{i:04}")).ok(),
        name: Some("1m".into()),
        finals_only: true,
        limit: Some(limit),
        newest_first: true,
        ..RowQuery::default()
    };
    for limit in [1, 500] {
        let mut took = Vec::new();
        for i in 0..500 {
            let start = Instant::now();
            store.rows(&query(i % 20, limit)).await?;
            took.push(start.elapsed());
        }
        println!("newest {limit:>3} bars of a symbol: {}", Spread::of(took));
    }
    let start = Instant::now();
    let symbols = store.symbols().await?.len();
    println!("{symbols} symbols listed in {:.0?}", start.elapsed());
    let start = Instant::now();
    let newest = RowQuery { limit: Some(1), newest_first: true, ..RowQuery::default() };
    store.rows(&newest).await?;
    println!("newest row of all symbols and names: {:.0?}", start.elapsed());
    Ok(())
}

/// The rows of `symbols` instruments that end at one instant.
fn closing(name: &str, symbols: usize, start: i64) -> Vec<FeatureRow> {
    let length = if name == "sma_5" { 15 } else { 60 };
    (0..symbols)
        .map(|i| {
            let mut row = row(&format!("S{i:04}"), name, start, start * 1_000_000);
            row.window_end = Timestamp::from_micros((start + 60) * 1_000_000);
            row.window_start = Timestamp::from_micros((start + 60 - length) * 1_000_000);
            if name == "1m" {
                row.indicators = vec![Some(1.25); INDICATORS];
                row.features = Some(vec![0.5; 24]);
                row.schema_hash = u64::MAX;
            }
            row
        })
        .collect()
}

/// Order statistics of some durations.
struct Spread(Vec<Duration>);

impl Spread {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort();
        Self(took)
    }

    fn at(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1_000.0;
        write!(
            f,
            "p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
            ms(self.at(0.5)),
            ms(self.at(0.99)),
            ms(self.at(1.0))
        )
    }
}
