//! One segment: a file of frames that starts at an offset, with a sparse index beside it.
//!
//! `<first offset, 20 digits>.seg`:
//!
//! | at | bytes | what (little-endian) |
//! |---:|---:|---|
//! | 0  | 8  | magic `SPSEGLOG` |
//! | 8  | 4  | version, 1 |
//! | 12 | 4  | partition |
//! | 16 | 8  | first offset |
//! | 24 | 8  | record time of the last record before it (the floor of its own), 0 if none |
//! | 32 | 16 | topic id |
//! | 48 | 12 | zero |
//! | 60 | 4  | crc32c of bytes 0..60 |
//! | 64 | …  | frames, see `frame` |
//!
//! `<first offset>.idx` can be made again from the segment at any time. It is written when a segment is closed, and for
//! the open one when the log is closed; its end position then is proof of what was durable:
//!
//! | at | bytes | what (little-endian) |
//! |---:|---:|---|
//! | 0  | 8 | magic `SPSEGIDX` |
//! | 8  | 4 | version, 1 |
//! | 12 | 4 | number of entries n |
//! | 16 | 8 | end position of the last append |
//! | 24 | 8 | next offset |
//! | 32 | 8 | record time of the first record |
//! | 40 | 8 | record time of the last record |
//! | 48 | 24·n | entries: offset, position, record time of a frame |
//! | …  | 4 | crc32c of all before |

use std::{
    fs,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::{
    disk::{Disk, DiskFile},
    frame::Frame,
    scan,
};
use crate::{LogError, limits};

pub(super) const HEADER: u64 = 64;
const MAGIC: [u8; 8] = *b"SPSEGLOG";
const INDEX_MAGIC: [u8; 8] = *b"SPSEGIDX";
const VERSION: u32 = 1;
const INDEX_HEADER: usize = 48;
const ENTRY: usize = 24;

/// Identity of a topic's incarnation.
pub(super) type TopicId = [u8; 16];

/// A frame that can be found without reading from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) position: u64,
    pub(super) record_ms: i64,
}

/// What of a segment may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) end: u64,
    pub(super) next_offset: u64,
    pub(super) first_ms: Option<i64>,
    pub(super) last_ms: i64,
    pub(super) index: Vec<Entry>,
}

impl Extent {
    fn empty(base: u64, floor_ms: i64) -> Self {
        Self { end: HEADER, next_offset: base, first_ms: None, last_ms: floor_ms, index: Vec::new() }
    }

    /// Takes a frame in.
    pub(super) fn note(&mut self, frame: Entry, count: u64, end: u64) {
        if self.index.last().is_none_or(|last| frame.position - last.position >= limits::INDEX_BYTES) {
            self.index.push(frame);
        }
        self.end = end;
        if count > 0 {
            self.next_offset = frame.offset + count;
            self.first_ms.get_or_insert(frame.record_ms);
            self.last_ms = frame.record_ms;
        }
    }

    /// A position at or before the frame that holds `offset`.
    pub(super) fn position_of(&self, offset: u64) -> u64 {
        let after = self.index.partition_point(|e| e.offset <= offset);
        // Frames without records share their successor's offset: the entry found may stand for one of those.
        after.checked_sub(1).map_or(HEADER, |i| self.index[i].position)
    }

    /// A position at or before the first frame whose record time is at least `ms`.
    pub(super) fn position_of_time(&self, ms: i64) -> u64 {
        let after = self.index.partition_point(|e| e.record_ms < ms);
        after.checked_sub(1).map_or(HEADER, |i| self.index[i].position)
    }
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: u64,
    pub(super) file: DiskFile,
    pub(super) extent: Mutex<Extent>,
}

/// The path of the segment that starts at `base`.
pub(super) fn path_of(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.seg"))
}

impl Segment {
    /// Makes an empty segment.
    pub(super) fn create(
        disk: &Disk,
        dir: &Path,
        partition: u32,
        topic: TopicId,
        base: u64,
        floor_ms: i64,
    ) -> Result<Self, LogError> {
        let mut header = [0; HEADER as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&partition.to_le_bytes());
        header[16..24].copy_from_slice(&base.to_le_bytes());
        header[24..32].copy_from_slice(&floor_ms.to_le_bytes());
        header[32..48].copy_from_slice(&topic);
        let crc = crc32c::crc32c(&header[..60]);
        header[60..].copy_from_slice(&crc.to_le_bytes());
        let path = path_of(dir, base);
        disk.create_whole(&path, &header)?;
        Ok(Self { base, file: disk.open(&path)?, extent: Mutex::new(Extent::empty(base, floor_ms)) })
    }

    /// Opens a segment that is not written any more: by its index, or, without one, by reading it through.
    pub(super) fn open_closed(
        disk: &Disk,
        path: &Path,
        partition: u32,
        topic: TopicId,
    ) -> Result<Self, LogError> {
        let (file, base, floor_ms) = Self::open_file(disk, path, partition, topic)?;
        let len = file.len()?;
        if let Some(extent) = read_index(path, base) {
            if extent.end != len {
                let why = format!("it has {len} bytes, its index says {}", extent.end);
                return Err(file.corrupt(len.min(extent.end), &why));
            }
            return Ok(Self { base, file, extent: Mutex::new(extent) });
        }
        let mut extent = Extent::empty(base, floor_ms);
        let walked = scan::walk(&file, HEADER, len, limits::FRAME_BYTES * 4, |position, frame| {
            take(&file, &mut extent, position, frame).map(|()| true)
        })?;
        if let scan::End::Broken { position, why } = walked {
            return Err(file.corrupt(position, why));
        }
        let segment = Self { base, file, extent: Mutex::new(extent) };
        segment.write_index(disk)?;
        Ok(segment)
    }

