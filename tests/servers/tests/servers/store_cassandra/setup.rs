//! Preparing, claiming and destroying a keyspace, and what is said where it is not as it should be.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use feature_store::{
    FeatureStore as _, RowSink as _, StoreError,
    cassandra::{CassandraError, CassandraSettings, CassandraStore, Schema, checks},
    conformance::row,
};
use market::{ErrorKind, Verdict};

use super::{connect, nowhere, plain, prepared};

/// What `connect` and `doctor` say, within their 15 s.
async fn refusal(settings: &CassandraSettings) -> CassandraError {
    let began = Instant::now();
    let error = match CassandraStore::connect(settings.clone()).await {
        Ok(_) => panic!("{settings:?} works"),
        Err(StoreError::Cassandra(error)) => *error,
        Err(other) => panic!("{other}"),
    };
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let found = checks(settings).await;
    assert!(
        found
            .iter()
            .any(|c| c.verdict == Verdict::Fail && !c.remedy.is_empty() && c.detail == error.to_string()),
        "{error}: {found:?}"
    );
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_setting_is_told_apart() {
    let good = prepared("wrong").await;
    let nobody = CassandraSettings { contact_points: vec!["127.0.0.1:1".into()], ..good.clone() };
    let error = refusal(&nobody).await;
    assert!(matches!(error, CassandraError::Unreachable { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);

    let elsewhere = CassandraSettings { datacenter: "mars".into(), ..good.clone() };
    let error = refusal(&elsewhere).await;
    assert!(matches!(&error, CassandraError::Datacenter { known, .. } if known == "datacenter1"), "{error}");

    let error = refusal(&nowhere("absent").await).await;
    assert!(matches!(error, CassandraError::NoKeyspace { .. }), "{error}");
    assert!(error.to_string().contains("stockpipe init"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Misconfigured);

    let grown = CassandraSettings { indicator_columns: vec!["rsi_14".into()], ..good.clone() };
    let error = refusal(&grown).await;
    assert!(
        matches!(&error, CassandraError::NotPrepared { missing, .. } if missing.contains("rsi_14")),
        "{error}"
    );

    let session = plain(&good).await;
    session
        .query_unpaged("UPDATE meta SET value = '99' WHERE key = 'schema' IF EXISTS", ())
        .await
        .expect("update");
    let error = refusal(&good).await;
    assert!(matches!(&error, CassandraError::Version { found, .. } if found == "99"), "{error}");
    let init = CassandraStore::init(&good).await.expect_err("a newer program has been here");
    assert!(init.to_string().contains("99"), "{init}");

    session.query_unpaged("DROP TABLE forecasts", ()).await.expect("drop");
    let error = refusal(&good).await;
    assert!(
        matches!(&error, CassandraError::NotPrepared { missing, .. } if missing.contains("forecasts")),
        "{error}"
    );

    let bad = CassandraSettings { keyspace: "no; drop".into(), ..good.clone() };
    assert_eq!(refusal(&bad).await.kind(), ErrorKind::BadInput);
    CassandraStore::drop_all(&good).await.expect("drop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_from_many_pods_at_once_and_again_with_another_indicator() {
    let settings = nowhere("pods").await;
    let with = |columns: &[&str]| CassandraSettings {
        indicator_columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        ..settings.clone()
    };
    let pods: Vec<_> = [&["rsi_14"][..], &["rsi_14", "obv"], &["obv", "Odd.Name"], &["rsi_14"]]
        .map(|columns| {
            let settings = with(columns);
            tokio::spawn(async move { CassandraStore::init(&settings).await })
        })
        .into();
    for pod in pods {
        pod.await.expect("no panic").expect("init");
    }
    let all = with(&["rsi_14", "obv", "Odd.Name"]);
    CassandraStore::init(&all).await.expect("once more");
    let store = connect(&all).await;
    let mut bar = row("A", "1m", 0, 1);
    bar.indicators = vec![Some(1.0), None, Some(3.0)];
    store.upsert_rows(std::slice::from_ref(&bar)).await.expect("upsert");
    assert_eq!(store.rows(&Default::default()).await.expect("read"), [bar]);

    let session = plain(&all).await;
    let column = Schema::of(&all).indicator_columns()[2].clone();
    let cql = format!("SELECT rsi_14, obv, {column} FROM bars");
    let answer =
        session.query_unpaged(cql, ()).await.expect("typed columns").into_rows_result().expect("rows");
    assert_eq!(answer.single_row().ok(), Some((Some(1.0), None::<f64>, Some(3.0))));

    let healthy = checks(&all).await;
    assert!(healthy.iter().all(|c| c.verdict != Verdict::Fail), "{healthy:?}");
    assert!(
        healthy.iter().any(|c| c.verdict == Verdict::Warn && c.detail.contains("one replica")),
        "{healthy:?}"
    );
    CassandraStore::drop_all(&all).await.expect("drop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyspace_has_one_owner() {
    let settings = prepared("claim").await;
    assert_eq!(connect(&settings).await.claim().await.expect("claim"), None);
    let racers: Vec<_> = (0..6)
        .map(|i| {
            let settings = settings.clone();
            tokio::spawn(async move { connect(&settings).await.put_claim(&format!("pipeline-{i}")).await })
        })
        .collect();
    let mut seen = BTreeSet::new();
    for racer in racers {
        seen.insert(racer.await.expect("no panic").expect("put_claim"));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(connect(&settings).await.claim().await.expect("claim"), seen.pop_first());
    CassandraStore::drop_all(&settings).await.expect("drop");
}

#[tokio::test]
async fn destroy_takes_what_init_made_and_nothing_else() {
    let settings = prepared("destroy").await;
    let session = plain(&settings).await;
    let tables = async || -> Vec<String> {
        let cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
        let answer = session.query_unpaged(cql, (&settings.keyspace,)).await.expect("tables");
        let rows = answer.into_rows_result().expect("rows");
        rows.rows::<(String,)>().expect("typed").map(|r| r.expect("a row").0).collect()
    };
    assert_eq!(tables().await.len(), Schema::tables().len());
    session.query_unpaged("CREATE TABLE theirs (k int PRIMARY KEY)", ()).await.expect("create");
    CassandraStore::drop_all(&settings).await.expect("drop");
    assert_eq!(tables().await, ["theirs"], "somebody else's table keeps the keyspace");
    session.query_unpaged("DROP TABLE theirs", ()).await.expect("drop");
    CassandraStore::drop_all(&settings).await.expect("again");
    let error = refusal(&settings).await;
    assert!(
        matches!(error, CassandraError::NotPrepared { .. }),
        "the keyspace is no longer known as ours: {error}"
    );

    CassandraStore::init(&settings).await.expect("init in a keyspace of somebody else");
    CassandraStore::drop_all(&settings).await.expect("drop");
    let error = refusal(&settings).await;
    assert!(matches!(error, CassandraError::NotPrepared { .. }), "{error}");
    session.query_unpaged(format!("DROP KEYSPACE {}", settings.keyspace), ()).await.expect("drop");

    CassandraStore::init(&settings).await.expect("init");
    CassandraStore::drop_all(&settings).await.expect("drop");
    let error = refusal(&settings).await;
    assert!(matches!(error, CassandraError::NoKeyspace { .. }), "a keyspace of ours goes: {error}");
}
