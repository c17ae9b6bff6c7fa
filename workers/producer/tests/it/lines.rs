//! Lines as they are.

use std::{io::Write, path::PathBuf, sync::Arc};

use producer::{InputSettings, import, import::ImportComponents};
use runtime::Shutdown;
use tick_log::{MemoryLog, Topic};

use crate::{Hand, topic, values};

fn components(log: &MemoryLog, topic: &Arc<dyn Topic>) -> ImportComponents {
    ImportComponents {
        log: Arc::new(log.clone()),
        topic: topic.clone(),
        clock: Hand::at("2026-03-01T00:00:00Z").clock(),
        rejected: Arc::new(|_| {}),
        progress: Arc::new(|_, _| {}),
    }
}

fn good(symbol: &str, second: u32) -> String {
    format!(
        r#"{{"symbol":"{symbol}","ts":"2026-01-01T00:{:02}:{:02}Z","open":1,"high":2,"low":1,"close":2,"volume":3}}"#,
        second / 60,
        second % 60
    )
}

fn lines() -> Vec<String> {
    let mut lines: Vec<String> = (0..40).map(|i| good(["A", "B", "C"][i % 3], i as u32)).collect();
    lines.insert(3, "no json".into());
    lines.insert(7, String::new());
    lines.insert(9, r#"{"symbol":"B","ts":"x"}"#.into());
    lines.push(format!("{{\"symbol\":\"A\",\"x\":\"{}\"}}", "y".repeat(70_000)));
    lines
}

fn write(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn with_one_partition_line_k_is_offset_k_minus_1() {
    let dir = tempfile::tempdir().unwrap();
    let text = lines().join("\n");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let files = [
        write(&dir, "plain", text.as_bytes()),
        write(&dir, "gz", &gz.finish().unwrap()),
        write(&dir, "zst", &zstd::encode_all(text.as_bytes(), 1).unwrap()),
    ];
    for file in files {
        let log = MemoryLog::new();
        let topic = topic(&log, 1).await;
        let settings = InputSettings { files: vec![file.clone(), file] };
        let report = import::input(settings, components(&log, &topic), Shutdown::new()).await.unwrap();
        // The second time it is the same file: nothing is put twice.
        assert_eq!((report.lines, report.written, report.already), (88, 44, 44));
        let seen: Vec<String> =
            values(&topic, 0).await.into_iter().map(|(_, v)| String::from_utf8(v).unwrap()).collect();
        assert_eq!(seen, lines());
    }
}

#[tokio::test]
async fn lines_are_keyed_by_symbol_even_when_they_are_no_ticks() {
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryLog::new();
    let topic = topic(&log, 4).await;
    let settings = InputSettings { files: vec![write(&dir, "f", lines().join("\n").as_bytes())] };
    import::input(settings, components(&log, &topic), Shutdown::new()).await.unwrap();
    let mut n = 0;
    for p in 0..4 {
        for (key, value) in values(&topic, p).await {
            n += 1;
            match key {
                Some(key) => {
                    assert_eq!(tick_log::partition_of(&key, 4), p);
                    assert!(
                        String::from_utf8_lossy(&value).contains(&String::from_utf8_lossy(&key).into_owned())
                    );
                }
                None => assert_eq!(p, 0),
            }
        }
    }
    assert_eq!(n, 44);
}

#[tokio::test]
async fn a_file_that_grew_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let log = MemoryLog::new();
    let topic = topic(&log, 2).await;
    for n in [10, 25, 43] {
        let file = write(&dir, "f", (lines()[..n].join("\n") + "\n").as_bytes());
        let settings = InputSettings { files: vec![file] };
        let report = import::input(settings, components(&log, &topic), Shutdown::new()).await.unwrap();
        assert_eq!(report.lines, n as u64);
        assert_eq!(report.lines, report.written + report.already);
    }
    assert_eq!(values(&topic, 0).await.len() + values(&topic, 1).await.len(), 43);
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let log = MemoryLog::new();
    let topic = topic(&log, 1).await;
    let settings = InputSettings { files: vec!["/nowhere/f".into()] };
    let error = import::input(settings, components(&log, &topic), Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/f"), "{error}");
    assert_eq!(error.kind(), market::ErrorKind::BadInput);
}