    /// Opens the segment that was written last and cuts a torn tail off. `each` sees every frame.
    pub(super) fn open_last(
        disk: &Disk,
        path: &Path,
        partition: u32,
        topic: TopicId,
        mut each: impl FnMut(&Frame<'_>),
    ) -> Result<Self, LogError> {
        let (file, base, floor_ms) = Self::open_file(disk, path, partition, topic)?;
        let synced = read_index(path, base).map_or(HEADER, |extent| extent.end);
        let mut extent = Extent::empty(base, floor_ms);
        scan::recover(&file, HEADER, synced, |position, frame| {
            each(frame);
            take(&file, &mut extent, position, frame)
        })?;
        Ok(Self { base, file, extent: Mutex::new(extent) })
    }

    fn open_file(
        disk: &Disk,
        path: &Path,
        partition: u32,
        topic: TopicId,
    ) -> Result<(DiskFile, u64, i64), LogError> {
        let file = disk.open(path)?;
        let mut header = [0; HEADER as usize];
        file.read_exact(&mut header, 0)?;
        let long = |at: usize| header[at..at + 8].iter().rev().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let short = |at: usize| header[at..at + 4].iter().rev().fold(0_u32, |n, b| n << 8 | u32::from(*b));
        if header[..8] != MAGIC || crc32c::crc32c(&header[..60]) != short(60) {
            return Err(file.corrupt(0, "it does not start as a segment"));
        }
        if short(8) != VERSION {
            return Err(file.corrupt(8, "it was written by another version of the program"));
        }
        let named = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse::<u64>().ok());
        if named != Some(long(16)) || short(12) != partition || header[32..48] != topic {
            return Err(file.corrupt(12, "it belongs to another place: topic, partition and offset differ"));
        }
        Ok((file, long(16), long(24) as i64))
    }

    /// Writes the index file.
    pub(super) fn write_index(&self, disk: &Disk) -> Result<(), LogError> {
        let extent = self.extent.lock().clone();
        let mut bytes = Vec::with_capacity(INDEX_HEADER + extent.index.len() * ENTRY + 4);
        bytes.extend_from_slice(&INDEX_MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(extent.index.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&extent.end.to_le_bytes());
        bytes.extend_from_slice(&extent.next_offset.to_le_bytes());
        bytes.extend_from_slice(&extent.first_ms.unwrap_or(extent.last_ms).to_le_bytes());
        bytes.extend_from_slice(&extent.last_ms.to_le_bytes());
        for entry in &extent.index {
            bytes.extend_from_slice(&entry.offset.to_le_bytes());
            bytes.extend_from_slice(&entry.position.to_le_bytes());
            bytes.extend_from_slice(&entry.record_ms.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        disk.create_whole(&self.file.path().with_extension("idx"), &bytes)
    }

    /// Removes both files.
    pub(super) fn remove(&self) -> Result<(), LogError> {
        // The index first: one without its segment would be proof of bytes that are gone.
        for path in [self.file.path().with_extension("idx"), self.file.path().into()] {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LogError::io("cannot remove", path, &e));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Takes a checked frame into the extent, if it goes on where the last one ended.
fn take(file: &DiskFile, extent: &mut Extent, position: u64, frame: &Frame<'_>) -> Result<(), LogError> {
    if frame.base_offset != extent.next_offset || frame.record_ms < extent.last_ms {
        return Err(file.corrupt(position, "the frame does not follow the one before"));
    }
    let entry = Entry { offset: frame.base_offset, position, record_ms: frame.record_ms };
    extent.note(entry, u64::from(frame.count), position + frame.len as u64);
    Ok(())
}

/// The index file's content; `None` where it is absent or damaged, for it can be made again.
fn read_index(segment: &Path, base: u64) -> Option<Extent> {
    let bytes = fs::read(segment.with_extension("idx")).ok()?;
    let body = bytes.get(..bytes.len().checked_sub(4)?)?;
    let long = |at: usize| Some(u64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?));
    let short = |at: usize| Some(u32::from_le_bytes(body.get(at..at + 4)?.try_into().ok()?));
    let crc = u32::from_le_bytes(bytes.get(body.len()..)?.try_into().ok()?);
    if body.get(..8)? != INDEX_MAGIC || crc32c::crc32c(body) != crc || short(8)? != VERSION {
        return None;
    }
    let count = short(12)? as usize;
    if body.len() != INDEX_HEADER + count * ENTRY {
        return None;
    }
    let index = (0..count)
        .map(|i| {
            let at = INDEX_HEADER + i * ENTRY;
            Some(Entry { offset: long(at)?, position: long(at + 8)?, record_ms: long(at + 16)? as i64 })
        })
        .collect::<Option<Vec<_>>>()?;
    let next_offset = long(24)?;
    Some(Extent {
        end: long(16)?,
        next_offset,
        first_ms: (next_offset > base).then_some(long(32)? as i64),
        last_ms: long(40)? as i64,
        index,
    })
}
