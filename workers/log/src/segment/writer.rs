//! The writer: one thread that owns every write.
//!
//! It takes all appends that wait, writes each to its partition, syncs every file it touched once, and only then shows
//! the records to readers and answers. While one group is being synced the next one gathers: that is the whole of group
//! commit. With nothing to do it sleeps on its channel.

use std::{sync::Arc, thread};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    SegmentOptions,
    frame::Prepared,
    notes::{Home, Notes},
    partition::Partition,
    topic::TopicShared,
};
use crate::{Appended, LogError, limits};

/// What the thread is asked.
pub(super) enum Request {
    Append(Append),
    PutNote {
        key: String,
        value: Vec<u8>,
        reply: oneshot::Sender<Result<(), LogError>>,
    },
    /// Move the topic's notes to the journal: it is about to be removed.
    Leave {
        topic: Arc<TopicShared>,
        reply: oneshot::Sender<Result<(), LogError>>,
    },
}

/// One append.
pub(super) struct Append {
    pub(super) topic: Arc<TopicShared>,
    pub(super) partition: Arc<Partition>,
    pub(super) prepared: Prepared,
    pub(super) note: Option<(String, Vec<u8>)>,
    pub(super) reply: oneshot::Sender<Result<Appended, LogError>>,
    /// Room in the budget of waiting bytes, given back when the append is done.
    pub(super) _room: OwnedSemaphorePermit,
}

/// An append that is written and waits for its sync.
struct Written {
    append: Append,
    appended: Appended,
    note_seq: u64,
}

struct Writer {
    options: SegmentOptions,
    notes: Arc<Mutex<Notes>>,
    written: Vec<Written>,
    bytes: usize,
}

/// Starts the thread; it ends when all senders are gone.
pub(super) fn start(
    options: SegmentOptions,
    notes: Arc<Mutex<Notes>>,
) -> std::io::Result<(mpsc::Sender<Request>, thread::JoinHandle<()>)> {
    let (sender, mut receiver) = mpsc::channel(limits::IN_FLIGHT_APPENDS);
    let mut writer = Writer { options, notes, written: Vec::new(), bytes: 0 };
    let thread = thread::Builder::new().name("log-writer".into()).spawn(move || {
        while let Some(request) = receiver.blocking_recv() {
            writer.serve(request);
            while writer.bytes < limits::GROUP_BYTES {
                match receiver.try_recv() {
                    Ok(request) => writer.serve(request),
                    Err(_) => break,
                }
            }
            writer.finish();
        }
    })?;
    Ok((sender, thread))
}

impl Writer {
    fn serve(&mut self, request: Request) {
        match request {
            Request::Append(append) => self.append(append),
            Request::PutNote { key, value, reply } => {
                // Order matters: an append before it in this group may set the same note.
                self.finish();
                let _ = reply.send(self.notes.lock().put(&key, value));
            }
            Request::Leave { topic, reply } => {
                self.finish();
                let _ = reply.send(self.notes.lock().rescue(|id, _| id == topic.id));
            }
        }
    }

    fn append(&mut self, mut append: Append) {
        let now_ms = (self.options.clock)();
        self.expire(&append.topic, now_ms);
        let note_seq = match &append.note {
            Some((key, _)) => {
                let mut notes = self.notes.lock();
                if let Err(error) = notes.check_room(key) {
                    let _ = append.reply.send(Err(error));
                    return;
                }
                notes.next_seq()
            }
            None => 0,
        };
        let ready = self.make_room(&append, now_ms);
        match ready.and_then(|()| append.partition.write(&mut append.prepared, now_ms, note_seq)) {
            Ok(appended) => {
                self.bytes += append.prepared.len();
                self.written.push(Written { append, appended, note_seq });
            }
            Err(error) => {
                let _ = append.reply.send(Err(error));
            }
        }
    }

    /// Starts a new segment where the append asks for one.
    fn make_room(&mut self, append: &Append, now_ms: i64) -> Result<(), LogError> {
        let partition = &append.partition;
        let oldest =
            append.topic.retention_ms().map(|ms| now_ms.saturating_sub(ms / limits::SEGMENTS_PER_RETENTION));
        if !partition.wants_roll(append.prepared.len(), self.options.segment_bytes, oldest)? {
            return Ok(());
        }
        self.finish();
        self.notes
            .lock()
            .rescue(|topic, number| topic == partition.topic_id && number == partition.number)?;
        partition.roll()
    }

    /// Syncs what was written and answers.
    fn finish(&mut self) {
        self.bytes = 0;
        let mut synced: Vec<(Arc<Partition>, Result<(), LogError>)> = Vec::new();
        for Written { append, appended, note_seq } in self.written.drain(..) {
            let known =
                synced.iter().find(|(p, _)| Arc::ptr_eq(p, &append.partition)).map(|(_, r)| r.clone());
            let result = known.unwrap_or_else(|| {
                let result = append.partition.sync();
                synced.push((append.partition.clone(), result.clone()));
                result
            });
            if let (Ok(()), Some((key, value))) = (&result, append.note) {
                let home =
                    Home::Segment { topic: append.partition.topic_id, partition: append.partition.number };
                self.notes.lock().take(key, note_seq, home, value);
            }
            // Nobody may be waiting any more: the append happened all the same.
            let _ = append.reply.send(result.map(|()| appended));
        }
    }

    /// Now and then removes what has had its time.
    fn expire(&self, topic: &TopicShared, now_ms: i64) {
        if !topic.is_check_due(now_ms) {
            return;
        }
        if let Err(error) = topic.expire(now_ms, self.options.retention_bytes) {
            tracing::warn!(topic = topic.name, "retention: {error}");
        }
    }
}
