//! What is written is what is read, and damage is an error that names itself.

use bytes::Bytes;
use lake::limits::PAGE_ROWS;
use lake::tables::{
    BarWriter, DeadWriter, OwnedDeadLetter, OwnedRawRow, RawWriter, TableError, read_bars, read_bars_between,
    read_dead, read_raw,
};
use market::{FeatureRow, Ohlcv, Reason, Symbol, Timestamp};
use parquet::{
    basic::{Compression, Encoding},
    file::{
        metadata::{PageIndexPolicy, ParquetMetaDataReader},
        reader::ChunkReader,
    },
};

fn raw_row(n: u64) -> OwnedRawRow {
    let price = 100.0 + n as f64 / 3.0;
    OwnedRawRow {
        symbol: Symbol::parse(["AAPL", "日経", "BRK.B"][n as usize % 3]).unwrap(),
        ts: Timestamp::from_micros(1_700_000_000_000_000 + n as i64 * 1_001),
        prices: Ohlcv { open: price, high: price + 0.1, low: price - 0.1, close: price, volume: n as f64 },
        tick_id: n.is_multiple_of(2).then(|| n.to_string()),
        generation: 1,
        partition: 3,
        offset: n,
        record_ms: 1_700_000_000_000 + n as i64,
        watermark: (n > 0).then(|| Timestamp::from_micros(n as i64)),
        late: n.is_multiple_of(5),
    }
}

fn raw_file(rows: &[OwnedRawRow]) -> Bytes {
    let mut writer = RawWriter::new();
    rows.iter().for_each(|r| writer.push(&r.borrow()));
    writer.finish().unwrap()
}

fn bar(n: u64) -> FeatureRow {
    FeatureRow {
        symbol: Symbol::parse("AAPL").unwrap(),
        name: "1m".into(),
        window_start: Timestamp::from_micros(n as i64 * 60_000_000),
        window_end: Timestamp::from_micros((n + 1) as i64 * 60_000_000),
        sma: 1.0 / 3.0,
        n: n + 1,
        prices: raw_row(n).prices,
        vwap: n.is_multiple_of(2).then_some(5e-324),
        is_final: true,
        revision: 2,
        partial: n.is_multiple_of(3),
        generation: 1,
        part: 3,
        last_offset: n,
        index: 7,
        write_ts: n as i64,
        indicators: vec![Some(f64::MAX), None],
        features: (n > 1).then(|| vec![n as f64, -0.5]),
        schema_hash: u64::MAX,
    }
}

#[test]
fn raw_rows_come_back() {
    let rows: Vec<_> = (0..20_000).map(raw_row).collect();
    assert_eq!(read_raw(raw_file(&rows)).unwrap(), rows);
    assert_eq!(read_raw(raw_file(&[])).unwrap(), []);
}

#[test]
fn raw_files_are_made_as_promised() {
    let rows: Vec<_> = (0..150_000).map(raw_row).collect();
    let bytes = raw_file(&rows);
    assert!(bytes.len() / rows.len() < 40, "{} bytes a row", bytes.len() / rows.len());
    assert!(bytes.get_bytes(0, 4).is_ok_and(|magic| &magic[..] == b"PAR1"));
    let meta = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&bytes)
        .unwrap();
    assert_eq!(meta.num_row_groups(), 2);
    assert!(meta.row_groups().iter().all(|g| g.num_rows() <= 128 * 1024));
    let names: Vec<_> =
        meta.file_metadata().schema_descr().columns().iter().map(|c| c.name().to_owned()).collect();
    let want = "symbol ts open high low close volume tick_id generation kafka_partition kafka_offset record_ts \
                watermark late";
    assert_eq!(names.join(" "), want);
    for column in meta.row_group(0).columns() {
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{}", column.column_path());
        assert!(column.offset_index_offset().is_some() && column.column_index_offset().is_some());
    }
    // What is open of a column in every partition is bounded by its page.
    let index = meta.page_index_for_row_group(0);
    for column in 0..meta.row_group(0).num_columns() {
        let starts: Vec<_> =
            index.page_locations(column).unwrap().iter().map(|page| page.first_row_index).collect();
        assert!(starts.windows(2).all(|w| w[1] - w[0] <= PAGE_ROWS as i64), "{starts:?}");
        assert!(128 * 1024 - starts.last().unwrap() <= PAGE_ROWS as i64, "{starts:?}");
    }
    let encoded = |encoding| {
        let columns = meta.row_group(0).columns().iter().filter(|c| c.encodings().any(|e| e == encoding));
        columns.map(|c| c.column_path().string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(encoded(Encoding::RLE_DICTIONARY), "symbol open high low close volume");
    assert_eq!(
        encoded(Encoding::DELTA_BINARY_PACKED),
        "ts generation kafka_partition kafka_offset record_ts watermark"
    );
}

#[test]
fn dead_letters_come_back() {
    let rows: Vec<_> = (0..50u64)
        .map(|n| OwnedDeadLetter {
            generation: 1,
            partition: 2,
            offset: n,
            record_ms: n as i64,
            reason: Reason::ALL[n as usize % Reason::ALL.len()],
            first_offset: n.is_multiple_of(2).then_some(n / 2),
            length: 70_000,
            sha256: [n as u8; 32],
            bytes: vec![0xff; n as usize],
        })
        .collect();
    let mut writer = DeadWriter::new();
    rows.iter().for_each(|r| writer.push(&r.borrow()));
    assert_eq!(read_dead(writer.finish().unwrap()).unwrap(), rows);
}

#[test]
fn bars_come_back_typed_and_mixed() {
    let rows: Vec<_> = (0..100).map(bar).collect();
    let mut typed = BarWriter::new(&["rsi_14".into(), "obv".into()], u64::MAX);
    let mut mixed = BarWriter::mixed();
    for row in &rows {
        typed.push(row);
        mixed.push(row);
    }
    let typed = typed.finish().unwrap();
    assert_eq!(read_bars(typed.clone()).unwrap(), rows);
    assert_eq!(read_bars(mixed.finish().unwrap()).unwrap(), rows);
    let after = Some(Timestamp::from_micros(i64::MAX / 2));
    assert_eq!(read_bars_between(typed, after, None).unwrap(), [], "pruned by statistics");
}

#[test]
fn damage_is_an_error_not_a_panic() {
    let bytes = raw_file(&(0..200).map(raw_row).collect::<Vec<_>>());
    for cut in (0..bytes.len()).step_by(97) {
        assert!(read_raw(bytes.slice(..cut)).is_err());
    }
    for at in (0..bytes.len()).step_by(13) {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 0x55;
        // A changed value may still be a value: what is asked for is that nothing panics.
        let _ = read_raw(Bytes::from(damaged));
    }
    let error = read_dead(bytes).unwrap_err().at("dead-letters/x.parquet");
    assert!(matches!(&error, TableError::Damaged { file, .. } if file == "dead-letters/x.parquet"));
    assert!(error.to_string().contains("backup"), "{error}");
}
