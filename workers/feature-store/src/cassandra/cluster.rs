//! A session with a cluster: how it is opened, and how a request is tried until it is answered or given up.
//!
//! The driver keeps connections and heals them; this file only decides what an error means. A request that fails in
//! passing is tried again with growing, varied pauses for a bounded time and then is `Unavailable`: the caller keeps
//! its rows and comes again. Nothing is logged here, so a broken cluster floods no log.

use std::{
    hash::BuildHasher,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openssl::{
    pkey::PKey,
    ssl::{SslConnector, SslConnectorBuilder, SslMethod},
    x509::{X509, store::X509StoreBuilder},
};
use scylla::{
    client::{
        PoolSize, execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
    },
    cluster::{ClusterState, metadata::Strategy},
    policies::retry::FallthroughRetryPolicy,
    response::{PagingState, PagingStateResponse, query_result::QueryRowsResult},
    statement::{Consistency, SerialConsistency, batch::Batch, prepared::PreparedStatement},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use super::{
    CassandraError, CassandraSettings,
    cells::{Cells, Fields},
    failure::{Answer, Judge},
};
use crate::limits;

/// An open session, and what errors need to name.
pub(super) struct Cluster {
    pub session: Session,
    pub contact: String,
    pub keyspace: String,
    pub writing: Semaphore,
    consistency: Consistency,
    last_micros: AtomicI64,
}

impl Cluster {
    /// Connects, without a keyspace. Ends within [`limits::CASSANDRA_CONNECT_MS`].
    pub async fn open(settings: &CassandraSettings) -> Result<Self, CassandraError> {
        settings.check()?;
        let contact = settings.contact();
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(SerialConsistency::LocalSerial))
            .request_timeout(Some(Duration::from_millis(limits::CASSANDRA_REQUEST_MS)))
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&settings.contact_points)
            .prefer_datacenter(settings.datacenter.clone())
            .default_execution_profile_handle(profile.into_handle())
            .connection_timeout(Duration::from_millis(limits::CASSANDRA_REQUEST_MS))
            .schema_agreement_timeout(Duration::from_secs(limits::CASSANDRA_INIT_S))
            .fetch_schema_metadata(true)
            .keepalive_interval(Duration::from_secs(10))
            .pool_size(PoolSize::PerHost(CONNECTIONS));
        if let (Some(user), Some(password)) = (&settings.username, &settings.password) {
            builder = builder.user(user, password);
        }
        if let Some(tls) = &settings.tls {
            let context = tls_context(tls)
                .map_err(|e| CassandraError::Tls { contact: contact.clone(), why: e.to_string() })?;
            builder = builder.tls_context(Some(context));
        }
        let patience = Duration::from_millis(limits::CASSANDRA_CONNECT_MS);
        let session = match timeout(patience, builder.build()).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => {
                let why = error.to_string();
                return Err(match error.judge() {
                    Answer::Credentials => CassandraError::Credentials { contact, why },
                    _ => CassandraError::Unreachable { contact, why },
                });
            }
            Err(_) => {
                let why = format!("no answer within {} s", patience.as_secs());
                return Err(CassandraError::Unreachable { contact, why });
            }
        };
        let cluster = Self {
            session,
            contact,
            keyspace: settings.keyspace.clone(),
            writing: Semaphore::new(limits::CASSANDRA_IN_FLIGHT),
            consistency: Consistency::LocalQuorum,
            last_micros: AtomicI64::new(0),
        };
        cluster.check_datacenter(&settings.datacenter)?;
        Ok(cluster)
    }

    fn check_datacenter(&self, named: &str) -> Result<(), CassandraError> {
        let state = self.session.get_cluster_state();
        let mut known: Vec<&str> =
            state.get_nodes_info().iter().filter_map(|n| n.datacenter.as_deref()).collect();
        known.sort_unstable();
        known.dedup();
        if known.contains(&named) {
            return Ok(());
        }
        Err(CassandraError::Datacenter {
            contact: self.contact.clone(),
            named: named.to_owned(),
            known: known.join(", "),
        })
    }

    /// Makes the keyspace the one that statements mean.
    pub async fn use_keyspace(&self) -> Result<(), CassandraError> {
        self.tried("use the keyspace", || self.session.use_keyspace(&self.keyspace, true)).await
    }

    /// How many replicas the keyspace has in the data centre; statements prepared from now on ask for a quorum of them.
    pub async fn choose_consistency(&mut self, datacenter: &str) -> Result<Option<usize>, CassandraError> {
        let replicas = replicas(&self.session.get_cluster_state(), &self.keyspace, datacenter);
        self.consistency = if replicas == Some(1) { Consistency::LocalOne } else { Consistency::LocalQuorum };
        Ok(replicas)
    }

    /// True where requests need not say which node: there is but one.
    pub fn is_single(&self) -> bool {
        self.session.get_cluster_state().get_nodes_info().len() < 2
    }

    /// Prepares a statement that may be repeated.
    pub async fn prepare(&self, cql: impl Into<String>) -> Result<PreparedStatement, CassandraError> {
        let cql = cql.into();
        let mut prepared = self.tried("prepare a statement", || self.session.prepare(cql.as_str())).await?;
        prepared.set_is_idempotent(true);
        prepared.set_consistency(self.consistency);
        Ok(prepared)
    }

    /// Runs a statement without values, such as the making of a table.
    pub async fn run(&self, what: &'static str, cql: &str) -> Result<(), CassandraError> {
        self.tried(what, || self.session.query_unpaged(cql, ())).await.map(drop)
    }

    /// Runs a statement and gives its rows, which are few.
    pub async fn rows(
        &self,
        what: &'static str,
        statement: &PreparedStatement,
        values: &Cells,
    ) -> Result<Option<QueryRowsResult>, CassandraError> {
        let result = self.tried(what, || self.session.execute_unpaged(statement, values)).await?;
        Ok(result.into_rows_result().ok())
    }

    /// One page of rows, and where the next one starts.
    pub async fn page(
        &self,
        what: &'static str,
        statement: &PreparedStatement,
        values: &Cells,
        from: PagingState,
    ) -> Result<(QueryRowsResult, Option<PagingState>), CassandraError> {
        let answer =
            self.tried(what, || self.session.execute_single_page(statement, values, from.clone())).await?;
        let rows = answer.0.into_rows_result().map_err(|e| CassandraError::Refused {
            keyspace: self.keyspace.clone(),
            what,
            why: e.to_string(),
        })?;
        Ok(match answer.1 {
            PagingStateResponse::HasMorePages { state } => (rows, Some(state)),
            PagingStateResponse::NoMorePages => (rows, None),
        })
    }

    /// All rows of a statement, made by `take`.
    pub async fn collect<T>(
        &self,
        what: &'static str,
        statement: &PreparedStatement,
        values: &Cells,
        mut take: impl FnMut(&mut Fields<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, CassandraError> {
        let (mut found, mut from) = (Vec::new(), PagingState::start());
        loop {
            let (page, next) = self.page(what, statement, values, from).await?;
            self.each(what, &page, |fields| {
                found.push(take(fields)?);
                Ok(())
            })?;
            match next {
                Some(next) => from = next,
                None => return Ok(found),
            }
        }
    }

    /// Calls `take` with every row of a page.
    pub fn each(
        &self,
        place: &str,
        page: &QueryRowsResult,
        mut take: impl FnMut(&mut Fields<'_>) -> Result<(), String>,
    ) -> Result<(), CassandraError> {
        let rows = page.rows::<Fields<'_>>().map_err(|e| self.unreadable(place, e.to_string()))?;
        for row in rows {
            let mut fields = row.map_err(|e| self.unreadable(place, e.to_string()))?;
            take(&mut fields).map_err(|why| self.unreadable(place, why))?;
        }
        Ok(())
    }

    /// Sends a batch of writes.
    pub async fn write(&self, mut batch: Batch, values: &[Cells]) -> Result<(), CassandraError> {
        batch.set_consistency(self.consistency);
        let batch = &batch;
        let _permit = self.writing.acquire().await;
        self.tried("write rows", || self.session.batch(batch, values)).await.map(drop)
    }

    /// Sends one write.
    pub async fn write_one(
        &self,
        statement: &PreparedStatement,
        values: &Cells,
    ) -> Result<(), CassandraError> {
        let _permit = self.writing.acquire().await;
        self.tried("write a row", || self.session.execute_unpaged(statement, values)).await.map(drop)
    }

    /// A write timestamp of the wall clock that this process has not given before.
    pub fn now(&self) -> i64 {
        let clock = now_micros();
        let before = self.last_micros.fetch_max(clock, Ordering::Relaxed);
        if before < clock { clock } else { self.last_micros.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// Tries until it is answered, refused, or the time is up.
    pub async fn tried<T, E: Judge, F: Future<Output = Result<T, E>>>(
        &self,
        what: &'static str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, CassandraError> {
        let patience = Duration::from_millis(limits::CASSANDRA_RETRY_MS);
        let deadline = Instant::now() + patience;
        let (mut pause, longest) = limits::CASSANDRA_BACKOFF_MS;
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let why = error.to_string();
            match error.judge() {
                Answer::Passing => {}
                answer => return Err(self.refused(what, answer, why)),
            }
            let wait = Duration::from_millis(varied(pause));
            if Instant::now() + wait >= deadline {
                return Err(CassandraError::Unanswered {
                    contact: self.contact.clone(),
                    what,
                    seconds: patience.as_secs(),
                    why,
                });
            }
            sleep(wait).await;
            pause = (pause * 2).min(longest);
        }
    }

    fn refused(&self, what: &'static str, answer: Answer, why: String) -> CassandraError {
        let keyspace = self.keyspace.clone();
        match answer {
            Answer::Credentials => CassandraError::Credentials { contact: self.contact.clone(), why },
            Answer::Permission => {
                // The server names the missing permission: "User x has no MODIFY permission on ...".
                let grant = why.split("has no ").nth(1).and_then(|w| w.split(' ').next());
                let grant = grant.unwrap_or("SELECT and MODIFY").to_owned();
                CassandraError::Permission { keyspace, why, grant }
            }
            Answer::Never | Answer::Passing => CassandraError::Refused { keyspace, what, why },
        }
    }

    pub fn unreadable(&self, place: &str, why: impl Into<String>) -> CassandraError {
        CassandraError::Unreadable {
            keyspace: self.keyspace.clone(),
            place: place.to_owned(),
            why: why.into(),
        }
    }
}

/// Connections to each node.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// Microseconds since 1970 by the wall clock.
pub(super) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A number that nobody can guess twice.
pub(super) fn random() -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    std::hash::RandomState::new().hash_one((CALLS.fetch_add(1, Ordering::Relaxed), now_micros()))
}

fn replicas(state: &ClusterState, keyspace: &str, datacenter: &str) -> Option<usize> {
    match &state.get_keyspace(keyspace)?.strategy {
        Strategy::SimpleStrategy { replication_factor } => Some(*replication_factor),
        Strategy::NetworkTopologyStrategy { datacenter_repfactors } => {
            datacenter_repfactors.get(datacenter).copied()
        }
        _ => None,
    }
}

fn varied(ms: u64) -> u64 {
    ms / 2 + random() % ms.max(1)
}

fn tls_context(tls: &super::Tls) -> Result<SslConnectorBuilder, openssl::error::ErrorStack> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(pem) = &tls.ca_pem {
        let mut store = X509StoreBuilder::new()?;
        for authority in X509::stack_from_pem(pem.as_bytes())? {
            store.add_cert(authority)?;
        }
        builder.set_cert_store(store.build());
    }
    if let (Some(cert), Some(key)) = (&tls.cert_pem, &tls.key_pem) {
        let mut chain = X509::stack_from_pem(cert.as_bytes())?.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own)?;
        }
        for above in chain {
            builder.add_extra_chain_cert(above)?;
        }
        let key = PKey::private_key_from_pem(key.as_bytes())?;
        builder.set_private_key(&key)?;
        builder.check_private_key()?;
    }
    Ok(builder)
}
