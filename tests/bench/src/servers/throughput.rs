//! Kafka to Parquet on HDFS and features in Cassandra, flat out on a topic filled before.

use std::{error::Error, time::Duration};

use super::{
    block_on,
    pipeline::Pipeline,
    replaced,
    worker::{Worker, records_read},
};
use crate::{
    figures::{Measured, Side},
    ticks::{DENSITY, Ticks},
};

/// Symbols of both figures.
const SYMBOLS: usize = 20;
/// Partitions of the manifest's default.
const PARTITIONS: u32 = 16;
/// Partitions of the topic that the replaced job was deployed with.
const REPLACED_PARTITIONS: u32 = 3;
/// Ticks of an event second in the replaced job's load.
const REPLACED_DENSITY: u64 = 1_000;
const TICKS: u64 = 2_000_000;
/// Enough that a worker's start and end, half a second of CPU time whatever it reads, do not decide the figure.
const FLAT_OUT: u64 = 8_000_000;
const DEADLINE: Duration = Duration::from_secs(300);

/// 8 M ticks of 20 symbols, 16 partitions, 10,000 ticks an event second.
pub fn kafka_to_hdfs(_: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let ticks = if quick { FLAT_OUT / 10 } else { FLAT_OUT };
    block_on(async {
        let pipeline = Pipeline::new(PARTITIONS).await?;
        pipeline.fill(&mut Ticks::new(SYMBOLS, DENSITY), ticks).await?;
        ours(&pipeline, ticks).await
    })
}

/// The replaced job's load, 3 partitions and 1,000 ticks an event second, for it and for us.
pub fn beside_the_replaced_job(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let ticks = if quick { TICKS / 10 } else { TICKS };
    block_on(async {
        let pipeline = Pipeline::new(REPLACED_PARTITIONS).await?;
        pipeline.fill(&mut Ticks::new(SYMBOLS, REPLACED_DENSITY), ticks).await?;
        match side {
            Side::Own => ours(&pipeline, ticks).await,
            Side::Peer => replaced::run(&pipeline, ticks),
        }
    })
}

/// From the start of the process to its end, everything written.
async fn ours(pipeline: &Pipeline, ticks: u64) -> Result<Measured, Box<dyn Error>> {
    let mut worker = Worker::spawn(&pipeline.manifest())?;
    let every = Duration::from_millis(50);
    worker.until("end of the topic", DEADLINE, every, |s| records_read(s) >= ticks).await?;
    let read = worker.started.elapsed();
    let started = worker.started;
    let cost = worker.drain().await?;
    eprintln!(
        "  {ticks} ticks read after {:.1} s, everything written after {:.1} s",
        read.as_secs_f64(),
        started.elapsed().as_secs_f64()
    );
    let rate = ticks as f64 / cost.cpu.as_secs_f64();
    Ok(Measured {
        values: vec![rate],
        cpu_seconds: cost.cpu.as_secs_f64(),
        peak_rss_bytes: cost.peak_rss_bytes,
    })
}
