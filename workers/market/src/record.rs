//! Records of a log, as read and as written.

/// One record of a partition as a reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the partition. Positions increase; they need not be contiguous (transaction markers).
    pub offset: u64,
    /// Record time in milliseconds since the Unix epoch, given by the log at append, never decreasing in a partition.
    pub record_ms: i64,
    /// The key, absent where the writer gave none.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: &'a [u8],
}

/// A record to append.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewRecord {
    /// The key: the symbol, for ticks.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    offset: u64,
    record_ms: i64,
    start: u32,
    key_len: u32,
    value_len: u32,
}

const NO_KEY: u32 = u32::MAX;

/// Records of one partition in offset order, their bytes in one arena.
///
/// `next_offset` is the first offset after everything this batch covers; it can be past the last record + 1 where the
/// log holds offsets without records.
#[derive(Debug, Clone, Default)]
pub struct RecordBatch {
    /// The partition all records are from.
    pub partition: u32,
    /// Where the next batch starts.
    pub next_offset: u64,
    arena: Vec<u8>,
    slots: Vec<Slot>,
}

impl RecordBatch {
    /// An empty batch of `partition` at `next_offset`.
    pub fn new(partition: u32, next_offset: u64) -> Self {
        Self { partition, next_offset, ..Self::default() }
    }

    /// An empty batch with room for `bytes` of keys and values in `records` records.
    pub fn with_capacity(partition: u32, next_offset: u64, bytes: usize, records: usize) -> Self {
        Self { partition, next_offset, arena: Vec::with_capacity(bytes), slots: Vec::with_capacity(records) }
    }

    /// What a record takes in [`RecordBatch::bytes`] beside its key and value.
    pub const RECORD_BYTES: usize = size_of::<Slot>();

    /// Appends a record and moves `next_offset` past it. Offsets must increase, and the arena stays below 4 GiB.
    #[inline]
    pub fn push(&mut self, record: Record<'_>) {
        debug_assert!(self.slots.last().is_none_or(|s| s.offset < record.offset));
        let start = self.arena.len() as u32;
        let key_len = record.key.map_or(NO_KEY, |k| {
            self.arena.extend_from_slice(k);
            k.len() as u32
        });
        self.arena.extend_from_slice(record.value);
        self.slots.push(Slot {
            offset: record.offset,
            record_ms: record.record_ms,
            start,
            key_len,
            value_len: record.value.len() as u32,
        });
        self.next_offset = record.offset + 1;
    }

    /// Number of records.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True without records.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes held: what a byte budget is charged with.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.arena.len() + self.slots.len() * size_of::<Slot>()
    }

    /// The `i`-th record.
    #[inline]
    pub fn get(&self, i: usize) -> Option<Record<'_>> {
        let s = self.slots.get(i)?;
        let start = s.start as usize;
        let (key, value_at) = if s.key_len == NO_KEY {
            (None, start)
        } else {
            let end = start + s.key_len as usize;
            (Some(&self.arena[start..end]), end)
        };
        Some(Record {
            offset: s.offset,
            record_ms: s.record_ms,
            key,
            value: &self.arena[value_at..value_at + s.value_len as usize],
        })
    }

    /// All records in offset order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).filter_map(|i| self.get(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_pushed() {
        let mut batch = RecordBatch::new(3, 7);
        let records = [
            Record { offset: 7, record_ms: 1, key: Some(b"A"), value: b"xyz" },
            Record { offset: 9, record_ms: 2, key: None, value: b"" },
            Record { offset: 10, record_ms: 2, key: Some(b""), value: b"q" },
        ];
        for r in records {
            batch.push(r);
        }
        assert_eq!(batch.iter().collect::<Vec<_>>(), records);
        assert_eq!(batch.next_offset, 11);
        assert_eq!(batch.get(3), None);
    }
}
