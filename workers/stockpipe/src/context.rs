//! The stores of a pipeline and the manifest that says what they mean: what every command works with. They are embedded
//! in one directory ([`Context::open`]) or on servers ([`Context::connect`]); nothing above sees a difference, but that
//! only `init` makes anything on servers.

pub mod claim;
pub mod connect;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crds::{Documents, StockPipeline, TrainingRun};
use feature_store::{FeatureStore, RedbStore};
use lake::{Lake, LocalLake};
use market::{ErrorKind, Timestamp};
use runtime::DirLock;
use tick_log::{Clock, Log, LogError, SegmentLog, SegmentOptions, Topic};

use self::claim::{CLAIM, Claim};
use crate::{
    Failure, settings,
    settings::{mounts::Mounts, stores::Stores},
};

/// Where the stores are.
#[derive(Clone)]
pub enum Place {
    /// In a directory that this process owns.
    Embedded {
        /// The directory.
        dir: PathBuf,
        /// Held for as long as anybody works in it.
        lock: Arc<DirLock>,
    },
    /// On servers.
    Servers(Arc<Stores>),
}

/// Everything a command works with.
#[derive(Clone)]
pub struct Context {
    /// The manifest's pipeline.
    pub pipeline: Arc<StockPipeline>,
    /// The manifest's TrainingRuns.
    pub runs: Vec<TrainingRun>,
    /// Where the Secrets and ConfigMaps are that the manifest names.
    pub mounts: Mounts,
    /// Where the stores are.
    pub place: Place,
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
        documents: Documents,
        mounts: Mounts,
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
        let place = dir.display().to_string();
        let Documents { pipeline, runs, warnings: _ } = documents;
        claim::take(&lake, &place, "use another --data directory", &Claim::of(&pipeline)).await?;
        let log = SegmentLog::open(dir.join("log"), SegmentOptions::default())?;
        let store = RedbStore::open(dir.join("features.redb"))?;
        Ok(Self {
            pipeline: Arc::new(pipeline),
            runs,
            mounts,
            place: Place::Embedded { dir: dir.to_path_buf(), lock: Arc::new(lock) },
            log: Arc::new(log),
            lake: Arc::new(lake),
            store: Arc::new(store),
            clock: tick_log::system_clock(),
            live: None,
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

    /// True on embedded stores.
    pub fn is_embedded(&self) -> bool {
        matches!(self.place, Place::Embedded { .. })
    }

    /// The data directory of embedded stores.
    pub fn dir(&self) -> Option<&Path> {
        match &self.place {
            Place::Embedded { dir, .. } => Some(dir),
            Place::Servers(_) => None,
        }
    }

    /// The topic that ingest reads: made if need be on embedded stores, wanted there on servers.
    pub async fn ticks_topic(&self) -> Result<Arc<dyn Topic>, Failure> {
        let partitions = settings::partitions(&self.pipeline);
        let name = match self.place {
            Place::Embedded { .. } => self.pipeline.spec.source.kafka.topic.name.clone(),
            Place::Servers(_) => return self.keyed_topic(&settings::ticks_topic(&self.pipeline)).await,
        };
        match self.log.create_topic(&name, partitions, settings::topic_retention(&self.pipeline)).await {
            Ok(topic) => Ok(topic),
            Err(e @ LogError::PartitionsDiffer { .. }) => Err(Failure::bad_input(format!(
                "{e}; partitions are immutable: set source.kafka.topic.partitions (or --partitions) back, or use \
                 another --data directory"
            ))),
            Err(e) => Err(e.into()),
        }
    }

    /// The topic that producers write: the one that ingest reads, but where a `rekey` role stands between them.
    pub async fn source_topic(&self) -> Result<Arc<dyn Topic>, Failure> {
        match (&self.place, self.pipeline.spec.source.keyed) {
            (Place::Servers(_), false) => {
                self.existing_topic(&self.pipeline.spec.source.kafka.topic.name).await
            }
            _ => self.ticks_topic().await,
        }
    }

    async fn keyed_topic(&self, name: &str) -> Result<Arc<dyn Topic>, Failure> {
        let topic = self.existing_topic(name).await?;
        let (have, asked) = (topic.partitions(), settings::partitions(&self.pipeline));
        if have == asked {
            return Ok(topic);
        }
        Err(Failure::new(
            ErrorKind::Misconfigured,
            format!(
                "topic {name} has {have} partitions, source.kafka.topic.partitions says {asked}: partitions are \
                 immutable, since a symbol's history lives in one; set it to {have}, or name a new topic"
            ),
        ))
    }

    /// A topic that `init` has made.
    pub async fn existing_topic(&self, name: &str) -> Result<Arc<dyn Topic>, Failure> {
        match self.log.topic(name).await {
            Err(LogError::UnknownTopic { .. }) => Err(connect::not_prepared(&format!("topic {name}"))),
            other => Ok(other?),
        }
    }

    /// The topics of rows and predictions: made if need be on embedded stores, wanted there on servers.
    pub async fn output_topics(&self) -> Result<(), Failure> {
        for name in [settings::features_topic(&self.pipeline), settings::predictions_topic(&self.pipeline)] {
            if self.is_embedded() {
                self.log.create_topic(&name, 1, Some(FOLLOWED)).await?;
            } else {
                self.existing_topic(&name).await?;
            }
        }
        Ok(())
    }

    /// Closes the store: what is acknowledged is on disk and the file is small.
    pub async fn close(&self) -> Result<(), Failure> {
        Ok(self.store.close().await?)
    }
}

/// How long the topics that are only followed keep their records.
pub const FOLLOWED: Duration = Duration::from_secs(24 * 3600);
