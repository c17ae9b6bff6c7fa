//! Imports: mapping, verdicts, spacing, merging, lateness, resumption.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray},
    datatypes::{DataType, Field, Schema, TimeUnit},
};
use market::{ErrorKind, Span, Timestamp};
use producer::{
    ImportError, ImportReport, ImportSettings, import,
    import::{Format, ImportComponents, Rejected, Speed},
};
use proptest::prelude::*;
use runtime::Shutdown;
use tick_log::{MemoryLog, Topic};

use crate::{Hand, Seen, ticks, topic};

struct Desk {
    dir: tempfile::TempDir,
    log: MemoryLog,
    topic: Arc<dyn Topic>,
    rejected: Arc<Mutex<Vec<Rejected>>>,
}

impl Desk {
    async fn new(partitions: u32) -> Self {
        let log = MemoryLog::new();
        let topic = topic(&log, partitions).await;
        Self { dir: tempfile::tempdir().unwrap(), log, topic, rejected: Arc::default() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn import(&self, settings: ImportSettings) -> Result<ImportReport, ImportError> {
        self.import_until(settings, u64::MAX).await
    }

    /// Drains once so many rows are in the log.
    async fn import_until(&self, settings: ImportSettings, rows: u64) -> Result<ImportReport, ImportError> {
        let (rejected, shutdown) = (self.rejected.clone(), Shutdown::new());
        let drain = shutdown.clone();
        let components = ImportComponents {
            log: Arc::new(self.log.clone()),
            topic: self.topic.clone(),
            clock: Hand::at("2026-03-01T00:00:00Z").clock(),
            rejected: Arc::new(move |r| rejected.lock().unwrap().push(r.clone())),
            progress: Arc::new(move |n, _| {
                if n >= rows {
                    drain.drain();
                }
            }),
        };
        import::run(settings, components, shutdown).await
    }

    async fn all(&self) -> Vec<Seen> {
        let mut all = Vec::new();
        for p in 0..self.topic.partitions() {
            all.extend(ticks(&self.topic, p).await);
        }
        all
    }
}

fn settings(files: &[(Format, &Path)], symbol: Option<&str>, tick_span: Option<&str>) -> ImportSettings {
    ImportSettings {
        files: files.iter().map(|(f, p)| (*f, p.to_path_buf())).collect(),
        columns: Vec::new(),
        symbol: symbol.map(String::from),
        tick_span: tick_span.map(|s| Span::parse(s).unwrap()),
        watermark: Span::from_secs(5),
        max_future: Span::from_secs(10),
        allow_ohlc_disorder: false,
        allow_late: false,
        speed: Speed::Max,
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/data").join(name)
}

#[tokio::test]
async fn real_bars_are_imported_whole_and_in_order() {
    for (name, symbol, span, rows) in
        [("spx_1m.csv", "SPX", "1m", 1_563), ("goog_1d.csv", "GOOG", "1d", 2_148)]
    {
        let desk = Desk::new(1).await;
        let lines = std::fs::read_to_string(golden(name)).unwrap().lines().count() as u64 - 1;
        let report =
            desk.import(settings(&[(Format::Csv, &golden(name))], Some(symbol), Some(span))).await.unwrap();
        assert_eq!(report.rows, lines);
        assert_eq!(report.accepted + report.rejected.values().sum::<u64>(), report.rows);
        assert_eq!((report.written, report.rows), (report.accepted, rows), "{name}: {:?}", report.rejected);
        let made = desk.all().await;
        assert!(made.windows(2).all(|w| w[0].ts < w[1].ts));
        assert_eq!((report.first, report.last), (Some(made[0].ts), Some(made[made.len() - 1].ts)));
    }
}

#[tokio::test]
async fn minute_bars_without_their_tick_span_stop_before_writing() {
    let spx = golden("spx_1m.csv");
    for (span, said) in [(None, "add `tickSpan: 1m`"), (Some("1s"), "make it `tickSpan: 1m`")] {
        let desk = Desk::new(1).await;
        let error = desk.import(settings(&[(Format::Csv, &spx)], Some("SPX"), span)).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.kind().exit_code(), 2);
        assert!(desk.all().await.is_empty());
    }
    let desk = Desk::new(1).await;
    let error = desk
        .import(settings(&[(Format::Csv, &golden("goog_1d.csv"))], Some("GOOG"), Some("1m")))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("tickSpan: 1d"), "{error}");
}

#[tokio::test]
async fn irregular_trades_need_no_tick_span_and_bear_no_long_one() {
    let text: String = std::iter::once("time,symbol,price,size\n".to_owned())
        .chain((0..200_i64).map(|i| format!("{},X,10.5,1\n", 1_700_000_000 + i * 3 + (i * i) % 7)))
        .collect();
    let desk = Desk::new(1).await;
    let file = desk.file("trades.csv", &text);
    let report = desk.import(settings(&[(Format::Csv, &file)], None, None)).await.unwrap();
    assert_eq!((report.accepted, report.symbols["X"]), (200, 200));
    let p = desk.all().await[0].prices;
    assert_eq!((p.open, p.high, p.low, p.close, p.volume), (10.5, 10.5, 10.5, 10.5, 1.0));
    let error = desk.import(settings(&[(Format::Csv, &file)], None, Some("1m"))).await.unwrap_err();
    assert!(matches!(error, ImportError::Spacing { .. }), "{error}");
}

#[tokio::test]
async fn every_row_gets_a_verdict() {
    let desk = Desk::new(3).await;
    let rows = [
        ("2026-01-01T00:00:00Z,A,1,2,1,2,5", None),
        ("not a time,A,1,2,1,2,5", Some((3, "bad_timestamp"))),
        ("2026-01-01T00:00:01Z,,1,2,1,2,5", Some((4, "missing_field"))),
        ("2026-01-01T00:00:02Z,A,1,2,1,2,", Some((5, "missing_field"))),
        ("2026-01-01T00:00:03Z,A,one,2,1,2,5", Some((6, "wrong_type"))),
        ("2026-01-01T00:00:04Z,A,1,nan,1,2,5", Some((7, "not_finite"))),
        ("2026-01-01T00:00:05Z,A,0,2,0,2,5", Some((8, "not_positive"))),
        ("2026-01-01T00:00:06Z,A,3,2,1,2,5", Some((9, "ohlc_order"))),
        ("2026-01-01T00:00:07Z,A,1,2,1,2,-5", Some((10, "negative_volume"))),
        ("2026-03-01T00:00:11Z,A,1,2,1,2,5", Some((11, "too_far_ahead"))),
        ("2026-01-01T00:00:08Z,\"A\tB\",1,2,1,2,5", Some((12, "symbol_invalid"))),
        ("short", Some((13, "missing_field"))),
        ("1767225609,B,1,2,1,2,0", None),
    ];
    let text = std::iter::once("ts;symbol;open;high;low;close;volume".replace(';', ","))
        .chain(rows.iter().map(|(r, _)| r.to_string()))
        .collect::<Vec<_>>()
        .join("\n");
    let file = desk.file("rows.csv", &text);
    let report = desk.import(settings(&[(Format::Csv, &file)], None, None)).await.unwrap();
    assert_eq!((report.rows, report.accepted, report.written), (13, 2, 2));
    let seen: Vec<(u64, &str)> = report.rejected_rows.iter().map(|r| (r.line, r.reason.as_str())).collect();
    assert_eq!(seen, rows.iter().filter_map(|(_, v)| *v).collect::<Vec<_>>());
    assert_eq!(*desk.rejected.lock().unwrap(), report.rejected_rows);
    assert_eq!(report.rejected.values().sum::<u64>() + report.accepted, report.rows);
}

#[tokio::test]
async fn one_table_in_three_formats() {
    let desk = Desk::new(1).await;
    let csv = "Date\tTicker\tOpen\tHigh\tLow\tClose\tVol.\n2026-01-01\tA\t1.5\t2\t1\t2\t5\n2026-01-02\tA\t2\t3\t2\t3\t6\n";
    let csv = desk.file("a.csv", csv);
    let ndjson = desk.file(
        "a.ndjson",
        "{\"time\":1767225600000,\"Ticker\":\"A\",\"Open\":1.5,\"High\":2,\"Low\":\"1\",\"Close\":2,\"Volume\":5}\n\n\
         {\"ts\":\"2026-01-02T00:00:00Z\",\"symbol\":\"A\",\"open\":2,\"high\":3,\"low\":2,\"close\":3,\"volume\":6}\n\
         {broken\n",
    );
    let parquet = desk.dir.path().join("a.parquet");
    let float = |v: [f64; 2]| Arc::new(Float64Array::from(v.to_vec())) as ArrayRef;
    let day = 86_400_000_i64;
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "timestamp",
            Arc::new(TimestampMillisecondArray::from(vec![1_767_225_600_000, 1_767_225_600_000 + day])),
        ),
        ("symbol", Arc::new(StringArray::from(vec!["A", "A"]))),
        ("open", float([1.5, 2.0])),
        ("high", float([2.0, 3.0])),
        ("low", float([1.0, 2.0])),
        ("close", float([2.0, 3.0])),
        ("volume", Arc::new(Int64Array::from(vec![5, 6]))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    assert_eq!(fields[0].data_type(), &DataType::Timestamp(TimeUnit::Millisecond, None));
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, a)| a).collect()).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(std::fs::File::create(&parquet).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let mut seen = Vec::new();
    for (format, file) in [(Format::Csv, &csv), (Format::Ndjson, &ndjson), (Format::Parquet, &parquet)] {
        let desk = Desk::new(1).await;
        let report = desk.import(settings(&[(format, file)], None, None)).await.unwrap();
        assert_eq!(report.accepted, 2, "{format:?} {:?}", report.rejected_rows);
        assert_eq!(report.rows, if format == Format::Ndjson { 3 } else { 2 });
        seen.push(desk.all().await);
    }
    assert_eq!(seen[0].len(), 2);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0][1].ts, Timestamp::parse("2026-01-02").unwrap());
}

