//! The envelope of the records that are text.
//!
//! | part | bytes |
//! |---|---|
//! | line 1 | `<magic> <version> <crc32c of the body, 8 hex digits> <length of the body>\n` |
//! | body | one JSON object, UTF-8 |
//!
//! A record is text so that a person can read it with `cat`; unknown keys are ignored so that fields can be added.

use serde::{Serialize, de::DeserializeOwned};

use crate::FormatError;

/// Longest first line.
const HEADER_BYTES: usize = 100;

/// One kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// First word of its files.
    pub magic: &'static str,
    /// The version that is written, and the greatest that is read.
    pub version: u32,
    /// Longest record, in bytes; nothing longer is parsed.
    pub limit: usize,
}

impl Envelope {
    /// The bytes of a record.
    pub fn seal(&self, record: &impl Serialize) -> Vec<u8> {
        // Records are plain values with text keys: serialising cannot fail, and an empty body is refused on reading.
        let body = serde_json::to_vec(record).unwrap_or_default();
        let (magic, version, crc) = (self.magic, self.version, crc32c::crc32c(&body));
        let mut out = format!("{magic} {version} {crc:08x} {}\n", body.len()).into_bytes();
        out.extend_from_slice(&body);
        out
    }

    /// Reads a record; `file` is named in errors.
    ///
    /// # Errors
    /// [`FormatError::TooNew`] for a later version, [`FormatError::Damaged`] for everything else that does not fit.
    pub fn open<T: DeserializeOwned>(&self, file: &str, bytes: &[u8]) -> Result<T, FormatError> {
        let fail = |reason: &str| FormatError::damaged(file, reason);
        if bytes.len() > self.limit {
            return Err(fail("longer than any such record"));
        }
        let line_end = bytes.iter().take(HEADER_BYTES).position(|b| *b == b'\n');
        let line_end = line_end.ok_or_else(|| fail("no header line"))?;
        let header = std::str::from_utf8(&bytes[..line_end]).map_err(|_| fail("header is not text"))?;
        let body = &bytes[line_end + 1..];
        let mut parts = header.split(' ');
        if parts.next() != Some(self.magic) {
            return Err(FormatError::damaged(file, format!("not a {} record", self.magic)));
        }
        let version: u32 = parts.next().and_then(|v| v.parse().ok()).ok_or_else(|| fail("no version"))?;
        if version > self.version {
            return Err(FormatError::TooNew { file: file.to_owned(), found: version, known: self.version });
        }
        let crc = parts.next().and_then(|c| u32::from_str_radix(c, 16).ok());
        let crc = crc.ok_or_else(|| fail("no checksum"))?;
        let length: usize = parts.next().and_then(|l| l.parse().ok()).ok_or_else(|| fail("no length"))?;
        if body.len() != length {
            return Err(fail("cut short or extended"));
        }
        if crc32c::crc32c(body) != crc {
            return Err(fail("checksum mismatch"));
        }
        serde_json::from_slice(body).map_err(|e| FormatError::damaged(file, e.to_string()))
    }
}
