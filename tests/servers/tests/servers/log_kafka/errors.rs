//! Each way in which a cluster cannot be used is an error of its own, and comes within 15 s.

use std::time::{Duration, Instant};

use market::{ErrorKind, Verdict};
use tick_log::{
    Log, LogError,
    kafka::{KafkaLog, KafkaSettings, checks},
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
