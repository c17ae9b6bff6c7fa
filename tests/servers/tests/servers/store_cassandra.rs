//! The feature store on a real Cassandra: the port's contract, what it assumes about the server, and what it says when
//! something is wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use servers::{shared, unique};
use feature_store::{
    FeatureStore,
    cassandra::{CassandraSettings, CassandraStore},
    conformance::suite_of_a_cluster,
};
use market::Span;

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

async fn fresh(name: &str) -> CassandraSettings {
    let stack = shared().await;
    let settings = settings(stack.cassandra.contact(), &unique(name).replace('-', "_"));
    CassandraStore::init(&settings).await.unwrap();
    settings
}

#[tokio::test]
async fn cassandra_keeps_the_contract() {
    let made = AtomicU32::new(0);
    let made = &made;
    suite_of_a_cluster(|| async move {
        let t = std::time::Instant::now();
        let settings = fresh(&format!("contract{}", made.fetch_add(1, Ordering::Relaxed))).await;
        let t1 = t.elapsed();
        let store = CassandraStore::connect(settings).await.unwrap();
        eprintln!("init {t1:?} connect {:?}", t.elapsed() - t1);
        Arc::new(store) as Arc<dyn FeatureStore>
    })
    .await;
    let _ = Duration::ZERO;
}
