//! One reader of both topics for all browsers: a bounded ring of the newest events and the cursor after the last.
//!
//! Invariant: an event enters the ring in the order of its partition, and `head` is advanced with it under one lock; so a
//! client that holds the ring's cursor and its position has seen everything before and nothing after.
//! A client that falls off the ring is cut; its browser comes back with its cursor and catches up from the topics.

use std::collections::{HashMap, VecDeque};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use market::{FeatureRow, Symbol, Timestamp};
use parking_lot::Mutex;
use tick_log::Topic;
use tokio::sync::watch;

use super::cursor::{Cursor, Source};
use super::event::{self, Event, Place, Seen};
use crate::limits::{READ_BYTES, READ_RETRY, READ_WAIT, RING_EVENTS, STREAM_CLIENTS};

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The newest final row of a symbol as this process saw it arrive.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Freshness {
    /// End of the newest final row.
    pub end: Timestamp,
    /// When it arrived here.
    pub at: Timestamp,
}

struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Position of the front event.
    first: u64,
    head: Cursor,
    freshness: HashMap<Symbol, Freshness>,
}

/// The shared end of the stream.
pub(crate) struct Hub {
    features: Arc<dyn Topic>,
    predictions: Arc<dyn Topic>,
    bars: Vec<String>,
    clock: Clock,
    ring: Mutex<Ring>,
    position: watch::Sender<u64>,
    closed: watch::Sender<bool>,
    generation: watch::Sender<u64>,
    clients: AtomicUsize,
}

/// What a client gets of the ring.
pub(crate) enum Taken {
    /// Events from the asked position on, and the position after them.
    Events(Vec<Arc<Event>>, u64),
    /// The position is no longer in the ring.
    FellOff,
}

