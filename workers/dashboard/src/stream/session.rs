//! One browser on the stream: where it is, what it gets next.
//!
//! The browser pulls: nothing is buffered for it beyond one batch, and a browser that stops reading stops being served.
//! Every event of a topic carries the cursor after it as its id. An event that a later one of the same key replaces is
//! left out, and the id of the later covers it; so a cut between two events loses none and repeats none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::cursor::Cursor;
use super::event::{Event, Place, coalesce};
use super::hub::{Hub, Seat, Taken};
use crate::limits::{BATCH_EVENTS, CATCH_UP_RECORDS, FLUSH_EVERY, READ_BYTES};

/// One message to the browser.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub id: String,
    pub name: &'static str,
    pub data: Arc<str>,
}

enum Phase {
    /// Reading the topics up to this cursor.
    CatchUp(Cursor),
    Live,
}

/// The state of one connection.
pub(crate) struct Session {
    hub: Arc<Hub>,
    _seat: Seat,
    cursor: Cursor,
    position: u64,
    generation: u64,
    phase: Phase,
    ready: VecDeque<Message>,
    flushed: Option<Instant>,
}

impl Session {
    /// Goes on after `asked`, or from now on without it. A cursor that cannot be honoured gives a `reset`: load history
    /// again.
    pub(crate) fn new(hub: Arc<Hub>, seat: Seat, asked: Option<&str>) -> Self {
        let (head, position) = hub.head();
        let resumed = asked.and_then(|text| text.parse::<Cursor>().ok()).filter(|c| c.fits(&head));
        let reset = asked.is_some()
            && resumed.as_ref().is_none_or(|c| c.distance(&head) > CATCH_UP_RECORDS || head.distance(c) > 0);
        let cursor = if reset { head.clone() } else { resumed.unwrap_or_else(|| head.clone()) };
        let phase = if cursor == head { Phase::Live } else { Phase::CatchUp(head) };
        let opening = json!({ "now": hub.now(), "resumed": asked.is_some() && !reset });
        let first = Message {
            id: cursor.to_string(),
            name: if reset { "reset" } else { "hello" },
            data: opening.to_string().into(),
        };
        let generation = hub.generation();
        Self {
            hub,
            _seat: seat,
            cursor,
            position,
            generation,
            phase,
            ready: VecDeque::from([first]),
            flushed: None,
        }
    }

    /// The next message; none ends the connection.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            if self.hub.generation() != self.generation {
                return None;
            }
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            match &self.phase {
                Phase::CatchUp(goal) => {
                    let goal = goal.clone();
                    if !self.catch_up(&goal).await {
                        return None;
                    }
                }
                Phase::Live => {
                    if !self.hub.grown(self.position, self.generation).await {
                        return None;
                    }
                    if let Some(flushed) = self.flushed {
                        tokio::time::sleep_until(flushed + FLUSH_EVERY).await;
                    }
                    let Taken::Events(events, end) = self.hub.take(self.position, BATCH_EVENTS) else {
                        return None;
                    };
                    self.position = end;
                    self.queue(events);
                    self.flushed = Some(Instant::now());
                }
            }
        }
    }

    /// One read towards `goal`; false where a topic does not answer: the browser tries again with its cursor.
    async fn catch_up(&mut self, goal: &Cursor) -> bool {
        let Some((source, partition)) = self.cursor.behind(goal).next() else {
            self.phase = Phase::Live;
            return true;
        };
        let from = self.cursor.get(source, partition);
        let to = goal.get(source, partition);
        let Ok(batch) = self.hub.topic(source).read(partition, from, READ_BYTES, Duration::ZERO).await else {
            return false;
        };
        let events = batch
            .iter()
            .take_while(|r| r.offset < to)
            .filter_map(|r| self.hub.decode(Place { source, partition, offset: r.offset }, r.value))
            .map(|(event, _)| Arc::new(event))
            .collect();
        self.queue(events);
        // Offsets without rows (foreign bytes, transaction markers) move the cursor too; an empty read at a place that
        // the head has passed means the same.
        let reached = if batch.is_empty() { to } else { batch.next_offset.min(to) };
        self.cursor.advance(source, partition, reached);
        true
    }

    fn queue(&mut self, events: Vec<Arc<Event>>) {
        let unseen = events
            .into_iter()
            .filter(|e| e.place.is_none_or(|p| p.offset >= self.cursor.get(p.source, p.partition)))
            .collect();
        for (event, newest) in coalesce(unseen) {
            if let Some(place) = event.place {
                self.cursor.advance(place.source, place.partition, place.offset + 1);
            }
            if newest {
                self.ready.push_back(Message {
                    id: self.cursor.to_string(),
                    name: event.name,
                    data: Arc::clone(&event.data),
                });
            }
        }
    }
}
