//! A session with a cluster: how a request is tried until it is answered, refused or given up. `connect` opens it.
//!
//! The driver keeps connections and heals them; this file only decides what an error means. A request that fails in
//! passing is tried again with growing, varied pauses for a bounded time and then is `Unavailable`: the caller keeps
//! its rows and comes again. Nothing is logged here, so a broken cluster floods no log.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use scylla::{
    client::session::Session,
    response::{PagingState, PagingStateResponse, query_result::QueryRowsResult},
    statement::{Consistency, Statement, batch::Batch, prepared::PreparedStatement},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use super::{
    CassandraError,
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
    /// Of the statements that are prepared from now on.
    pub consistency: Consistency,
    last_micros: AtomicI64,
}

impl Cluster {
    pub fn new(session: Session, contact: String, keyspace: String) -> Self {
        Self {
            session,
            contact,
            keyspace,
            writing: Semaphore::new(limits::CASSANDRA_IN_FLIGHT),
            consistency: Consistency::LocalQuorum,
            last_micros: AtomicI64::new(0),
        }
    }

    /// Makes the keyspace the one that statements mean.
    pub async fn use_keyspace(&self) -> Result<(), CassandraError> {
        self.tried("use the keyspace", || self.session.use_keyspace(&self.keyspace, true)).await
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

    /// Changes the schema by a statement that may run twice. Every node must agree, so it has more time than others.
    pub async fn change(&self, what: &'static str, cql: &str) -> Result<(), CassandraError> {
        let mut statement = Statement::new(cql);
        statement.set_request_timeout(Some(Duration::from_millis(limits::CASSANDRA_CHANGE_MS)));
        let patience = Duration::from_millis(2 * limits::CASSANDRA_CHANGE_MS);
        self.tried_for(patience, what, || self.session.query_unpaged(statement.clone(), ())).await.map(drop)
    }

    /// Runs a lightweight transaction. Whether it was applied is read afterwards: a try without an answer may have been.
    pub async fn transact(
        &self,
        what: &'static str,
        statement: &PreparedStatement,
        values: &Cells,
    ) -> Result<(), CassandraError> {
        self.tried(what, || self.session.execute_unpaged(statement, values)).await.map(drop)
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
        call: impl FnMut() -> F,
    ) -> Result<T, CassandraError> {
        self.tried_for(Duration::from_millis(limits::CASSANDRA_RETRY_MS), what, call).await
    }

    async fn tried_for<T, E: Judge, F: Future<Output = Result<T, E>>>(
        &self,
        patience: Duration,
        what: &'static str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, CassandraError> {
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

fn varied(ms: u64) -> u64 {
    ms / 2 + random() % ms.max(1)
}
