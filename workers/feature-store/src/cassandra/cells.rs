//! Values of a statement as they go over the wire, and columns as they come back.
//!
//! Values are encoded once, into bytes that are owned and counted: a batch knows its size, and a second try sends the
//! same bytes.

use std::ops::Range;

use scylla::{
    deserialize::{
        DeserializationError, TypeCheckError,
        row::{ColumnIterator, DeserializeRow},
    },
    frame::response::result::ColumnSpec,
    serialize::{
        SerializationError,
        row::{RowSerializationContext, SerializeRow},
        writers::RowWriter,
    },
};

/// The values of one statement, in its order.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    bytes: Vec<u8>,
    ends: Vec<Option<usize>>,
}

/// A statement has other markers than values were given.
#[derive(Debug, thiserror::Error)]
#[error("{given} values for {wanted} markers")]
struct Miscounted {
    given: usize,
    wanted: usize,
}

impl Cells {
    pub fn new() -> Self {
        Self::default()
    }

    /// About the size on the wire.
    pub fn size(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len()
    }

    fn end(mut self) -> Self {
        self.ends.push(Some(self.bytes.len()));
        self
    }

    pub fn null(mut self) -> Self {
        self.ends.push(None);
        self
    }

    pub fn bytes(mut self, value: &[u8]) -> Self {
        self.bytes.extend_from_slice(value);
        self.end()
    }

    pub fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    pub fn i64(self, value: i64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn i32(self, value: i32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn bool(self, value: bool) -> Self {
        self.bytes(&[u8::from(value)])
    }

    pub fn f64(self, value: f64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn opt_f64(self, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.f64(value),
            None => self.null(),
        }
    }

    pub fn opt_text(self, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A `date`: days since 1970, of either sign.
    pub fn day(self, day: i32) -> Self {
        self.bytes(&(day as u32 ^ (1 << 31)).to_be_bytes())
    }

    /// A frozen list.
    pub fn list<T: AsRef<[u8]>>(mut self, items: Option<impl ExactSizeIterator<Item = T>>) -> Self {
        let Some(items) = items else { return self.null() };
        self.bytes.extend_from_slice(&(items.len() as i32).to_be_bytes());
        for item in items {
            let item = item.as_ref();
            self.bytes.extend_from_slice(&(item.len() as i32).to_be_bytes());
            self.bytes.extend_from_slice(item);
        }
        self.end()
    }

    fn ranges(&self) -> impl Iterator<Item = Option<Range<usize>>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = (*end)?;
            let range = start..end;
            start = end;
            Some(range)
        })
    }
}

impl SerializeRow for Cells {
    fn serialize(
        &self,
        ctx: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        if ctx.columns().len() != self.ends.len() {
            let wrong = Miscounted { given: self.ends.len(), wanted: ctx.columns().len() };
            return Err(SerializationError::new(wrong));
        }
        for range in self.ranges() {
            let cell = writer.make_cell_writer();
            match range.and_then(|range| self.bytes.get(range)) {
                Some(value) => cell.set_value(value).map(drop).map_err(SerializationError::new)?,
                None => drop(cell.set_null()),
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// The columns of one row, taken from the left.
pub(super) struct Fields<'frame> {
    cells: std::vec::IntoIter<Option<&'frame [u8]>>,
}

impl<'frame, 'metadata> DeserializeRow<'frame, 'metadata> for Fields<'frame> {
    fn type_check(_: &[ColumnSpec<'_>]) -> Result<(), TypeCheckError> {
        Ok(())
    }

    fn deserialize(row: ColumnIterator<'frame, 'metadata>) -> Result<Self, DeserializationError> {
        let mut cells = Vec::with_capacity(row.columns_remaining());
        for column in row {
            cells.push(column?.slice.map(|slice| slice.as_slice()));
        }
        Ok(Self { cells: cells.into_iter() })
    }
}

/// What a column holds instead of what it should.
fn wrong(what: &str) -> String {
    format!("a column is no {what}")
}

fn fixed<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| wrong(what))
}

impl<'frame> Fields<'frame> {
    pub fn opt_bytes(&mut self) -> Result<Option<&'frame [u8]>, String> {
        self.cells.next().ok_or_else(|| "a column is missing".to_owned())
    }

    fn some<T>(value: Option<T>, what: &str) -> Result<T, String> {
        value.ok_or_else(|| format!("a {what} column is null"))
    }

