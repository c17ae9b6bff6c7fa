//! One partition: its segments, read by many, written by the one writer thread.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use market::RecordBatch;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::{
    disk::Disk,
    file::{Entry, Segment, TopicId},
    frame::{Frame, Prepared},
    scan,
};
use crate::{Appended, Bounds, LogError};

/// Bytes read at once where a reader asks for more.
const READ_CHUNK: usize = 1024 * 1024;
/// Bytes read at once where a reader asks for less.
const READ_CHUNK_MIN: usize = 16 * 1024;

/// A partition.
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) topic_id: TopicId,
    pub(super) number: u32,
    dir: PathBuf,
    disk: Disk,
    segments: RwLock<Vec<Arc<Segment>>>,
    high: watch::Sender<u64>,
    tail: Mutex<Tail>,
    deleted: AtomicBool,
}

/// Where the next frame goes. Runs ahead of what readers see by what is not synced yet.
#[derive(Debug, Clone)]
struct Tail {
    position: u64,
    next_offset: u64,
    record_ms: i64,
    /// Frames written since the last sync: taken into the extent once they are durable.
    unsynced: Vec<(Entry, u64, u64)>,
    /// Set where a failed write could not be undone: the file must be cut before anything is written.
    dirty: bool,
}

impl Partition {
    /// Opens the partition in `dir`, making it if need be. `each` sees every frame of the last segment.
    pub(super) fn open(
        disk: &Disk,
        dir: PathBuf,
        topic: &str,
        topic_id: TopicId,
        number: u32,
        each: impl FnMut(&Frame<'_>),
    ) -> Result<Self, LogError> {
        fs::create_dir_all(&dir).map_err(|e| LogError::io("cannot make", &dir, &e))?;
        let mut paths = Vec::new();
        let entries = fs::read_dir(&dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(|e| LogError::io("cannot list", &dir, &e))? {
            let path = entry.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some("seg") => paths.push(path),
                // A file that never got its name: its writer ended before it was whole.
                Some("tmp") => {
                    fs::remove_file(&path).map_err(|e| LogError::io("cannot remove", &path, &e))?
                }
                _ => {}
            }
        }
        paths.sort();
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(paths.len());
        let Some((last, closed)) = paths.split_last() else {
            let first = Segment::create(disk, &dir, number, topic_id, 0, 0)?;
            return Ok(Self::with(disk, dir, topic, topic_id, number, vec![Arc::new(first)]));
        };
        for path in closed {
            segments.push(Arc::new(Segment::open_closed(disk, path, number, topic_id)?));
        }
        segments.push(Arc::new(Segment::open_last(disk, last, number, topic_id, each)?));
        for pair in segments.windows(2) {
            let next = pair[0].extent.lock().next_offset;
            if next != pair[1].base {
                let why = format!("it ends at offset {next}, the next segment starts at {}", pair[1].base);
                return Err(pair[0].file.corrupt(pair[0].extent.lock().end, &why));
            }
        }
        Ok(Self::with(disk, dir, topic, topic_id, number, segments))
    }

    fn with(
        disk: &Disk,
        dir: PathBuf,
        topic: &str,
        topic_id: TopicId,
        number: u32,
        segments: Vec<Arc<Segment>>,
    ) -> Self {
        let tail = segments.last().map(|s| Tail::of(s));
        let tail = tail.unwrap_or_else(|| Tail {
            position: 0,
            next_offset: 0,
            record_ms: 0,
            unsynced: Vec::new(),
            dirty: true,
        });
        Self {
            topic: topic.into(),
            topic_id,
            number,
            dir,
            disk: disk.clone(),
            high: watch::Sender::new(tail.next_offset),
            segments: RwLock::new(segments),
            tail: Mutex::new(tail),
            deleted: AtomicBool::new(false),
        }
    }

    fn active(&self) -> Result<Arc<Segment>, LogError> {
        self.segments.read().last().cloned().ok_or_else(|| LogError::Closed { what: self.topic.clone() })
    }

    /// Follows the end of the partition.
    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.high.subscribe()
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    pub(super) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
        self.high.send_modify(|_| {});
    }

    pub(super) fn bounds(&self) -> Bounds {
        let high = *self.high.borrow();
        Bounds { low: self.segments.read().first().map_or(high, |s| s.base), high }
    }