#[tokio::test]
async fn explicit_columns_and_files_that_are_not_what_they_seem() {
    let desk = Desk::new(1).await;
    let file = desk.file("odd.csv", "when|px|Close\n2026-01-01|7|9\n");
    let mut odd = settings(&[(Format::Csv, &file)], Some("A"), None);
    let error = desk.import(odd.clone()).await.unwrap_err();
    assert!(error.to_string().contains("--columns ts=NAME"), "{error}");
    odd.columns = vec![("ts".into(), "when".into()), ("close".into(), "px".into())];
    assert_eq!(desk.import(odd).await.unwrap().accepted, 1);
    assert_eq!(desk.all().await[0].prices.close, 7.0);

    let empty = desk.file("empty.csv", "");
    for (format, file) in [(Format::Csv, &empty), (Format::Parquet, &file), (Format::Parquet, &empty)] {
        let error = desk.import(settings(&[(format, file)], Some("A"), None)).await.unwrap_err();
        assert!(matches!(error, ImportError::Format { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::BadInput);
    }
    let missing = desk.dir.path().join("none.csv");
    let error = desk.import(settings(&[(Format::Csv, &missing)], Some("A"), None)).await.unwrap_err();
    assert!(error.to_string().contains("none.csv"), "{error}");
}

fn ticks_csv(symbol: &str, seconds: impl Iterator<Item = i64>) -> String {
    let row = |s: i64| format!("{},{symbol},{}\n", 1_767_225_600 + s, 10 + s % 5);
    std::iter::once("ts,symbol,close\n".to_owned()).chain(seconds.map(row)).collect()
}

#[tokio::test]
async fn files_are_merged_by_time_and_old_rows_stop_before_writing() {
    let desk = Desk::new(1).await;
    let odd = desk.file("odd.csv", &ticks_csv("A", (100..300).filter(|s| s % 2 == 1).rev()));
    let even = desk.file("even.csv", &ticks_csv("B", (100..300).filter(|s| s % 2 == 0)));
    let both = settings(&[(Format::Csv, &odd), (Format::Csv, &even)], None, None);
    assert_eq!(desk.import(both).await.unwrap().written, 200);
    let made = desk.all().await;
    assert!(made.windows(2).all(|w| w[0].ts < w[1].ts));

    let old = desk.file("old.csv", &ticks_csv("C", 0..280));
    let mut late = settings(&[(Format::Csv, &old)], None, None);
    let error = desk.import(late.clone()).await.unwrap_err();
    assert!(matches!(error, ImportError::Late { late: 280, rows: 280, .. }), "{error}");
    assert_eq!(desk.all().await.len(), 200);
    late.allow_late = true;
    let report = desk.import(late).await.unwrap();
    assert_eq!((report.written, report.late), (280, 280));
    let newer = desk.file("newer.csv", &ticks_csv("C", 296..500));
    assert_eq!(desk.import(settings(&[(Format::Csv, &newer)], None, None)).await.unwrap().late, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Stopped anywhere, a second run of the same command puts the rest, once.
    #[test]
    fn an_import_goes_on_where_it_was(stops in proptest::collection::vec(1_u64..40_000, 0..3), partitions in 1_u32..4) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let desk = Desk::new(partitions).await;
            let a = desk.file("a.csv", &ticks_csv("A", 0..20_000));
            let b = desk.file("b.csv", &ticks_csv("BB", 5_000..25_000));
            let both = settings(&[(Format::Csv, &a), (Format::Csv, &b)], None, None);
            for stop in stops {
                let report = desk.import_until(both.clone(), stop).await.unwrap();
                assert_eq!(report.accepted, 40_000);
            }
            let report = desk.import(both.clone()).await.unwrap();
            assert_eq!(report.already + report.written, 40_000);
            assert_eq!(desk.all().await.len(), 40_000);
            let again = desk.import(both).await.unwrap();
            assert_eq!((again.already, again.written), (40_000, 0));
        });
    }

    #[test]
    fn no_file_panics(text in "[ -~\n\t,;|\"{}]{0,400}", header: bool) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let desk = Desk::new(1).await;
            let text = if header { format!("ts,symbol,open,high,low,close,volume\n{text}") } else { text };
            let file = desk.file("f", &text);
            for format in [Format::Csv, Format::Ndjson, Format::Parquet] {
                if let Ok(report) = desk.import(settings(&[(format, &file)], Some("A"), None)).await {
                    assert_eq!(report.accepted + report.rejected.values().sum::<u64>(), report.rows);
                }
            }
        });
    }
}
