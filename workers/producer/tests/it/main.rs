//! What the crate promises, tested from outside on the log in memory.

mod files;
mod lines;
mod produced;
mod truths;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use market::{DecodeRules, Ohlcv, Timestamp, decode};
use tick_log::{Clock, Log, MemoryLog, Topic};

/// A clock that stands where it is put.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn at(text: &str) -> Self {
        Self(Arc::new(AtomicI64::new(Timestamp::parse(text).unwrap().micros() / 1_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn clock(&self) -> Clock {
        let hand = self.0.clone();
        Arc::new(move || hand.load(Ordering::SeqCst))
    }
}

pub(crate) async fn topic(log: &MemoryLog, partitions: u32) -> Arc<dyn Topic> {
    log.create_topic("ticks", partitions, None).await.unwrap()
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) symbol: String,
    pub(crate) ts: Timestamp,
    pub(crate) prices: Ohlcv,
}

/// Values of a partition, in order.
pub(crate) async fn values(topic: &Arc<dyn Topic>, partition: u32) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let high = topic.bounds(partition).await.unwrap().high;
    let (mut at, mut out) = (0, Vec::new());
    while at < high {
        let batch = topic.read(partition, at, 1 << 24, Duration::ZERO).await.unwrap();
        out.extend(batch.iter().map(|r| (r.key.map(<[u8]>::to_vec), r.value.to_vec())));
        at = batch.next_offset;
    }
    out
}

/// Ticks of a partition, in order; every record must be one, keyed by its symbol.
pub(crate) async fn ticks(topic: &Arc<dyn Topic>, partition: u32) -> Vec<Seen> {
    let decoded = |(key, value): &(Option<Vec<u8>>, Vec<u8>)| {
        let tick = decode(value, DecodeRules::default()).unwrap();
        assert_eq!(key.as_deref(), Some(tick.symbol.as_bytes()));
        Seen { symbol: tick.symbol.to_string(), ts: tick.ts, prices: tick.prices }
    };
    values(topic, partition).await.iter().map(decoded).collect()
}
