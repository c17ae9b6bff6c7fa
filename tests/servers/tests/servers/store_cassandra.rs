//! The feature store on a real Cassandra: the port's contract, what it assumes about the server, what it says when
//! something is wrong, and that it goes on afterwards.

mod compatibility;
mod faults;
mod indicators;
mod predictions;
mod probes;
mod secured;
mod setup;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use feature_store::{
    FeatureStore,
    cassandra::{CassandraSettings, CassandraStore, Schema},
    conformance::suite_of_a_cluster,
};
use market::Span;
use scylla::client::{session::Session, session_builder::SessionBuilder};
use servers::{shared, unique};

/// Longest time for something that only has to come true.
const SOON: Duration = Duration::from_secs(60);

/// The store's settings for a keyspace of a node.
fn settings(contact: &str, keyspace: &str) -> CassandraSettings {
    let s = Span::from_secs;
    CassandraSettings {
        contact_points: vec![contact.to_owned()],
        datacenter: "datacenter1".into(),
        keyspace: keyspace.to_owned(),
        replication_factor: 1,
        username: None,
        password: None,
        tls: None,
        indicator_columns: vec![],
        windows: vec![("sma_5".into(), s(15), s(5)), ("sma_20".into(), s(60), s(15))],
        features_ttl: None,
        predictions_ttl: None,
    }
}

/// Settings of a keyspace that nobody has, on the shared node.
async fn nowhere(name: &str) -> CassandraSettings {
    settings(shared().await.cassandra.contact(), &unique(name))
}

/// A prepared keyspace of the test's own.
async fn prepared(name: &str) -> CassandraSettings {
    let settings = nowhere(name).await;
    CassandraStore::init(&settings).await.expect("init");
    settings
}

async fn connect(settings: &CassandraSettings) -> CassandraStore {
    CassandraStore::connect(settings.clone()).await.expect("connect")
}

/// A session that knows nothing of the store.
async fn plain(settings: &CassandraSettings) -> Session {
    let session =
        SessionBuilder::new().known_nodes(&settings.contact_points).build().await.expect("a session");
    session.use_keyspace(&settings.keyspace, true).await.expect("the keyspace");
    session
}

/// Tries until it works, and says at the deadline what it saw last.
async fn until<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    patience: Duration,
    mut attempt: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) if Instant::now() > deadline => panic!("{what}: not within {patience:?}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cassandra_keeps_the_contract() {
    let settings = &prepared("contract").await;
    let session = &plain(settings).await;
    suite_of_a_cluster(|| async move {
        // A keyspace for each case would cost more than the cases.
        for table in Schema::tables().iter().filter(|table| *table != "meta") {
            session.query_unpaged(format!("TRUNCATE {table}"), ()).await.expect("empty tables");
        }
        Arc::new(connect(settings).await) as Arc<dyn FeatureStore>
    })
    .await;
    CassandraStore::drop_all(settings).await.expect("drop");
}
