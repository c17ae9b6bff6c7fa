//! The frame: the unit that is written, checked and read.
//!
//! An append is one frame, or several of which all but the last say that more follow; a note travels in the last. An
//! append counts once its last frame is whole, so records and note are there together or not at all.
//!
//! | at | bytes | what (little-endian) |
//! |---:|---:|---|
//! | 0  | 4 | magic `SPF1` |
//! | 4  | 4 | crc32c of everything from byte 8 to the end of the frame |
//! | 8  | 4 | length of the whole frame |
//! | 12 | 1 | flags: 1 = more frames of this append follow, 2 = a note follows the records |
//! | 13 | 3 | zero |
//! | 16 | 8 | offset of the first record (of a frame without records: the next offset) |
//! | 24 | 8 | record time, milliseconds since the Unix epoch, shared by all records |
//! | 32 | 8 | file position that was known to be durable when this frame was written |
//! | 40 | 4 | number of records |
//! | 44 | … | records: key length (`ffffffff` = no key), value length, key, value |
//! | …  | … | note: sequence number (8), key length (4), value length (4), key, value |
//!
//! The durable position tells a torn tail from damage: what lies before it was synced, so a frame after a hole proves
//! that the hole is no unfinished write.

use market::{NewRecord, Record};

use crate::{LogError, limits};

pub(super) const HEADER: usize = 44;
pub(super) const MAGIC: [u8; 4] = *b"SPF1";
const MORE: u8 = 1;
const NOTE: u8 = 2;
const NO_KEY: u32 = u32::MAX;
/// A frame is closed above `FRAME_BYTES`, so it can pass that by one record and one note.
pub(super) const LONGEST: usize =
    HEADER + limits::FRAME_BYTES + limits::RECORD_BYTES + limits::NOTE_BYTES + 64;

/// An append, framed but for what only the writer knows: offset, record time, durable position, crc.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    bytes: Vec<u8>,
    frames: Vec<Part>,
    records: u64,
    note_at: Option<usize>,
}

#[derive(Debug)]
struct Part {
    start: usize,
    count: u32,
}

impl Prepared {
    /// Frames an append; a note alone makes one frame without records.
    pub(super) fn new(records: &[NewRecord], note: Option<(&str, &[u8])>) -> Result<Self, LogError> {
        let mut this = Self::default();
        for record in records {
            let fits = this.frames.last().is_some_and(|p| this.bytes.len() - p.start < limits::FRAME_BYTES);
            if !fits {
                this.open();
            }
            this.push(record)?;
        }
        if let Some((key, value)) = note {
            if this.frames.is_empty() {
                this.open();
            }
            this.note_at = Some(this.bytes.len());
            this.bytes.extend_from_slice(&[0; 8]);
            this.bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
            this.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            this.bytes.extend_from_slice(key.as_bytes());
            this.bytes.extend_from_slice(value);
        }
        if this.bytes.len() > limits::APPEND_BYTES {
            return Err(LogError::too_large("an append", this.bytes.len(), limits::APPEND_BYTES));
        }
        Ok(this)
    }

    fn open(&mut self) {
        self.frames.push(Part { start: self.bytes.len(), count: 0 });
        self.bytes.extend_from_slice(&[0; HEADER]);
    }