/// A place among the followers; given back when dropped.
pub(crate) struct Seat(Arc<Hub>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    pub(crate) fn new(
        features: Arc<dyn Topic>,
        predictions: Arc<dyn Topic>,
        bars: Vec<String>,
        clock: Clock,
    ) -> Arc<Self> {
        let head = Cursor::new(
            [&features.id(), &predictions.id()],
            [features.partitions(), predictions.partitions()],
        );
        let ring = Ring { events: VecDeque::new(), first: 0, head, freshness: HashMap::new() };
        Arc::new(Self {
            features,
            predictions,
            bars,
            clock,
            ring: Mutex::new(ring),
            position: watch::Sender::new(0),
            closed: watch::Sender::new(false),
            generation: watch::Sender::new(0),
            clients: AtomicUsize::new(0),
        })
    }

    /// Starts one reader a partition, from the end of each: what lies before is in the feature store. Returns when
    /// every reader knows where it starts, so that a cursor handed out afterwards misses nothing.
    pub(crate) async fn follow(self: &Arc<Self>) {
        let mut starts = Vec::new();
        for source in Source::ALL {
            for partition in 0..self.topic(source).partitions() {
                let from = match self.topic(source).bounds(partition).await {
                    Ok(bounds) => bounds.high,
                    Err(error) => {
                        tracing::warn!(topic = self.topic(source).name(), partition, %error, "stream starts at offset 0");
                        0
                    }
                };
                self.ring.lock().head.advance(source, partition, from);
                starts.push((source, partition, from));
            }
        }
        for (source, partition, from) in starts {
            tokio::spawn(Arc::clone(self).follow_partition(source, partition, from));
        }
    }

    async fn follow_partition(self: Arc<Self>, source: Source, partition: u32, mut from: u64) {
        let mut closed = self.closed.subscribe();
        let topic = Arc::clone(self.topic(source));
        loop {
            let read = tokio::select! {
                read = topic.read(partition, from, READ_BYTES, READ_WAIT) => read,
                _ = closed.wait_for(|c| *c) => return,
            };
            match read {
                Ok(batch) => {
                    let mut events = Vec::with_capacity(batch.len());
                    for record in batch.iter() {
                        let place = Place { source, partition, offset: record.offset };
                        if let Some((event, seen)) = self.decode(place, record.value) {
                            events.push(event);
                            self.note(seen);
                        }
                    }
                    from = batch.next_offset.max(from);
                    self.publish(events, Some((source, partition, from)));
                }
                Err(error) => {
                    tracing::warn!(topic = topic.name(), partition, from, %error, "reading again shortly");
                    // Records below the low end have expired: go on where the topic begins.
                    if let Ok(bounds) = topic.bounds(partition).await
                        && from < bounds.low
                    {
                        from = bounds.low;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(READ_RETRY) => {}
                        _ = closed.wait_for(|c| *c) => return,
                    }
                }
            }
        }
    }

    /// The event of a record and what it says about its symbol; absent for bytes that are no row.
    pub(crate) fn decode(&self, place: Place, value: &[u8]) -> Option<(Event, Option<Seen>)> {
        match place.source {
            Source::Features => event::of_feature(value, &self.bars, place),
            Source::Predictions => event::of_prediction(value, place).map(|e| (e, None)),
        }
    }

    fn note(&self, seen: Option<Seen>) {
        let Some(seen) = seen else { return };
        let fresh = Freshness { end: seen.end, at: (self.clock)() };
        let mut ring = self.ring.lock();
        let known = ring.freshness.entry(seen.symbol).or_insert(fresh);
        if known.end <= fresh.end {
            *known = fresh;
        }
    }

    /// Puts events into the ring; `read_to` is the partition they came from and its next offset.
    pub(crate) fn publish(&self, events: Vec<Event>, read_to: Option<(Source, u32, u64)>) {
        let mut ring = self.ring.lock();
        for event in events {
            if ring.events.len() == RING_EVENTS {
                ring.events.pop_front();
                ring.first += 1;
            }
            ring.events.push_back(Arc::new(event));
        }
        if let Some((source, partition, next)) = read_to {
            ring.head.advance(source, partition, next);
        }
        let end = ring.first + ring.events.len() as u64;
        drop(ring);
        self.position.send_if_modified(|p| std::mem::replace(p, end) != end);
    }

    /// The cursor after the newest event and the ring position that goes with it.
    pub(crate) fn head(&self) -> (Cursor, u64) {
        let ring = self.ring.lock();
        (ring.head.clone(), ring.first + ring.events.len() as u64)
    }

    /// Up to `most` events from `position` on.
    pub(crate) fn take(&self, position: u64, most: usize) -> Taken {
        let ring = self.ring.lock();
        let Some(skip) = position.checked_sub(ring.first) else { return Taken::FellOff };
        let events: Vec<_> = ring.events.iter().skip(skip as usize).take(most).cloned().collect();
        let end = position + events.len() as u64;
        Taken::Events(events, end)
    }

    /// Resolves when the ring has grown past `position`; false when the hub has closed or cut its clients.
    pub(crate) async fn grown(&self, position: u64, generation: u64) -> bool {
        let mut head = self.position.subscribe();
        let mut closed = self.closed.subscribe();
        let mut current = self.generation.subscribe();
        tokio::select! {
            grown = head.wait_for(|p| *p > position) => grown.is_ok(),
            _ = closed.wait_for(|c| *c) => false,
            _ = current.wait_for(|g| *g != generation) => false,
        }
    }

    /// Takes a seat; none is left when too many follow.
    pub(crate) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let taken = self
            .clients
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < STREAM_CLIENTS).then_some(n + 1));
        taken.ok().map(|_| Seat(Arc::clone(self)))
    }

    /// Browsers following now.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Which set of clients is current; a new number ends the streams of the old.
    pub(crate) fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// Ends every open stream; browsers come back with their cursors.
    pub(crate) fn cut(&self) {
        self.generation.send_modify(|g| *g += 1);
    }

    /// Ends readers and streams for good.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Resolves when the hub has closed, or after `pause`; true when closed.
    pub(crate) async fn pause(&self, pause: Duration) -> bool {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            () = tokio::time::sleep(pause) => false,
            _ = closed.wait_for(|c| *c) => true,
        }
    }

    /// The newest final row of each symbol, by name.
    pub(crate) fn freshness(&self) -> Vec<(Symbol, Freshness)> {
        let mut all: Vec<_> = self.ring.lock().freshness.iter().map(|(s, f)| (s.clone(), *f)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Notes rows found in the store at start-up: they are as old as they are.
    pub(crate) fn remember(&self, rows: &[FeatureRow]) {
        let mut ring = self.ring.lock();
        for row in rows {
            let fresh = Freshness { end: row.window_end, at: row.window_end };
            ring.freshness.entry(row.symbol.clone()).or_insert(fresh);
        }
    }

    pub(crate) fn topic(&self, source: Source) -> &Arc<dyn Topic> {
        match source {
            Source::Features => &self.features,
            Source::Predictions => &self.predictions,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
