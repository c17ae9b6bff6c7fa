//! The stores of one data directory and the manifest that says what they mean: what every command works with.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use crds::{StockPipeline, TrainingRun};
use feature_store::{FeatureStore, RedbStore};
use lake::{Lake, LakeError, LocalLake};
use market::{ErrorKind, Timestamp};
use runtime::DirLock;
use serde::{Deserialize, Serialize};
use tick_log::{Clock, Log, SegmentLog, SegmentOptions};

use crate::Failure;

/// Who may use a data directory: written once, create-only.
const CLAIM: &str = "_stockpipe.json";

/// What a directory was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    pipeline: String,
    topic: String,
}

/// Everything a command works with.
#[derive(Clone)]
pub struct Context {
    /// The manifest's pipeline.
    pub pipeline: Arc<StockPipeline>,
    /// The manifest's TrainingRuns.
    pub runs: Vec<TrainingRun>,
    /// The data directory.
    pub dir: PathBuf,
    /// Topics.
    pub log: Arc<dyn Log>,
    /// Files.
    pub lake: Arc<dyn Lake>,
    /// Rows, predictions, aliases, runs.
    pub store: Arc<dyn FeatureStore>,
    /// Wall clock in milliseconds.
    pub clock: Clock,
    /// What the running roles say of themselves, where they run in this process.
    pub live: Option<Arc<dyn Fn() -> serde_json::Value + Send + Sync>>,
    _lock: Arc<DirLock>,
}

/// How long a command waits for another owner of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as a process takes to end.
    Usual,
    /// Not at all.
    None,
}

impl Context {
    /// The lake's root directory: embedded stores have the directory to themselves.
    pub const ROOT: &'static str = "";

    /// Opens the embedded stores below `dir`. `create` makes them; a command that only reads wants them to be there.
    pub async fn open(
        dir: &Path,
        pipeline: StockPipeline,
        runs: Vec<TrainingRun>,
        create: bool,
        patience: Patience,
    ) -> Result<Self, Failure> {
        if dir.exists() && !dir.is_dir() {
            return Err(Failure::bad_input(format!(
                "{} is a file, not a directory: name a directory with --data",
                dir.display()
            )));
        }
        if !create && !dir.join("lake").join(CLAIM).exists() {
            return Err(Failure::bad_input(format!(
                "{} holds no data of a pipeline: run `stockpipe local`, `import` or `produce` with this --data first",
                dir.display()
            )));
        }
        let lock = match patience {
            Patience::Usual => DirLock::acquire(dir).await?,
            Patience::None => DirLock::acquire_within(dir, Duration::ZERO).await?,
        };
        let lake = LocalLake::open(dir.join("lake"))?;
        claim(&lake, dir, &pipeline).await?;
        let log = SegmentLog::open(dir.join("log"), SegmentOptions::default())?;
        let store = RedbStore::open(dir.join("features.redb"))?;
        Ok(Self {
            pipeline: Arc::new(pipeline),
            runs,
            dir: dir.to_path_buf(),
            log: Arc::new(log),
            lake: Arc::new(lake),
            store: Arc::new(store),
            clock: tick_log::system_clock(),
            live: None,
            _lock: Arc::new(lock),
        })
    }

    /// The wall clock as an instant.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis((self.clock)())
    }

    /// The clock in the form that trainer and predictor take.
    pub fn instant_clock(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let clock = self.clock.clone();
        Arc::new(move || Timestamp::from_millis(clock()))
    }

    /// The topic of ticks, made if need be with the manifest's partitions.
    pub async fn ticks_topic(&self) -> Result<Arc<dyn tick_log::Topic>, Failure> {
        let topic = &self.pipeline.spec.source.kafka.topic;
        let partitions = u32::try_from(topic.partitions).unwrap_or(1);
        let retention = crate::settings::topic_retention(&self.pipeline);
        match self.log.create_topic(&topic.name, partitions, retention).await {
            Ok(topic) => Ok(topic),
            Err(e @ tick_log::LogError::PartitionsDiffer { .. }) => Err(Failure::bad_input(format!(
                "{e}; partitions are immutable: set source.kafka.topic.partitions (or --partitions) back, or use \
                 another --data directory"
            ))),
            Err(e) => Err(e.into()),
        }
    }

    /// The topics of rows and predictions, made if need be.
    pub async fn output_topics(&self) -> Result<(), Failure> {
        for (name, ttl) in [
            (crate::settings::features_topic(&self.pipeline), FOLLOWED),
            (crate::settings::predictions_topic(&self.pipeline), FOLLOWED),
        ] {
            self.log.create_topic(&name, 1, Some(ttl)).await?;
        }
        Ok(())
    }

    /// Closes the store: what is acknowledged is on disk and the file is small.
    pub async fn close(&self) -> Result<(), Failure> {
        Ok(self.store.close().await?)
    }
}

/// How long the topics that are only followed keep their records.
const FOLLOWED: Duration = Duration::from_secs(24 * 3600);

/// Takes the directory for this pipeline, or makes sure that it was taken for it.
async fn claim(lake: &dyn Lake, dir: &Path, pipeline: &StockPipeline) -> Result<(), Failure> {
    let namespace = pipeline.metadata.namespace.as_deref().unwrap_or("default");
    let ours = Claim {
        pipeline: format!("{namespace}/{}", pipeline.name()),
        topic: pipeline.spec.source.kafka.topic.name.clone(),
    };
    let bytes = serde_json::to_vec(&ours).map_err(|e| Failure::new(ErrorKind::Bug, e.to_string()))?;
    match lake.create(CLAIM, Bytes::from(bytes)).await {
        Ok(()) => return Ok(()),
        Err(LakeError::AlreadyExists { .. }) => {}
        Err(e) => return Err(e.into()),
    }
    let there: Claim = serde_json::from_slice(&lake.read(CLAIM).await?).map_err(|e| {
        Failure::new(
            ErrorKind::Corrupt,
            format!("{}/lake/{CLAIM} is damaged ({e}): write {} into it", dir.display(), {
                serde_json::to_string(&ours).unwrap_or_default()
            }),
        )
    })?;
    if there == ours {
        return Ok(());
    }
    Err(Failure::bad_input(format!(
        "{} belongs to pipeline {} with topic {}, not to {} with topic {}: use another --data directory",
        dir.display(),
        there.pipeline,
        there.topic,
        ours.pipeline,
        ours.topic
    )))
}
