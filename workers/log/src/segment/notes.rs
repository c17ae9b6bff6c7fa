//! Small durable notes of the whole log.
//!
//! A note set together with an append lives in that append's frame; one set alone lives in `notes.jrn`, a file of
//! frames without records. Every note carries a sequence number of the whole log, so whichever copy is the newest is
//! known after any crash. Before a segment is closed or a topic removed, the notes that live there move to the journal:
//! opening reads the journal and the last segments, never the history.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    disk::{Disk, DiskFile},
    file::TopicId,
    frame::{Frame, Prepared},
    scan,
};
use crate::{LogError, limits};

/// Where the newest copy of a note lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Journal,
    Segment { topic: TopicId, partition: u32 },
}

#[derive(Debug, Clone)]
struct Note {
    seq: u64,
    home: Home,
    value: Vec<u8>,
}

/// All notes, and the journal.
#[derive(Debug)]
pub(super) struct Notes {
    by_key: BTreeMap<String, Note>,
    next_seq: u64,
    journal: DiskFile,
    disk: Disk,
    position: u64,
    live: u64,
}

impl Notes {
    /// Opens or makes the journal in `dir`.
    pub(super) fn open(disk: &Disk, dir: &Path) -> Result<Self, LogError> {
        let path = dir.join("notes.jrn");
        let tmp = path.with_extension("tmp");
        if fs::exists(&tmp).unwrap_or(false) {
            fs::remove_file(&tmp).map_err(|e| LogError::io("cannot remove", &tmp, &e))?;
        }
        if !fs::exists(&path).map_err(|e| LogError::io("cannot read", &path, &e))? {
            disk.create_whole(&path, &[])?;
        }
        let journal = disk.open(&path)?;
        let mut this =
            Self { by_key: BTreeMap::new(), next_seq: 1, journal, disk: disk.clone(), position: 0, live: 0 };
        let mut found = Vec::new();
        let end = scan::recover(&this.journal, 0, 0, |position, frame| match frame.note() {
            Some(Some(note)) => {
                found.push((note.key.to_owned(), note.seq, note.value.to_vec()));
                Ok(())
            }
            _ => {
                Err(LogError::Corrupt { file: path.clone(), position, why: "a note is not readable".into() })
            }
        })?;
        this.position = end;
        for (key, seq, value) in found {
            this.take(key, seq, Home::Journal, value);
        }
        this.shrink()?;
        Ok(this)
    }

    /// Takes the note of a segment's frame in, if it has one that is newer than what is known.
    pub(super) fn take_frame(&mut self, frame: &Frame<'_>, topic: TopicId, partition: u32) {
        if let Some(Some(note)) = frame.note() {
            self.take(note.key.to_owned(), note.seq, Home::Segment { topic, partition }, note.value.to_vec());
        }
    }

    /// The number of the next note. Given out before its append is durable: a gap means nothing.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq - 1
    }

    /// Remembers a durable note, unless a newer one is known.
    pub(super) fn take(&mut self, key: String, seq: u64, home: Home, value: Vec<u8>) {
        self.next_seq = self.next_seq.max(seq + 1);
        let size = |key: &str, note: &Note| match note.home {
            Home::Journal => frame_bytes(key, &note.value),
            Home::Segment { .. } => 0,
        };
        let note = Note { seq, home, value };
        if let Some(old) = self.by_key.get(&key) {
            // An equal number is the copy that moved to the journal.
            if old.seq > seq || (old.seq == seq && old.home == Home::Journal) {
                return;
            }
            self.live -= size(&key, old);
        }
        self.live += size(&key, &note);
        self.by_key.insert(key, note);
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.by_key.get(key).map(|note| note.value.clone())
    }

    /// Fails where one more note is one too many.
    pub(super) fn check_room(&self, key: &str) -> Result<(), LogError> {
        if self.by_key.len() >= limits::NOTES && !self.by_key.contains_key(key) {
            return Err(LogError::too_large("the set of notes", self.by_key.len() + 1, limits::NOTES));
        }
        Ok(())
    }

    /// Sets a note by itself; durable when it returns.
    pub(super) fn put(&mut self, key: &str, value: Vec<u8>) -> Result<(), LogError> {
        self.check_room(key)?;
        let seq = self.next_seq();
        self.append(&[(key.to_owned(), seq, value)])?;
        self.shrink()
    }

    /// Moves to the journal what lives in a segment that is about to be closed or removed.
    pub(super) fn rescue(&mut self, leaves: impl Fn(TopicId, u32) -> bool) -> Result<(), LogError> {
        let moving: Vec<_> = self
            .by_key
            .iter()
            .filter(|(_, note)| matches!(note.home, Home::Segment { topic, partition } if leaves(topic, partition)))
            .map(|(key, note)| (key.clone(), note.seq, note.value.clone()))
            .collect();
        if moving.is_empty() { Ok(()) } else { self.append(&moving) }
    }

    fn append(&mut self, notes: &[(String, u64, Vec<u8>)]) -> Result<(), LogError> {
        let mut bytes = Vec::new();
        for (key, seq, value) in notes {
            bytes.extend_from_slice(&note_frame(key, value, *seq, self.position)?);
        }
        let written = self.journal.write_all(&bytes, self.position).and_then(|()| self.journal.sync());
        if let Err(error) = written {
            // Fails only where the disk is gone; the next write starts at the same place and covers what is left.
            let _ = self.journal.truncate(self.position);
            return Err(error);
        }
        self.position += bytes.len() as u64;
        for (key, seq, value) in notes {
            self.take(key.clone(), *seq, Home::Journal, value.clone());
        }
        Ok(())
    }

    /// Writes the journal anew where most of it is overwritten notes.
    fn shrink(&mut self) -> Result<(), LogError> {
        if self.position <= 2 * self.live + limits::NOTES_SLACK_BYTES {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for (key, note) in self.by_key.iter().filter(|(_, note)| note.home == Home::Journal) {
            bytes.extend_from_slice(&note_frame(key, &note.value, note.seq, 0)?);
        }
        let path = self.journal.path().to_path_buf();
        self.disk.create_whole(&path, &bytes)?;
        self.journal = self.disk.open(&path)?;
        self.position = bytes.len() as u64;
        Ok(())
    }
}

fn frame_bytes(key: &str, value: &[u8]) -> u64 {
    (super::frame::HEADER + 16 + key.len() + value.len()) as u64
}

fn note_frame(key: &str, value: &[u8], seq: u64, durable: u64) -> Result<Vec<u8>, LogError> {
    let mut prepared = Prepared::new(&[], Some((key, value)))?;
    prepared.seal(0, 0, durable, seq);
    Ok(prepared.bytes().to_vec())
}
