//! How fast it is. Nothing here asserts a time; the figures are printed (`--nocapture`).

use std::time::{Duration, Instant};

use tick_log::{conformance::record, kafka::KafkaLog, kafka::KafkaSettings};

use super::{PATIENCE, settings, topic};

const PARTITIONS: u32 = 4;

/// Processor time of this process: user and system.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn long() -> bool {
    std::env::var_os("STOCKPIPE_LONG").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_come_and_go_in_bulk() {
    let log = KafkaLog::connect(KafkaSettings { fetch_bytes: 32 << 20, ..settings().await }).await.unwrap();
    let topic = topic(&log, PARTITIONS).await;
    let each: u64 = if long() { 1_000_000 } else { 50_000 };
    let (began, used) = (Instant::now(), cpu());
    let value = |n: u64| {
        let close = 100.0 + (n % 1_000) as f64 / 10.0;
        format!(
            "{{\"symbol\":\"SYM{:04}\",\"ts\":\"2026-01-02T03:04:05.{:06}Z\",\"open\":{close},\"high\":{close},\
             \"low\":{close},\"close\":{close},\"volume\":{}}}",
            n % 500,
            n % 1_000_000,
            n % 9_000
        )
    };
    let writers: Vec<_> = (0..PARTITIONS)
        .map(|p| {
            let topic = topic.clone();
            tokio::spawn(async move {
                for chunk in 0..each / 5_000 {
                    let records =
                        (chunk * 5_000..(chunk + 1) * 5_000).map(|n| record("SYM", value(n))).collect();
                    topic.append(p, records).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let all = each * u64::from(PARTITIONS);
    report("write", all, began.elapsed(), cpu() - used);

    let (began, used) = (Instant::now(), cpu());
    let readers: Vec<_> = (0..PARTITIONS)
        .map(|p| {
            let topic = topic.clone();
            tokio::spawn(async move {
                let (mut at, mut bytes) = (0, 0);
                while at < each {
                    let batch = topic.read(p, at, 1 << 20, PATIENCE).await.unwrap();
                    bytes += batch.iter().map(|r| r.value.len()).sum::<usize>();
                    at = batch.next_offset;
                }
                bytes
            })
        })
        .collect();
    let mut bytes = 0;
    for reader in readers {
        bytes += reader.await.unwrap();
    }
    report("read", all, began.elapsed(), cpu() - used);
    println!("bytes a value: {}", bytes as u64 / all);
}

fn report(what: &str, records: u64, wall: Duration, cpu: Duration) {
    println!(
        "{what}: {records} records in {wall:?}: {:.0}/s, {} ns of processor a record",
        records as f64 / wall.as_secs_f64(),
        cpu.as_nanos() as u64 / records
    );
}

/// From an append to the waiting reader, one record at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_wakes_its_reader() {
    let log = KafkaLog::connect(settings().await).await.unwrap();
    let topic = topic(&log, PARTITIONS).await;
    let rounds = if long() { 2_000 } else { 100 };
    let (mut acknowledged, mut seen) = (Vec::new(), Vec::new());
    for at in 0..rounds {
        let reader = tokio::spawn({
            let topic = topic.clone();
            async move {
                let batch = topic.read(0, at, 1 << 20, PATIENCE).await.unwrap();
                assert_eq!(batch.len(), 1);
                Instant::now()
            }
        });
        if at % 10 == 0 {
            // Now and then the reader is surely waiting already.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let began = Instant::now();
        topic.append(0, vec![record("A", "x".repeat(120))]).await.unwrap();
        acknowledged.push(began.elapsed());
        seen.push(reader.await.unwrap().saturating_duration_since(began));
    }
    for (what, mut times) in [("acknowledged", acknowledged), ("seen by the reader", seen)] {
        times.sort();
        println!("{what}: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    }
}

/// Ten thousand records and a note at a time, as an import writes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_in_bulk() {
    let log = KafkaLog::connect(settings().await).await.unwrap();
    let topic = topic(&log, PARTITIONS).await;
    let appends = if long() { 200 } else { 8 };
    let (began, used) = (Instant::now(), cpu());
    for i in 0..appends {
        let records = (0..10_000).map(|n| record("SYM", format!("{:0120}", n * i))).collect();
        topic.append_with_note(i as u32 % PARTITIONS, records, "import", vec![i as u8]).await.unwrap();
    }
    report("write in transactions", appends * 10_000, began.elapsed(), cpu() - used);
}
