//! The stores of a pipeline on Kafka, HDFS and Cassandra.

use std::{fmt, sync::Arc, time::Duration};

use crds::{Documents, StockPipeline};
use feature_store::cassandra::CassandraStore;
use feature_store::{FeatureStore, MemoryStore};
use lake::{Lake, MemoryLake, hdfs::HdfsLake};
use market::ErrorKind;
use tick_log::kafka::KafkaLog;
use tick_log::{Log, MemoryLog};

use super::{Context, Place, claim, claim::Claim};
use crate::{
    Failure,
    settings::{mounts::Mounts, stores::Stores},
};

/// Longest time in which every server has answered, or a command fails.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which stores a command works with. It runs while the others are down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The log.
    pub log: bool,
    /// The lake.
    pub lake: bool,
    /// The feature store.
    pub store: bool,
}

impl Needs {
    /// Everything.
    pub const ALL: Self = Self { log: true, lake: true, store: true };
    /// The log alone.
    pub const LOG: Self = Self { log: true, lake: false, store: false };
    /// The lake alone.
    pub const LAKE: Self = Self { log: false, lake: true, store: false };
    /// The feature store alone.
    pub const STORE: Self = Self { log: false, lake: false, store: true };
    /// What raw ticks need: rows can come later.
    pub const RAW: Self = Self { log: true, lake: true, store: false };
    /// What is stored, without the log.
    pub const STORED: Self = Self { log: false, lake: true, store: true };
    /// What a page shows.
    pub const SHOWN: Self = Self { log: true, lake: false, store: true };
}

impl Context {
    /// Connects to the servers. `needs` says which; the others stay untouched, and in their place is an empty store in
    /// memory. What is connected must have been claimed for this pipeline by `stockpipe init`.
    pub async fn connect(
        stores: Stores,
        documents: Documents,
        mounts: Mounts,
        needs: Needs,
    ) -> Result<Self, Failure> {
        let Documents { pipeline, runs, warnings: _ } = documents;
        let ours = Claim::of(&pipeline);
        let log = within("Kafka", &stores.kafka.bootstrap, async {
            Ok(match needs.log {
                true => Arc::new(KafkaLog::connect(stores.kafka.clone()).await?) as Arc<dyn Log>,
                false => Arc::new(MemoryLog::new()),
            })
        });
        let lake_address = stores.lake_address();
        let lake = within("HDFS", &lake_address, async {
            if !needs.lake {
                return Ok(Arc::new(MemoryLake::new()) as Arc<dyn Lake>);
            }
            let lake = HdfsLake::connect(stores.hdfs.clone()).await?;
            let place = stores.lake_address();
            match claim::read(&lake, &place, &ours).await? {
                None => return Err(not_prepared(&place)),
                Some(there) => ours.agree(&there, &place, ANOTHER_LAKE)?,
            }
            Ok(Arc::new(lake) as Arc<dyn Lake>)
        });
        let store = async {
            match needs.store {
                // Boxed: futures in futures in futures are too much for the compiler otherwise.
                true => Box::pin(feature_store(&stores, &pipeline)).await,
                false => Ok(Arc::new(MemoryStore::new()) as Arc<dyn FeatureStore>),
            }
        };
        let (log, lake, store) = tokio::try_join!(log, lake, store)?;
        Ok(Self {
            pipeline: Arc::new(pipeline),
            runs,
            mounts,
            place: Place::Servers(Arc::new(stores)),
            log,
            lake,
            store,
            clock: tick_log::system_clock(),
            live: None,
        })
    }
}

/// Connects to the feature store alone, claimed for this pipeline.
pub async fn feature_store(
    stores: &Stores,
    pipeline: &StockPipeline,
) -> Result<Arc<dyn FeatureStore>, Failure> {
    let place = stores.keyspace_address();
    within("Cassandra", &place, async {
        let ours = Claim::of(pipeline);
        let store = CassandraStore::connect(stores.cassandra.clone()).await?;
        match store.claim().await? {
            None => return Err(not_prepared(&place)),
            Some(text) => ours.agree(&Claim::parse(&text, &place, &ours)?, &place, ANOTHER_KEYSPACE)?,
        }
        Ok(Arc::new(store) as Arc<dyn FeatureStore>)
    })
    .await
}

/// What to do about a lake that belongs to somebody else.
pub const ANOTHER_LAKE: &str = "give each pipeline a lake.root of its own";
/// What to do about a keyspace that belongs to somebody else.
pub const ANOTHER_KEYSPACE: &str = "give each pipeline a featureStore.cassandra.keyspace of its own";

/// The refusal to work where `init` has not been.
pub fn not_prepared(place: &str) -> Failure {
    Failure::new(
        ErrorKind::Misconfigured,
        format!("{place} is not prepared for this pipeline: run `stockpipe init` with this manifest first"),
    )
}

/// Gives a server a bounded time.
pub async fn within<T>(
    server: &str,
    address: &impl fmt::Display,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        Err(Failure::new(
            ErrorKind::Unavailable,
            format!(
                "{server} ({address}) has not answered within {} s: check the address and that it runs; `stockpipe \
                 doctor` tells more",
                PATIENCE.as_secs()
            ),
        ))
    })
}
