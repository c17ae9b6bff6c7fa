//! Opening files: standard input, gzip and zstd are recognised by their first bytes, not by their name.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use crate::{ImportError, limits, model};

/// Bytes read at once.
const BUFFER: usize = 1024 * 1024;

/// True for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Text of a file. Its buffer can be asked whether the next read would have to wait.
pub(super) type Text = BufReader<Box<dyn Read + Send>>;

/// The file's text, decompressed.
pub(super) fn reader(path: &Path) -> Result<Text, ImportError> {
    let raw: Box<dyn Read + Send> = if is_stdin(path) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|e| unreadable(path, &e))?)
    };
    let mut raw = BufReader::with_capacity(BUFFER, raw);
    let magic: Vec<u8> = raw.fill_buf().map_err(|e| unreadable(path, &e))?.iter().take(4).copied().collect();
    let text: Box<dyn Read + Send> = match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(raw)),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(|e| unreadable(path, &e))?)
        }
        _ => Box::new(raw),
    };
    Ok(BufReader::with_capacity(BUFFER, text))
}

/// What tells a file from others, so that a second run can go on: its absolute path and its first line (at most
/// [`limits::IDENTITY_BYTES`]). A file that grows keeps its identity. Standard input has none.
pub(super) fn identity(path: &Path) -> Result<Option<u64>, ImportError> {
    if is_stdin(path) {
        return Ok(None);
    }
    let absolute = path.canonicalize().map_err(|e| unreadable(path, &e))?;
    let mut head = Vec::new();
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    BufReader::new(file)
        .take(limits::IDENTITY_BYTES as u64)
        .read_until(b'\n', &mut head)
        .map_err(|e| unreadable(path, &e))?;
    let mut bytes = absolute.to_string_lossy().into_owned().into_bytes();
    bytes.push(0);
    bytes.extend(head);
    Ok(Some(model::hash(&bytes)))
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> ImportError {
    ImportError::Unreadable { file: path.into(), why: error.to_string() }
}
