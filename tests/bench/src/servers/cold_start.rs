//! From the start of a worker's process to the first record it reads, where its partition has a long history.
//!
//! The history is real: one worker in this process reads the topic record by record with a commit each, on a lake in
//! memory; its files are then put on HDFS many at a time, because a file there takes half a second to close.

use std::{error::Error, sync::Arc, time::Duration};

use feature_store::MemoryStore;
use futures::{StreamExt as _, stream};
use ingest::{Components, Roll, Settings, Status};
use lake::{
    Lake, MemoryLake,
    hdfs::{HdfsLake, HdfsSettings},
};
use runtime::{Metrics, Shutdown};
use tick_log::StaticOwnership;
use windowing::Semantics;

use super::{
    block_on,
    pipeline::Pipeline,
    worker::{Worker, records_read},
};
use crate::{
    figures::{Measured, Side},
    ticks::Ticks,
};

const COMMITS: u64 = 10_000;
/// What the peer starts with.
const FEW: u64 = 100;
/// Files being written to HDFS at a time.
const IN_FLIGHT: usize = 128;
/// How long the history may take to be made.
const HISTORY: Duration = Duration::from_secs(300);

/// Event time between two commits: the age at which a file is rolled by default. What a start reads to know duplicates
/// again are the files of one dedup horizon, not of all commits.
const ROLL_AGE: Duration = Duration::from_secs(60);

/// One partition, 20 symbols; a start with 10,000 commits against one with 100.
pub fn cold_start(side: Side, quick: bool) -> Result<Measured, Box<dyn Error>> {
    let commits = match (side, quick) {
        (Side::Own, false) => COMMITS,
        (Side::Own, true) => COMMITS / 10,
        (Side::Peer, _) => FEW,
    };
    block_on(async {
        let pipeline = Pipeline::new(1).await?;
        let mut source = Ticks::apart(20, ROLL_AGE);
        pipeline.fill(&mut source, commits).await?;
        let history = history(&pipeline, commits).await?;
        let files = copy(&history, &pipeline).await?;
        pipeline.append(&mut source, 100).await?;
        let mut worker = Worker::spawn(&pipeline.manifest())?;
        let every = Duration::from_millis(5);
        worker.until("first record", Duration::from_secs(60), every, |s| records_read(s) > commits).await?;
        let took = worker.started.elapsed();
        let cost = worker.drain().await?;
        eprintln!("  {commits} commits, {files} files: first record after {:.2} s", took.as_secs_f64());
        Ok(Measured {
            values: vec![took.as_secs_f64()],
            cpu_seconds: cost.cpu.as_secs_f64(),
            peak_rss_bytes: cost.peak_rss_bytes,
        })
    })
}

/// A lake that holds `commits` commits of one record.
async fn history(pipeline: &Pipeline, commits: u64) -> Result<Arc<MemoryLake>, Box<dyn Error>> {
    let lake = Arc::new(MemoryLake::default());
    let mut settings = Settings::new(&pipeline.name, Arc::new(Semantics::default()));
    settings.ticks_topic = pipeline.ticks.name().to_owned();
    settings.roll = Roll { rows: 1, ..Roll::default() };
    settings.read_bytes = 1;
    let status = Arc::new(Status::new());
    let components = Components {
        log: pipeline.log.clone(),
        ownership: Arc::new(StaticOwnership::new([0])),
        lake: lake.clone(),
        store: Arc::new(MemoryStore::new()),
        metrics: Metrics::new(),
        status: status.clone(),
        clock: tick_log::system_clock(),
        entropy: ingest::system_entropy(),
    };
    let shutdown = Shutdown::new();
    let run = ingest::run(settings, components, shutdown.clone());
    let watch = async {
        let deadline = tokio::time::Instant::now() + HISTORY;
        while status.counters().read < commits && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shutdown.drain();
    };
    let (summary, ()) = tokio::join!(run, watch);
    let made = summary?.commits;
    if made < commits {
        return Err(format!("only {made} of {commits} commits were made within {HISTORY:?}").into());
    }
    Ok(lake)
}

/// Puts everything of one lake on HDFS, as it is; returns the number of files.
async fn copy(from: &Arc<MemoryLake>, pipeline: &Pipeline) -> Result<usize, Box<dyn Error>> {
    let settings = HdfsSettings {
        uri: Some(pipeline.servers.hdfs.clone()),
        config_dir: None,
        user: "stockpipe".to_owned(),
        root: format!("/{}", pipeline.name),
        kerberos: None,
    };
    let to = HdfsLake::connect(settings).await?;
    let files = from.list("").await?;
    let count = files.len();
    let mut copies = stream::iter(files)
        .map(|file| {
            let to = &to;
            async move { to.create(&file.path, from.read(&file.path).await?).await }
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(copied) = copies.next().await {
        copied?;
    }
    Ok(count)
}
