//! How soon a closed window can be read from Cassandra, counted from Kafka's acknowledgement of the tick that closes it.
//!
//! Ticks are appended at a pace. When Kafka has acknowledged an append that takes a partition's watermark over the end of
//! windows, a reader per sampled symbol asks Cassandra for exactly that row until it is there and final. The pauses between
//! its questions are part of the figure.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    statement::prepared::PreparedStatement,
    value::{CqlDate, CqlTimestamp},
};
use tokio::task::JoinSet;

use super::{
    block_on,
    pipeline::Pipeline,
    worker::{Worker, records_read},
};
use crate::{
    figures::{Measured, Side},
    ticks::Ticks,
};

/// The manifest's defaults: `sma_5` ends every 5 s and is 15 s long, the watermark stays 5 s behind.
const SLIDE: i64 = 5_000_000;
const SIZE: i64 = 15_000_000;
const WATERMARK: i64 = 5_000_000;
const DAY: i64 = 86_400_000_000;
/// Between two questions for one row.
const PAUSE: Duration = Duration::from_millis(1);
/// Between two appends.
const BEAT: Duration = Duration::from_millis(10);
/// A row that is not there by then is an error, not a slow row.
const LOST: Duration = Duration::from_secs(60);
/// Not counted: the worker warms up.
const WARM_UP: Duration = Duration::from_secs(10);
/// Rows asked for at one closing, spread evenly over the symbols.
const SAMPLE: usize = 60;

/// A load of ticks.
struct Load {
    symbols: usize,
    partitions: u32,
    ticks_per_second: u64,
    /// Event time runs so many times as fast as the clock, so that enough windows close.
    speed: u64,
    lasts: Duration,
}

/// 20 symbols, 1,000 ticks/s.
pub fn window_visible(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let load = Load {
        symbols: 20,
        partitions: 4,
        ticks_per_second: 1_000,
        speed: 5,
        lasts: Duration::from_secs(50),
    };
    measure(load, quick)
}

/// 20 symbols, 10,000 ticks/s.
pub fn ten_thousand_a_second(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let load = Load {
        symbols: 20,
        partitions: 4,
        ticks_per_second: 10_000,
        speed: 5,
        lasts: Duration::from_secs(50),
    };
    measure(load, quick)
}

/// 500 symbols, 10,000 ticks/s: some 1,500 rows a closing.
pub fn five_hundred_symbols(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let load = Load {
        symbols: 500,
        partitions: 4,
        ticks_per_second: 10_000,
        speed: 2,
        lasts: Duration::from_secs(60),
    };
    measure(load, quick)
}

/// 8,000 symbols, 10,000 ticks/s: 16,000 to 32,000 rows a closing.
pub fn eight_thousand_symbols(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let load = Load {
        symbols: 8_000,
        partitions: 16,
        ticks_per_second: 10_000,
        speed: 1,
        lasts: Duration::from_secs(90),
    };
    measure(load, quick)
}

fn measure(load: Load, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let lasts = if quick { load.lasts / 3 } else { load.lasts };
    block_on(async {
        let pipeline = Pipeline::new(load.partitions).await?;
        let reader = Arc::new(Reader::connect(&pipeline).await?);
        let mut source = Ticks::new(load.symbols, load.ticks_per_second / load.speed);
        let mut worker = Worker::spawn(&pipeline.manifest())?;
        pipeline.append(&mut source, load.symbols as u64).await?;
        let begun = load.symbols as u64;
        let every = Duration::from_millis(20);
        worker.until("first tick", Duration::from_secs(30), every, |s| records_read(s) >= begun).await?;
        let asked = paced(&pipeline, &reader, &mut source, &load, lasts).await?;
        let (mut waits, mut lost) = (Vec::new(), 0);
        for answer in asked.join_all().await {
            match answer? {
                Some(wait) => waits.push(wait),
                None => lost += 1,
            }
        }
        let cost = worker.drain().await?;
        if lost > 0 || waits.is_empty() {
            return Err(format!("{lost} of {} rows were not there after {LOST:?}", lost + waits.len()).into());
        }
        waits.sort();
        let at =
            |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)].as_secs_f64() * 1e3;
        eprintln!("  {} rows: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms", waits.len(), at(50), at(90), at(99));
        Ok(Measured {
            values: vec![at(50), at(99)],
            cpu_seconds: cost.cpu.as_secs_f64(),
            peak_rss_bytes: cost.peak_rss_bytes,
        })
    })
}

