//! Ticks for the scenarios: the n-th is a function of the seed and n alone, so that every run sends the same.
//!
//! They hold what a real feed holds too: copies, late ones, broken ones. Written keyed by symbol by an idempotent producer
//! that waits out any broker's absence, so each is in the topic exactly once and in order.

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Event time of the first tick: 2025-06-02T00:00:00Z, in milliseconds.
const BEGIN_MS: i64 = 1_748_822_400_000;
/// How long the last tick may take to be acknowledged: longer than any server is away.
const ACKNOWLEDGED: Duration = Duration::from_secs(600);

/// A sequence of ticks.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Everything follows from it.
    pub seed: u64,
    /// Symbols, in turn.
    pub symbols: u64,
    /// Event time between two ticks of a symbol.
    pub step_ms: i64,
}

impl Default for Load {
    fn default() -> Load {
        Load { seed: 1, symbols: 64, step_ms: 250 }
    }
}

impl Load {
    /// The n-th record: its key and its value.
    pub fn record(&self, n: u64) -> (String, String) {
        let symbol = format!("S{:03}", n % self.symbols);
        let dice = mixed(self.seed ^ mixed(n));
        let value = match dice % 100 {
            0 => "{\"symbol\":\"S".to_owned(),
            1 => format!(r#"{{"symbol":"{symbol}"}}"#),
            2 => self.tick(&symbol, n, dice, 0).replace("\"low\":", "\"low\":9"),
            3 if n >= self.symbols => self.record(n - self.symbols).1,
            4 => self.tick(&symbol, n, dice, 30_000),
            _ => self.tick(&symbol, n, dice, 0),
        };
        (symbol, value)
    }

    fn tick(&self, symbol: &str, n: u64, dice: u64, late_ms: i64) -> String {
        let ms = BEGIN_MS + (n / self.symbols) as i64 * self.step_ms - late_ms;
        let ts = market::Timestamp::from_millis(ms);
        let close = 100.0 + (dice >> 8) as f64 % 10_000.0 / 7.0;
        let (high, low, volume) = (close + 1.5, close - 0.25, (dice >> 32) % 1_000);
        format!(
            r#"{{"symbol":"{symbol}","ts":"{ts}","open":{close},"high":{high},"low":{low},"close":{close},"volume":{volume}}}"#
        )
    }

    /// Sends the records `from..to` at `per_second` (0: as fast as it goes) on a thread of its own.
    pub fn send(self, bootstrap: &str, topic: &str, from: u64, to: u64, per_second: u64) -> Sending {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("reconnect.backoff.max.ms", "1000")
            .set("queue.buffering.max.messages", "100000");
        let counts = Arc::new(Counts::default());
        let (context, topic) = (Acknowledged(counts.clone()), topic.to_owned());
        let thread = std::thread::spawn(move || {
            let producer: ThreadedProducer<Acknowledged> =
                config.create_with_context(context).expect("a producer");
            let began = Instant::now();
            for n in from..to {
                let (key, value) = self.record(n);
                let mut record = BaseRecord::to(&topic).key(&key).payload(&value);
                while let Err((error, back)) = producer.send(record) {
                    let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
                    assert_eq!(error, full, "the producer refused a record");
                    record = back;
                    std::thread::park_timeout(Duration::from_millis(2));
                }
                // A pace, not a wait for something: many records between two pauses.
                if per_second > 0 && n % 64 == 0 {
                    let due = Duration::from_secs_f64((n - from) as f64 / per_second as f64);
                    std::thread::park_timeout(due.saturating_sub(began.elapsed()));
                }
            }
            producer.flush(ACKNOWLEDGED).expect("all records are acknowledged");
        });
        Sending { thread, counts, records: to - from }
    }
}

/// A load under way.
pub struct Sending {
    thread: JoinHandle<()>,
    counts: Arc<Counts>,
    records: u64,
}

impl Sending {
    /// Records acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.counts.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until every record is acknowledged; none may have failed.
    pub async fn done(self) {
        let sent = tokio::task::spawn_blocking(move || self.thread.join()).await.expect("joining");
        sent.expect("the load");
        assert_eq!(self.counts.failed.load(Ordering::Relaxed), 0, "records were refused");
        assert_eq!(self.counts.acknowledged.load(Ordering::Relaxed), self.records);
    }
}

#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

struct Acknowledged(Arc<Counts>);

impl ClientContext for Acknowledged {
    // A broker that is away would fill the test's output.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = if result.is_ok() { &self.0.acknowledged } else { &self.0.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A good mixture of the bits of `n`.
pub fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_load_repeats_itself_and_holds_what_feeds_hold() {
    use market::{DecodeRules, decode};
    let load = Load::default();
    let records: Vec<_> = (0..5_000).map(|n| load.record(n)).collect();
    assert_eq!(records, (0..5_000).map(|n| load.record(n)).collect::<Vec<_>>());
    assert_ne!(records[99], Load { seed: 2, ..load }.record(99), "another seed, other ticks");
    let copies = (64..5_000).filter(|n| records[*n].1 == records[*n - 64].1).count();
    let broken =
        records.iter().filter(|(_, value)| decode(value.as_bytes(), DecodeRules::default()).is_err()).count();
    assert!(copies > 20 && broken > 50, "{copies} copies, {broken} broken");
}
