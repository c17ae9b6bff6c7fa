//! The log on a real Kafka: the contract of every log, and a probe of each thing that is assumed about brokers.

mod crash;
mod errors;
mod prefixed;
pub(crate) mod probes;
mod reading;
mod speed;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tick_log::{Log, Topic, conformance, kafka::KafkaLog, kafka::KafkaSettings};

/// Longest wait for anything a broker does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings for the shared cluster, of a pipeline never used before.
pub(crate) async fn settings() -> KafkaSettings {
    let stack = servers::shared().await;
    let pipeline = servers::unique("b");
    KafkaSettings { client_id: pipeline.clone(), ..KafkaSettings::new(stack.kafka.bootstrap(), pipeline) }
}

/// A log of a pipeline never used before.
async fn log() -> KafkaLog {
    KafkaLog::connect(settings().await).await.unwrap()
}

/// A topic never used before.
pub(crate) async fn topic(log: &KafkaLog, partitions: u32) -> Arc<dyn Topic> {
    log.create_topic(&servers::unique("b-ticks"), partitions, None).await.unwrap()
}

/// Asks again until the answer is there.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_within(PATIENCE, what, ask).await
}

/// Asks again until the answer is there, for things that take their time.
async fn eventually_within<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < patience, "{what}: not within {patience:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_log_keeps_the_contract() {
    let made = AtomicU32::new(0);
    let base = settings().await;
    conformance::suite(|| async {
        let n = made.fetch_add(1, Ordering::Relaxed);
        let pipeline = format!("{}{n}", base.pipeline);
        let settings = KafkaSettings { pipeline: pipeline.clone(), ..base.clone() };
        let log = KafkaLog::connect(settings).await.unwrap();
        Arc::new(prefixed::PrefixedLog::new(log, format!("{pipeline}-"))) as Arc<dyn Log>
    })
    .await;
}
