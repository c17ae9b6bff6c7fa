//! Little-endian reading and writing, with every length checked against what is left before anything is allocated.

use crate::CorruptState;

/// Reads from the front of stored bytes.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], CorruptState> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(CorruptState::Damaged("it ends early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CorruptState> {
        self.take(N)?.try_into().map_err(|_| CorruptState::Damaged("it ends early"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CorruptState> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, CorruptState> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CorruptState> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CorruptState> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, CorruptState> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, CorruptState> {
        Ok(f64::from_bits(self.u64()?))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, CorruptState> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CorruptState::Damaged("a flag is neither 0 nor 1")),
        }
    }

    /// A count of items that take at least `least` bytes each: never more than there is room for.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, CorruptState> {
        let n = self.u32()? as usize;
        if n.saturating_mul(least.max(1)) > self.0.len() {
            return Err(CorruptState::Damaged("a count is larger than what follows"));
        }
        Ok(n)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], CorruptState> {
        let n = self.count(1)?;
        self.take(n)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, CorruptState> {
        std::str::from_utf8(self.bytes()?).map_err(|_| CorruptState::Damaged("a text is not UTF-8"))
    }
}

/// Appends to stored bytes.
#[derive(Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    pub(crate) fn u8(&mut self, v: u8) {
        self.0.push(v);
    }

    pub(crate) fn u16(&mut self, v: u16) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, v: i64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, v: f64) {
        self.u64(v.to_bits());
    }

    /// A count of things in memory, far below 2^32.
    pub(crate) fn count(&mut self, n: usize) {
        self.u32(n as u32);
    }

    pub(crate) fn bytes(&mut self, v: &[u8]) {
        self.count(v.len());
        self.0.extend_from_slice(v);
    }
}