    // ---- reading: any thread

    /// Records from `from` on; the caller has checked that there are some.
    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Result<RecordBatch, LogError> {
        let mut batch = RecordBatch::new(self.number, from);
        let mut full = false;
        while !full {
            let Some(segment) = self.segment_of(batch.next_offset)? else { break };
            let (position, end, last) = {
                let extent = segment.extent.lock();
                (extent.position_of(batch.next_offset), extent.end, extent.next_offset)
            };
            if batch.next_offset >= last {
                break;
            }
            let left = max_bytes.saturating_sub(batch.bytes());
            let chunk = left.clamp(READ_CHUNK_MIN, READ_CHUNK);
            let walked = scan::walk(&segment.file, position, end, chunk, |position, frame| {
                if frame.base_offset + u64::from(frame.count) <= batch.next_offset {
                    return Ok(true);
                }
                let read = frame.records(|record| {
                    if record.offset < batch.next_offset {
                        return true;
                    }
                    let size = record.key.map_or(0, <[u8]>::len) + record.value.len();
                    full = !batch.is_empty() && batch.bytes() + size > max_bytes;
                    if !full {
                        batch.push(record);
                    }
                    !full
                });
                read.ok_or_else(|| {
                    segment.file.corrupt(position, "the lengths of its records do not add up")
                })?;
                Ok(!full)
            })?;
            if let scan::End::Broken { position, why } = walked {
                return Err(segment.file.corrupt(position, why));
            }
            if !full && batch.next_offset < last {
                return Err(segment.file.corrupt(end, "its last frames lack records"));
            }
        }
        Ok(batch)
    }

    /// The segment that holds `offset`; `None` past the end.
    fn segment_of(&self, offset: u64) -> Result<Option<Arc<Segment>>, LogError> {
        let segments = self.segments.read();
        let after = segments.partition_point(|s| s.base <= offset);
        match after.checked_sub(1) {
            Some(i) => Ok(segments.get(i).cloned()),
            None => Err(self.out_of_range(offset)),
        }
    }

    pub(super) fn out_of_range(&self, offset: u64) -> LogError {
        let Bounds { low, high } = self.bounds();
        LogError::OffsetOutOfRange { topic: self.topic.clone(), partition: self.number, offset, low, high }
    }

    /// The first offset whose record time is at least `ms`, else the end.
    pub(super) fn offset_for_time(&self, ms: i64) -> Result<u64, LogError> {
        let segments = self.segments.read().clone();
        for segment in segments {
            let extent = segment.extent.lock();
            if extent.next_offset == segment.base || extent.last_ms < ms {
                continue;
            }
            let (position, end) = (extent.position_of_time(ms), extent.end);
            drop(extent);
            let mut found = None;
            scan::walk(&segment.file, position, end, READ_CHUNK_MIN, |_, frame| {
                if frame.count > 0 && frame.record_ms >= ms {
                    found = Some(frame.base_offset);
                }
                Ok(found.is_none())
            })?;
            if let Some(offset) = found {
                return Ok(offset);
            }
        }
        Ok(*self.high.borrow())
    }

    // ---- writing: only the writer thread

    /// True where the append belongs in a new segment.
    pub(super) fn wants_roll(
        &self,
        bytes: usize,
        segment_bytes: u64,
        before_ms: Option<i64>,
    ) -> Result<bool, LogError> {
        let tail = self.tail.lock();
        let extent_start = super::file::HEADER;
        if tail.position <= extent_start {
            return Ok(false);
        }
        let old = match before_ms {
            Some(before) => self.active()?.extent.lock().first_ms.is_some_and(|first| first < before),
            None => false,
        };
        Ok(old || tail.position + bytes as u64 > segment_bytes)
    }