type Answers = JoinSet<Result<Option<Duration>, String>>;

/// Appends at the pace of the load, and asks for the rows that each append closes.
async fn paced(
    pipeline: &Pipeline,
    reader: &Arc<Reader>,
    source: &mut Ticks,
    load: &Load,
    lasts: Duration,
) -> Result<Answers, Box<dyn Error>> {
    let symbols = sampled(source.symbols(), load.partitions);
    let (begun, mut sent, mut asked) = (Instant::now(), 0, JoinSet::new());
    // By partition: the newest end of a window that its watermark has reached.
    let mut closed = vec![i64::MIN; load.partitions as usize];
    while begun.elapsed() < lasts {
        let due = (begun.elapsed().as_secs_f64() * load.ticks_per_second as f64) as u64 - sent;
        sent += due;
        let (records, newest) = source.dated_records(due, load.partitions);
        let appends =
            (0..).zip(records).zip(newest).filter_map(|((p, records), newest)| Some((p, records, newest?)));
        let acknowledged = try_join_all(appends.map(async |(p, records, newest)| {
            pipeline.ticks.append(p, records).await?;
            Ok::<_, tick_log::LogError>((p, newest, Instant::now()))
        }));
        for (p, newest, at) in acknowledged.await? {
            let end = (newest - WATERMARK).div_euclid(SLIDE) * SLIDE;
            let last = std::mem::replace(&mut closed[p as usize], end);
            // The first closing is the one whose windows may have begun before us.
            if end == last || last == i64::MIN || begun.elapsed() < WARM_UP {
                continue;
            }
            for symbol in &symbols[p as usize] {
                let (reader, symbol) = (reader.clone(), symbol.clone());
                asked.spawn(async move { reader.wait(&symbol, end, at).await });
            }
        }
        tokio::time::sleep(BEAT).await;
    }
    Ok(asked)
}

/// The symbols that are asked for, by partition.
fn sampled(symbols: &[String], partitions: u32) -> Vec<Vec<String>> {
    let mut sample = vec![Vec::new(); partitions as usize];
    for symbol in symbols.iter().step_by(symbols.len().div_ceil(SAMPLE)) {
        sample[tick_log::partition_of(symbol.as_bytes(), partitions) as usize].push(symbol.clone());
    }
    sample
}

/// Asks Cassandra for single rows.
struct Reader {
    session: Session,
    question: PreparedStatement,
}

impl Reader {
    async fn connect(pipeline: &Pipeline) -> Result<Self, Box<dyn Error>> {
        let session = SessionBuilder::new().known_node(&pipeline.servers.cassandra).build().await?;
        let question = session
            .prepare(format!(
                "SELECT final FROM {}.windows WHERE symbol = ? AND name = 'sma_5' AND day = ? AND window_start = ?",
                pipeline.name
            ))
            .await?;
        Ok(Self { session, question })
    }

    /// How long after `since` the final row of the window that ends at `end` was read; `None` when it never came.
    async fn wait(&self, symbol: &str, end: i64, since: Instant) -> Result<Option<Duration>, String> {
        let start = end - SIZE;
        // Days count from the middle of the range.
        let day = CqlDate((1_u32 << 31).wrapping_add(start.div_euclid(DAY) as u32));
        let key = (symbol, day, CqlTimestamp(start.div_euclid(1_000)));
        while since.elapsed() < LOST {
            let answer =
                self.session.execute_unpaged(&self.question, key).await.map_err(|e| e.to_string())?;
            let rows = answer.into_rows_result().map_err(|e| e.to_string())?;
            let row = rows.maybe_first_row::<(Option<bool>,)>().map_err(|e| e.to_string())?;
            if let Some((Some(true),)) = row {
                return Ok(Some(since.elapsed()));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(None)
    }
}
