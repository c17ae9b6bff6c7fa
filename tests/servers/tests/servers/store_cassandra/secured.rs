//! Passwords, permissions and TLS: who is let in, and what is said to the others.

use std::time::{Duration, Instant};

use feature_store::{
    FeatureStore as _, RowSink as _, StoreError,
    cassandra::{CassandraError, CassandraSettings, CassandraStore, Tls, checks},
    conformance::row,
};
use market::{ErrorKind, Verdict};
use servers::{Options, SUPERUSER, Stack, unique};

use super::{SOON, connect, settings, until};

async fn refusal(settings: &CassandraSettings) -> CassandraError {
    let began = Instant::now();
    let refused = CassandraStore::connect(settings.clone()).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    match refused {
        Ok(_) => panic!("let in"),
        Err(StoreError::Cassandra(error)) => *error,
        Err(other) => panic!("{other}"),
    }
}

async fn may(root: &scylla::client::session::Session, cql: &str) {
    root.query_unpaged(cql, ()).await.expect(cql);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_permissions_and_certificates() {
    let options = Options { secured: true, kafka: false, hdfs: false, ..Options::default() };
    let stack = Stack::start(options).await.expect("a secured Cassandra");
    let certificates = stack.certificates.clone().expect("certificates");
    let tls = Tls {
        ca_pem: Some(certificates.ca.clone()),
        cert_pem: Some(certificates.client.clone()),
        key_pem: Some(certificates.client_key.clone()),
    };
    let user = |name: &str, password: &str| CassandraSettings {
        username: Some(name.to_owned()),
        password: Some(password.to_owned()),
        tls: Some(tls.clone()),
        ..settings(stack.cassandra.contact(), &unique("s"))
    };
    let root = user(SUPERUSER.0, SUPERUSER.1);
    // The node says that it listens a moment before it does.
    until("init by the first user", SOON, async || CassandraStore::init(&root).await).await;
    let store = connect(&root).await;
    store.upsert_rows(&[row("A", "1m", 0, 1)]).await.expect("upsert over TLS");
    let found = checks(&root).await;
    assert!(found.iter().all(|c| c.verdict != Verdict::Fail), "{found:?}");

    let error = refusal(&user(SUPERUSER.0, "wrong")).await;
    assert!(matches!(error, CassandraError::Credentials { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    let nameless = CassandraSettings { username: None, password: None, ..root.clone() };
    assert!(matches!(refusal(&nameless).await, CassandraError::Credentials { .. }));

    permissions(&root, &tls).await;

    let plain = CassandraSettings { tls: None, ..root.clone() };
    let error = refusal(&plain).await;
    assert!(matches!(error, CassandraError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("TLS"), "{error}");
    let strange = Tls { ca_pem: None, ..tls.clone() };
    let error = refusal(&CassandraSettings { tls: Some(strange), ..root.clone() }).await;
    assert!(matches!(error, CassandraError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "who signed it is not known: {error}");
    let torn = Tls { key_pem: Some("-----BEGIN PRIVATE KEY-----".into()), ..tls.clone() };
    let error = refusal(&CassandraSettings { tls: Some(torn), ..root.clone() }).await;
    assert!(matches!(error, CassandraError::Tls { .. }), "{error}");
    for secret in ["open-sesame", "PRIVATE KEY"] {
        assert!(!format!("{:?} {error}", user("app", "open-sesame")).contains(secret), "{secret} is told");
    }
}

async fn permissions(root: &CassandraSettings, tls: &Tls) {
    let session = open(root).await;
    let keyspace = &root.keyspace;
    for cql in [
        "CREATE ROLE reader WITH PASSWORD = 'r' AND LOGIN = true",
        "CREATE ROLE nobody WITH PASSWORD = 'n' AND LOGIN = true",
        &format!("GRANT SELECT ON KEYSPACE {keyspace} TO reader"),
    ] {
        may(&session, cql).await;
    }
    let as_user = |name: &str, password: &str| CassandraSettings {
        username: Some(name.into()),
        password: Some(password.into()),
        tls: Some(tls.clone()),
        ..root.clone()
    };
    let nobody = as_user("nobody", "n");
    let error = refusal(&nobody).await;
    assert!(matches!(&error, CassandraError::Permission { grant, .. } if grant == "SELECT"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    let elsewhere = CassandraSettings { keyspace: unique("other"), ..nobody };
    let error = CassandraStore::init(&elsewhere).await.expect_err("may not create");
    assert!(error.to_string().contains("CREATE") && error.kind() == ErrorKind::Misconfigured, "{error}");

    let reader = as_user("reader", "r");
    let store = connect(&reader).await;
    assert_eq!(store.rows(&Default::default()).await.expect("may read").len(), 1);
    let began = Instant::now();
    let error = store.upsert_rows(&[row("A", "1m", 60, 1)]).await.expect_err("may not write");
    assert!(error.to_string().contains("MODIFY"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(began.elapsed() < Duration::from_secs(5), "no use in trying again: {:?}", began.elapsed());
    let found = checks(&reader).await;
    assert!(found.iter().any(|c| c.verdict == Verdict::Fail && c.name.ends_with("writing")), "{found:?}");

    may(&session, &format!("GRANT MODIFY ON KEYSPACE {keyspace} TO reader")).await;
    store.upsert_rows(&[row("A", "1m", 60, 1)]).await.expect("may write now, without being opened again");
}

/// A session of the test, by the same certificates.
async fn open(settings: &CassandraSettings) -> scylla::client::session::Session {
    use openssl::{
        ssl::{SslConnector, SslMethod},
        x509::{X509, store::X509StoreBuilder},
    };
    let mut store = X509StoreBuilder::new().expect("a store");
    let ca = settings.tls.as_ref().and_then(|tls| tls.ca_pem.clone()).expect("an authority");
    store.add_cert(X509::from_pem(ca.as_bytes()).expect("PEM")).expect("an authority");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("TLS");
    builder.set_cert_store(store.build());
    scylla::client::session_builder::SessionBuilder::new()
        .known_nodes(&settings.contact_points)
        .user(SUPERUSER.0, SUPERUSER.1)
        .tls_context(Some(builder))
        .build()
        .await
        .expect("a session")
}