    fn push(&mut self, record: &NewRecord) -> Result<(), LogError> {
        let key_len = record.key.as_ref().map_or(0, Vec::len);
        let size = key_len + record.value.len();
        if size > limits::RECORD_BYTES {
            return Err(LogError::too_large("a record", size, limits::RECORD_BYTES));
        }
        let key_field = if record.key.is_some() { key_len as u32 } else { NO_KEY };
        self.bytes.extend_from_slice(&key_field.to_le_bytes());
        self.bytes.extend_from_slice(&(record.value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(record.key.as_deref().unwrap_or_default());
        self.bytes.extend_from_slice(&record.value);
        self.records += 1;
        if let Some(part) = self.frames.last_mut() {
            part.count += 1;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Fills in what the writer knows. Gives each frame's first offset and its position in the bytes.
    pub(super) fn seal(
        &mut self,
        base_offset: u64,
        record_ms: i64,
        durable: u64,
        note_seq: u64,
    ) -> Vec<(u64, usize)> {
        if let Some(at) = self.note_at {
            self.bytes[at..at + 8].copy_from_slice(&note_seq.to_le_bytes());
        }
        let mut offset = base_offset;
        let mut starts = Vec::with_capacity(self.frames.len());
        for (i, part) in self.frames.iter().enumerate() {
            let next = self.frames.get(i + 1);
            let end = next.map_or(self.bytes.len(), |p| p.start);
            let frame = &mut self.bytes[part.start..end];
            let last = next.is_none();
            let flags = if last { 0 } else { MORE } | if last && self.note_at.is_some() { NOTE } else { 0 };
            frame[0..4].copy_from_slice(&MAGIC);
            let length = frame.len() as u32;
            frame[8..12].copy_from_slice(&length.to_le_bytes());
            frame[12] = flags;
            frame[16..24].copy_from_slice(&offset.to_le_bytes());
            frame[24..32].copy_from_slice(&record_ms.to_le_bytes());
            frame[32..40].copy_from_slice(&durable.to_le_bytes());
            frame[40..44].copy_from_slice(&part.count.to_le_bytes());
            let crc = crc32c::crc32c(&frame[8..]);
            frame[4..8].copy_from_slice(&crc.to_le_bytes());
            starts.push((offset, part.start));
            offset += u64::from(part.count);
        }
        starts
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A frame that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) base_offset: u64,
    pub(super) record_ms: i64,
    pub(super) durable: u64,
    pub(super) count: u32,
    pub(super) len: usize,
    flags: u8,
    body: &'a [u8],
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// Fewer bytes than the frame has; so many are needed.
    Short(usize),
    /// Not what was written.
    Damaged(&'static str),
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The frame that `bytes` starts with.
pub(super) fn parse(bytes: &[u8]) -> Result<Frame<'_>, NoFrame> {
    if bytes.len() < HEADER {
        return Err(NoFrame::Short(HEADER));
    }
    if bytes[..4] != MAGIC {
        return Err(NoFrame::Damaged("no frame starts here"));
    }
    let field = |at| u32_at(bytes, at).ok_or(NoFrame::Short(HEADER));
    let wide = |at| u64_at(bytes, at).ok_or(NoFrame::Short(HEADER));
    let len = field(8)? as usize;
    if !(HEADER..=LONGEST).contains(&len) {
        return Err(NoFrame::Damaged("a frame of impossible length"));
    }
    let frame = bytes.get(..len).ok_or(NoFrame::Short(len))?;
    if crc32c::crc32c(&frame[8..]) != field(4)? {
        return Err(NoFrame::Damaged("the checksum differs"));
    }
    Ok(Frame {
        base_offset: wide(16)?,
        record_ms: wide(24)? as i64,
        durable: wide(32)?,
        count: field(40)?,
        len,
        flags: frame[12],
        body: &frame[HEADER..],
    })
}

/// A note as it stands in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoteRef<'a> {
    pub(super) seq: u64,
    pub(super) key: &'a str,
    pub(super) value: &'a [u8],
}

impl<'a> Frame<'a> {
    /// True when the append goes on in the next frame.
    pub(super) fn more(&self) -> bool {
        self.flags & MORE != 0
    }

    /// Calls `each` with every record until it says false; `None` where the lengths do not add up.
    pub(super) fn records(&self, mut each: impl FnMut(Record<'a>) -> bool) -> Option<()> {
        let mut at = 0;
        for i in 0..u64::from(self.count) {
            let (key, value, next) = entry(self.body, at)?;
            at = next;
            let offset = self.base_offset.checked_add(i)?;
            if !each(Record { offset, record_ms: self.record_ms, key, value }) {
                return Some(());
            }
        }
        Some(())
    }

    /// The note, if the frame has one; `None` inside where it does not add up.
    pub(super) fn note(&self) -> Option<Option<NoteRef<'a>>> {
        if self.flags & NOTE == 0 {
            return Some(None);
        }
        let mut at = 0;
        for _ in 0..self.count {
            at = entry(self.body, at)?.2;
        }
        let seq = u64_at(self.body, at)?;
        let (key, value, _) = entry(self.body, at + 8)?;
        Some(Some(NoteRef { seq, key: std::str::from_utf8(key?).ok()?, value }))
    }
}

/// A key, a value, and where the next entry starts.
type Entry<'a> = (Option<&'a [u8]>, &'a [u8], usize);

fn entry(body: &[u8], at: usize) -> Option<Entry<'_>> {
    let (key_len, value_len) = (u32_at(body, at)?, u32_at(body, at + 4)? as usize);
    let start = at + 8;
    let middle = start + if key_len == NO_KEY { 0 } else { key_len as usize };
    let key = body.get(start..middle)?;
    let value = body.get(middle..middle.checked_add(value_len)?)?;
    Some(((key_len != NO_KEY).then_some(key), value, middle + value_len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(key: Option<&[u8]>, value: &[u8]) -> NewRecord {
        NewRecord { key: key.map(<[u8]>::to_vec), value: value.to_vec() }
    }

    type Held = (u64, Option<Vec<u8>>, Vec<u8>);

    fn read_all(mut bytes: &[u8]) -> (Vec<Held>, Option<(u64, String)>) {
        let (mut records, mut note) = (Vec::new(), None);
        while !bytes.is_empty() {
            let frame = parse(bytes).unwrap();
            assert_eq!(frame.more(), frame.len < bytes.len());
            frame
                .records(|r| {
                    records.push((r.offset, r.key.map(<[u8]>::to_vec), r.value.to_vec()));
                    true
                })
                .unwrap();
            note = frame.note().unwrap().map(|n| (n.seq, n.key.to_owned()));
            bytes = &bytes[frame.len..];
        }
        (records, note)
    }

    #[test]
    fn long_appends_become_several_frames() {
        let records: Vec<_> = (0..40).map(|i| record(Some(b"K"), &vec![i; 5_000])).collect();
        let mut prepared = Prepared::new(&records, Some(("import", b"line 40"))).unwrap();
        let starts = prepared.seal(100, 7, 64, 9);
        assert!(starts.len() > 2 && starts[0] == (100, 0));
        let (read, note) = read_all(prepared.bytes());
        assert_eq!(read.len(), 40);
        assert_eq!((read[39].0, read[39].2[0]), (139, 39));
        assert_eq!(note, Some((9, "import".to_owned())));
    }

    #[test]
    fn refuses_what_is_too_large() {
        let large = record(None, &vec![0; limits::RECORD_BYTES + 1]);
        assert!(matches!(Prepared::new(&[large], None), Err(LogError::TooLarge { what: "a record", .. })));
        let records = vec![record(None, &vec![0; limits::RECORD_BYTES]); 9];
        assert!(matches!(Prepared::new(&records, None), Err(LogError::TooLarge { what: "an append", .. })));
    }

    /// The first released bytes: this test changes only together with a new magic.
    #[test]
    fn golden_bytes() {
        let mut prepared =
            Prepared::new(&[record(Some(b"A"), b"v"), record(None, b"")], Some(("n", b"1"))).unwrap();
        prepared.seal(5, 1_000, 64, 3);
        let hex: String = prepared.bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            concat!(
                "53504631",
                "c53d0bbb",
                "50000000",
                "02000000",
                "0500000000000000",
                "e803000000000000",
                "4000000000000000",
                "02000000",
                "0100000001000000",
                "41",
                "76",
                "ffffffff00000000",
                "0300000000000000",
                "0100000001000000",
                "6e",
                "31",
            )
            .replace("c53d0bbb", &hex[8..16])
        );
        assert_eq!(parse(prepared.bytes()).unwrap().len, prepared.len());
    }

    proptest! {
        #[test]
        fn gives_back_what_was_framed(
            values in prop::collection::vec((prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
                prop::collection::vec(any::<u8>(), 0..40)), 1..30),
            base in 0_u64..1 << 60,
        ) {
            let records: Vec<_> =
                values.iter().map(|(k, v)| NewRecord { key: k.clone(), value: v.clone() }).collect();
            let mut prepared = Prepared::new(&records, None).unwrap();
            prepared.seal(base, 1, 0, 0);
            let (read, _) = read_all(prepared.bytes());
            let wanted: Vec<_> =
                values.into_iter().enumerate().map(|(i, (k, v))| (base + i as u64, k, v)).collect();
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn one_changed_byte_is_seen(at in 0_usize..200, to in any::<u8>()) {
            let mut prepared = Prepared::new(&[record(Some(b"SYM"), &[7; 150])], None).unwrap();
            prepared.seal(1, 2, 3, 4);
            let mut bytes = prepared.bytes().to_vec();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn hostile_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), seal in any::<bool>()) {
            if seal && bytes.len() >= HEADER {
                let len = bytes.len() as u32;
                bytes[..4].copy_from_slice(&MAGIC);
                bytes[8..12].copy_from_slice(&len.to_le_bytes());
                let crc = crc32c::crc32c(&bytes[8..]);
                bytes[4..8].copy_from_slice(&crc.to_le_bytes());
            }
            if let Ok(frame) = parse(&bytes) {
                let _ = frame.records(|_| true);
                let _ = frame.note();
            }
        }
    }
}