    pub fn opt_text(&mut self) -> Result<Option<&'frame str>, String> {
        let bytes = self.opt_bytes()?;
        bytes.map(|b| std::str::from_utf8(b).map_err(|_| wrong("text"))).transpose()
    }

    pub fn text(&mut self) -> Result<&'frame str, String> {
        Self::some(self.opt_text()?, "text")
    }

    pub fn opt_i64(&mut self) -> Result<Option<i64>, String> {
        self.opt_bytes()?.map(|b| fixed(b, "bigint").map(i64::from_be_bytes)).transpose()
    }

    pub fn i64(&mut self) -> Result<i64, String> {
        Self::some(self.opt_i64()?, "bigint")
    }

    pub fn i32(&mut self) -> Result<i32, String> {
        let value = self.opt_bytes()?.map(|b| fixed(b, "int").map(i32::from_be_bytes)).transpose()?;
        Self::some(value, "int")
    }

    pub fn bool(&mut self) -> Result<bool, String> {
        let value = self.opt_bytes()?.map(|b| fixed::<1>(b, "boolean").map(|b| b[0] != 0)).transpose()?;
        Self::some(value, "boolean")
    }

    pub fn opt_f64(&mut self) -> Result<Option<f64>, String> {
        self.opt_bytes()?.map(|b| fixed(b, "double").map(f64::from_be_bytes)).transpose()
    }

    pub fn f64(&mut self) -> Result<f64, String> {
        Self::some(self.opt_f64()?, "double")
    }

    pub fn day(&mut self) -> Result<i32, String> {
        let value = self.opt_bytes()?.map(|b| fixed(b, "date").map(u32::from_be_bytes)).transpose()?;
        Ok((Self::some(value, "date")? ^ (1 << 31)) as i32)
    }

    pub fn opt_list(&mut self) -> Result<Option<Vec<&'frame [u8]>>, String> {
        let Some(mut bytes) = self.opt_bytes()? else { return Ok(None) };
        let mut int = |what| -> Result<(i32, &'frame [u8]), String> {
            let (head, rest) = bytes.split_first_chunk().ok_or_else(|| wrong("list"))?;
            let value = i32::from_be_bytes(*head);
            let taken = if what { usize::try_from(value).map_err(|_| wrong("list"))? } else { 0 };
            let item = rest.get(..taken).ok_or_else(|| wrong("list"))?;
            bytes = &rest[taken..];
            Ok((value, item))
        };
        let (count, _) = int(false)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(int(true)?.1);
        }
        Ok(Some(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(cells: &Cells) -> Fields<'_> {
        let all: Vec<_> = cells.ranges().map(|r| r.map(|r| &cells.bytes[r])).collect();
        Fields { cells: all.into_iter() }
    }

    #[test]
    fn what_is_written_is_read() {
        let vector = [1.5_f64, -0.0];
        let cells = Cells::new()
            .text("日")
            .null()
            .i64(-5)
            .i32(7)
            .bool(true)
            .opt_f64(Some(f64::MAX))
            .opt_f64(None)
            .day(-1)
            .list(Some(vector.iter().map(|v| v.to_be_bytes())))
            .list(None::<std::iter::Empty<[u8; 8]>>)
            .bytes(b"");
        let mut read = back(&cells);
        assert_eq!(read.text(), Ok("日"));
        assert_eq!(read.opt_i64(), Ok(None));
        assert_eq!(read.i64(), Ok(-5));
        assert_eq!(read.i32(), Ok(7));
        assert_eq!(read.bool(), Ok(true));
        assert_eq!(read.f64(), Ok(f64::MAX));
        assert_eq!(read.opt_f64(), Ok(None));
        assert_eq!(read.day(), Ok(-1));
        let list = read.opt_list().unwrap().unwrap();
        assert_eq!(list, vector.iter().map(|v| v.to_be_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(read.opt_list(), Ok(None));
        assert_eq!(read.opt_bytes(), Ok(Some(&b""[..])));
        assert!(read.i64().is_err(), "nothing is left");
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [&b""[..], b"1", b"\0\0\0\x01", b"\0\0\0\x01\0\0\0\x05abc", b"\x7f\xff\xff\xff"] {
            assert!(back(&Cells::new().bytes(bytes)).opt_list().is_err(), "{bytes:?}");
            assert!(back(&Cells::new().bytes(bytes)).i64().is_err());
        }
        assert!(back(&Cells::new().bytes(b"\xff")).text().is_err());
        assert!(back(&Cells::new().null()).f64().is_err());
    }
}
