//! Each way in which a cluster cannot be used is an error of its own, and comes within 15 s.

use std::time::{Duration, Instant};

use market::{ErrorKind, Verdict};
use servers::{APP, NOBODY, Options, Stack};
use tick_log::{
    Log, LogError,
    conformance::{read_all, record},
    kafka::{KafkaLog, KafkaSettings, Protocol, Security, checks},
};

use super::{log, settings, topic};

const LIMIT: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_where_nobody_answers_is_said_so() {
    for nowhere in ["127.0.0.1:1", "no-such-host.invalid:9092"] {
        let began = Instant::now();
        let error = KafkaLog::connect(KafkaSettings::new(nowhere, "b")).await.map(drop).unwrap_err();
        assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
        assert!(matches!(&error, LogError::Unreachable { bootstrap, .. } if bootstrap == nowhere), "{error}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    let began = Instant::now();
    let found = checks(&KafkaSettings::new("127.0.0.1:1", "b"), "ticks", Some(4)).await;
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    assert_eq!(found.iter().map(|c| c.verdict).collect::<Vec<_>>(), [Verdict::Fail], "{found:?}");
    assert!(found[0].remedy.contains("bootstrapServers"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_topic_is_said_so() {
    let log = log().await;
    let missing = servers::unique("b-missing");
    for error in [log.topic(&missing).await.map(drop), log.facts(&missing).await.map(drop)] {
        assert!(matches!(error, Err(LogError::UnknownTopic { .. })), "{error:?}");
    }
    log.delete_topic(&missing).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_sees_what_a_topic_is() {
    let settings = settings().await;
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    let topic = topic(&log, 3).await;
    let verdict = |found: &[market::Check]| found.iter().map(|c| c.verdict).max();
    let good = checks(&settings, topic.name(), Some(3)).await;
    assert_eq!(verdict(&good), Some(Verdict::Warn), "one copy only: {good:?}");
    let wrong = checks(&settings, topic.name(), Some(4)).await;
    assert_eq!(verdict(&wrong), Some(Verdict::Fail), "{wrong:?}");
    let absent = checks(&settings, "b-not-there", Some(4)).await;
    assert!(absent.iter().any(|c| c.remedy.contains("stockpipe init")), "{absent:?}");
}

/// Two processes under one name: the later one writes, the earlier one is told, and what it tried is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_used_twice_is_said_so() {
    let settings = settings().await;
    let first = KafkaLog::connect(settings.clone()).await.unwrap();
    let second = KafkaLog::connect(settings).await.unwrap();
    let topic = topic(&first, 1).await;
    let append = async |log: &KafkaLog, value: &str| {
        let topic = log.topic(topic.name()).await?;
        topic.append_with_note(0, vec![record("A", value)], "n", value.into()).await
    };
    append(&first, "1").await.unwrap();
    append(&second, "2").await.unwrap();
    let error = append(&first, "3").await.unwrap_err();
    assert!(matches!(error, LogError::Fenced { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Fenced);
    assert_eq!(second.note("n").await.unwrap(), Some(b"2".to_vec()));
    assert_eq!(read_all(&*topic, 0).await.len(), 2);
}

/// Users, passwords and certificates: what is right works as a whole, what is wrong is told apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secured_cluster_works_and_says_what_is_wrong() {
    let only_kafka = Options { secured: true, hdfs: false, cassandra: false, ..Options::default() };
    let stack = Stack::start(only_kafka).await.unwrap();
    let pem = stack.certificates.clone().unwrap();
    let user = |(name, password): (&str, &str), mechanism: &str| Security {
        protocol: Protocol::SaslSsl,
        mechanism: Some(mechanism.into()),
        username: Some(name.into()),
        password: Some(password.into()),
        ca_pem: Some(pem.ca.clone()),
        ..Security::default()
    };
    let at = |bootstrap: String, security: Security| KafkaSettings {
        security,
        ..KafkaSettings::new(bootstrap, "secured")
    };
    let scram = |who, mechanism| at(stack.kafka.bootstrap_scram(), user(who, mechanism));

    let log = KafkaLog::connect(scram(APP, "SCRAM-SHA-256")).await.unwrap();
    let topic = log.create_topic("ticks", 2, None).await.unwrap();
    topic.append(1, vec![record("A", "1")]).await.unwrap();
    topic.append_with_note(1, vec![record("A", "2")], "n", b"v".to_vec()).await.unwrap();
    assert_eq!(read_all(&*topic, 1).await.len(), 2);
    assert_eq!(log.note("n").await.unwrap(), Some(b"v".to_vec()));

    let mutual = Security {
        protocol: Protocol::Ssl,
        ca_pem: Some(pem.ca.clone()),
        cert_pem: Some(pem.client.clone()),
        key_pem: Some(pem.client_key.clone()),
        ..Security::default()
    };
    let by_certificate = KafkaLog::connect(at(stack.kafka.bootstrap_mutual(), mutual.clone())).await.unwrap();
    assert_eq!(read_all(&*by_certificate.topic("ticks").await.unwrap(), 1).await.len(), 2);
    let plain = Security { protocol: Protocol::SaslPlaintext, ca_pem: None, ..user(APP, "PLAIN") };
    KafkaLog::connect(at(stack.kafka.bootstrap_password(), plain.clone())).await.unwrap();

    let wrong = |security: Security| Security { password: Some("wrong".into()), ..security };
    for settings in [
        at(stack.kafka.bootstrap_scram(), wrong(user(APP, "SCRAM-SHA-256"))),
        at(stack.kafka.bootstrap_password(), wrong(plain)),
        scram(("nobody-at-all", "x"), "SCRAM-SHA-256"),
    ] {
        let began = Instant::now();
        let error = KafkaLog::connect(settings).await.map(drop).unwrap_err();
        assert!(matches!(error, LogError::WrongCredentials { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
        assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
        assert!(!error.to_string().contains("\"wrong\""), "{error}");
    }
    for security in [
        Security { ca_pem: Some(pem.client.clone()), ..user(APP, "SCRAM-SHA-256") },
        Security { ca_pem: None, ..user(APP, "SCRAM-SHA-256") },
    ] {
        let error =
            KafkaLog::connect(at(stack.kafka.bootstrap_scram(), security)).await.map(drop).unwrap_err();
        assert!(matches!(error, LogError::Tls { .. }), "{error}");
    }
    let broken = Security { ca_pem: Some("no certificate".into()), ..user(APP, "SCRAM-SHA-256") };
    let error = KafkaLog::connect(at(stack.kafka.bootstrap_scram(), broken)).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");

    // Logged in, and allowed nothing.
    let began = Instant::now();
    let nobody = KafkaLog::connect(scram(NOBODY, "SCRAM-SHA-256")).await.unwrap();
    for refused in [
        nobody.topic("ticks").await.map(drop),
        nobody.facts("ticks").await.map(drop),
        nobody.create_topic("other", 1, None).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, LogError::Forbidden { .. }), "{error}");
    }
    assert!(began.elapsed() < LIMIT * 2, "{:?}", began.elapsed());
}
