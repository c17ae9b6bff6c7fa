//! The feature store on a Cassandra cluster (4.0 and later).
//!
//! `schema.cql` beside this file is the layout. What carries the port's promises:
//! - a row is one `INSERT` of all its columns with `USING TIMESTAMP` T: the greatest T wins on every replica, whatever
//!   the order of arrival, and a row is never a mix of two values, because two values of a row never share a T;
//! - a forecast's write timestamp falls with `made_at`, so the first one made wins (`forecasts`);
//! - alias histories grow by lightweight transactions, and no table sees both those and write timestamps;
//! - whatever may have been written may be written again.
//!
//! What a cluster cannot promise, and the port therefore does not: a call is whole or absent, and a read sees one
//! moment. A call that failed may be there in part until it is repeated.
//!
//! Expiry is Cassandra's: rows carry a time to live that counts from their arrival, so
//! [`expire`](FeatureStore::expire) has nothing to do.
//!
//! Consistency is LOCAL_QUORUM. Where the keyspace has one replica in the data centre LOCAL_ONE says the same; the
//! keyspace is asked, not the settings, because somebody else may have made it.
//!
//! It deliberately has no cache of rows, no speculative execution (two writes of one row cost double and help nobody)
//! and logs nothing of a cluster that fails: the error says it, and who got it decides.

mod cells;
mod checks;
mod cluster;
mod connect;
mod failure;
mod forecasts;
mod index;
mod init;
mod misfits;
mod pairing;
mod read;
mod rows;
mod schema;
mod send;
mod settings;
mod slice;
mod small;
mod statements;
mod ttl;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use market::{AliasEvent, AliasKey, FeatureRow, PredictionRow, RunRow, Symbol, Timestamp};
use tokio::time::timeout;

pub use self::{
    checks::checks,
    failure::CassandraError,
    schema::Schema,
    settings::{CassandraSettings, Tls},
};
use self::{
    cluster::Cluster,
    index::{Index, Kind},
    init::Meta,
    misfits::Misfits,
    pairing::Pairing,
    statements::Statements,
};
use crate::{FeatureStore, PredictionQuery, RowQuery, RowSink, StoreError, limits};

/// A feature store in a keyspace that `init` has prepared. Any number of processes may share it.
pub struct CassandraStore {
    settings: CassandraSettings,
    schema: Schema,
    cluster: Cluster,
    statements: Statements,
    meta: Meta,
    index: Index,
    pairing: Pairing,
    misfits: Misfits,
    closed: AtomicBool,
}

impl CassandraStore {
    /// Makes the keyspace, the tables and the columns that these settings need and that are not there. Safe twice, and
    /// from two processes at once.
    pub async fn init(settings: &CassandraSettings) -> Result<(), StoreError> {
        for _ in 0..limits::CASSANDRA_INIT_ATTEMPTS {
            match init::init(settings).await {
                // Several make the first table at once: the cluster takes a moment to agree on whose it is.
                Err(CassandraError::Refused { why, .. }) if why.contains("does not exist") => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                done => return Ok(done?),
            }
        }
        Ok(init::init(settings).await?)
    }

    /// Connects to a prepared keyspace, or says within 15 s what is wrong.
    pub async fn connect(settings: CassandraSettings) -> Result<Self, StoreError> {
        let patience = Duration::from_millis(limits::CASSANDRA_CONNECT_MS);
        let contact = settings.contact();
        let Ok(opened) = timeout(patience, Self::open(settings)).await else {
            let why = format!("it listens, but did not answer everything within {} s", patience.as_secs());
            return Err(CassandraError::Unreachable { contact, why }.into());
        };
        Ok(opened?)
    }

    async fn open(settings: CassandraSettings) -> Result<Self, CassandraError> {
        let schema = Schema::of(&settings);
        let mut cluster = Cluster::open(&settings).await?;
        let meta = init::check_prepared(&cluster, &schema).await?;
        cluster.choose_consistency(&settings.datacenter);
        let statements = Statements::prepare(&cluster, &schema).await?;
        Ok(Self {
            pairing: Pairing::new(&settings.windows),
            settings,
            schema,
            cluster,
            statements,
            meta,
            index: Index::default(),
            misfits: Misfits::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// Drops the tables, and the keyspace where `init` made it and nobody put anything else into it.
    pub async fn drop_all(settings: &CassandraSettings) -> Result<(), StoreError> {
        Ok(init::drop_all(settings).await?)
    }

    /// Whose a keyspace is, before anything is made in it; `None` where it is nobody's, or not there.
    pub async fn claimed(settings: &CassandraSettings) -> Result<Option<String>, StoreError> {
        Ok(init::claimed(settings).await?)
    }

    /// Whose the keyspace is, as [`CassandraStore::put_claim`] wrote it.
    pub async fn claim(&self) -> Result<Option<String>, StoreError> {
        Ok(self.meta.claim(&self.cluster).await?)
    }

    /// Claims the keyspace unless somebody has; gives the claim that stands. Of many at once exactly one succeeds.
    pub async fn put_claim(&self, claim: &str) -> Result<String, StoreError> {
        Ok(self.meta.put_claim(&self.cluster, claim).await?)
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            let file =
                PathBuf::from(format!("cassandra://{}/{}", self.cluster.contact, self.cluster.keyspace));
            return Err(StoreError::Closed { file });
        }
        Ok(())
    }
}

#[async_trait]
impl RowSink for CassandraStore {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        self.check_open()?;
        self.upsert(rows).await
    }
}

#[async_trait]
impl FeatureStore for CassandraStore {
    async fn rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError> {
        self.check_open()?;
        Ok(self.read_rows(query).await?)
    }

    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError> {
        self.check_open()?;
        Ok(index::symbols(&self.cluster, &self.statements, Kind::Bar).await?)
    }

    async fn put_predictions(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.check_open()?;
        self.put_forecasts(rows).await
    }

    async fn put_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError> {
        self.check_open()?;
        self.set_outcomes(rows).await
    }

    async fn predictions(&self, query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError> {
        self.check_open()?;
        Ok(self.read_forecasts(query).await?)
    }

    async fn alias_history(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        self.check_open()?;
        self.read_aliases(key).await
    }

    async fn alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        self.check_open()?;
        self.read_alias_keys(pipeline).await
    }

    async fn append_alias(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError> {
        self.check_open()?;
        self.append(key, event).await
    }

    async fn put_run(&self, run: &RunRow) -> Result<(), StoreError> {
        self.check_open()?;
        self.write_run(run).await
    }

    async fn runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        self.check_open()?;
        self.read_runs(pipeline).await
    }

    async fn put_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.check_open()?;
        self.write_note(key, value).await
    }

    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_open()?;
        self.read_note(key).await
    }

    /// Nothing: rows carry their end with them. What is asked for must be in the settings' times to live.
    async fn expire(&self, _: Option<Timestamp>, _: Option<Timestamp>) -> Result<u64, StoreError> {
        self.check_open()?;
        Ok(0)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
    }
}