    /// Writes an append behind the last one. Nothing of it is visible before [`Partition::sync`]; after an error
    /// nothing of it is in the file.
    pub(super) fn write(
        &self,
        append: &mut Prepared,
        now_ms: i64,
        note_seq: u64,
    ) -> Result<Appended, LogError> {
        if self.is_deleted() {
            return Err(LogError::Closed { what: self.topic.clone() });
        }
        let segment = self.active()?;
        let durable = segment.extent.lock().end;
        let mut tail = self.tail.lock();
        tail.clean(&segment)?;
        let record_ms = if append.records() > 0 { now_ms.max(tail.record_ms) } else { tail.record_ms };
        let first_offset = tail.next_offset;
        let frames = append.seal(first_offset, record_ms, durable, note_seq);
        if let Err(error) = segment.file.write_all(append.bytes(), tail.position) {
            tail.dirty = segment.file.truncate(tail.position).is_err();
            return Err(error);
        }
        let start = tail.position;
        for (i, (offset, at)) in frames.iter().enumerate() {
            let (next_offset, next_at) =
                frames.get(i + 1).copied().unwrap_or((first_offset + append.records(), append.len()));
            let entry = Entry { offset: *offset, position: start + *at as u64, record_ms };
            tail.unsynced.push((entry, next_offset - offset, start + next_at as u64));
        }
        tail.position += append.len() as u64;
        tail.next_offset += append.records();
        tail.record_ms = record_ms;
        Ok(Appended { first_offset, last_offset: tail.next_offset.saturating_sub(1), record_ms })
    }

    /// Makes what was written durable, then visible. After an error nothing written since the last sync exists.
    pub(super) fn sync(&self) -> Result<(), LogError> {
        let segment = self.active()?;
        let mut tail = self.tail.lock();
        if tail.unsynced.is_empty() {
            return Ok(());
        }
        if let Err(error) = segment.file.sync() {
            let durable = segment.extent.lock().end;
            let undone = segment.file.truncate(durable).is_ok();
            *tail = Tail { dirty: !undone, ..Tail::of(&segment) };
            return Err(error);
        }
        let mut extent = segment.extent.lock();
        for (entry, count, end) in tail.unsynced.drain(..) {
            extent.note(entry, count, end);
        }
        drop(extent);
        self.high.send_replace(tail.next_offset);
        Ok(())
    }

    /// Closes the active segment, all of it synced, and starts another.
    pub(super) fn roll(&self) -> Result<(), LogError> {
        let old = self.active()?;
        let mut tail = self.tail.lock();
        tail.clean(&old)?;
        old.write_index(&self.disk)?;
        let base = tail.next_offset;
        let next = Segment::create(&self.disk, &self.dir, self.number, self.topic_id, base, tail.record_ms)?;
        *tail = Tail::of(&next);
        self.segments.write().push(Arc::new(next));
        Ok(())
    }

    /// Removes closed segments whose last record is older than `before_ms`, and the oldest while there are more than
    /// `keep_bytes`. The active segment always stays.
    pub(super) fn expire(&self, before_ms: Option<i64>, keep_bytes: Option<u64>) -> Result<(), LogError> {
        let mut total: u64 = self.segments.read().iter().map(|s| s.extent.lock().end).sum();
        loop {
            let first = {
                let segments = self.segments.read();
                if segments.len() < 2 {
                    return Ok(());
                }
                segments[0].clone()
            };
            let (end, last_ms) = {
                let extent = first.extent.lock();
                (extent.end, extent.last_ms)
            };
            let old = before_ms.is_some_and(|before| last_ms < before);
            if !old && keep_bytes.is_none_or(|keep| total <= keep) {
                return Ok(());
            }
            // Gone for readers first: one that holds it reads on, the file stays until it lets go.
            self.segments.write().remove(0);
            first.remove()?;
            total -= end;
        }
    }

    /// Leaves proof of what is durable; for an orderly end.
    pub(super) fn close(&self) -> Result<(), LogError> {
        if self.is_deleted() {
            return Ok(());
        }
        self.active()?.write_index(&self.disk)
    }
}

impl Tail {
    /// Cuts off what a failed write left behind and could not remove then.
    fn clean(&mut self, segment: &Segment) -> Result<(), LogError> {
        if self.dirty {
            segment.file.truncate(self.position)?;
            self.dirty = false;
        }
        Ok(())
    }

    fn of(segment: &Segment) -> Self {
        let extent = segment.extent.lock();
        Self {
            position: extent.end,
            next_offset: extent.next_offset,
            record_ms: extent.last_ms,
            unsynced: Vec::new(),
            dirty: false,
        }
    }
}
