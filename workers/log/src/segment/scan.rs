//! Walking over the frames of a file, and telling a torn tail from damage.

use super::{
    disk::DiskFile,
    frame::{self, Frame, NoFrame},
};
use crate::LogError;

const CHUNK: usize = 256 * 1024;

/// What a walk over a file found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Whole frames up to the end, the last append finished.
    Clean,
    /// Bytes that are no frame, or an append without its last frame.
    Broken { position: u64, why: &'static str },
}

/// Calls `each` with every whole frame in `from..to` and its position, until it says false. Gives where it stopped.
pub(super) fn walk(
    file: &DiskFile,
    from: u64,
    to: u64,
    chunk: usize,
    mut each: impl FnMut(u64, &Frame<'_>) -> Result<bool, LogError>,
) -> Result<End, LogError> {
    let mut buffer = Vec::new();
    let (mut position, mut want) = (from, chunk);
    while position < to {
        let room = usize::try_from(to - position).unwrap_or(usize::MAX);
        buffer.resize(want.min(room), 0);
        file.read_exact(&mut buffer, position)?;
        let (mut at, mut short) = (0, 0);
        while at < buffer.len() {
            match frame::parse(&buffer[at..]) {
                Ok(frame) => {
                    if !each(position + at as u64, &frame)? {
                        return Ok(End::Clean);
                    }
                    at += frame.len;
                }
                Err(NoFrame::Short(needed)) => {
                    short = needed;
                    break;
                }
                Err(NoFrame::Damaged(why)) => return Ok(End::Broken { position: position + at as u64, why }),
            }
        }
        if short > 0 && short > room - at {
            return Ok(End::Broken { position: position + at as u64, why: "the last frame is cut off" });
        }
        want = chunk.max(short);
        position += at as u64;
    }
    Ok(End::Clean)
}

/// Walks over the file that was being written when the process ended and cuts a torn tail off. `synced` is a position
/// known to be durable from elsewhere. Gives the end of the last finished append.
///
/// A break is a torn tail unless something proves that it was synced once: `synced`, or a later frame's own word.
/// The one thing nobody can tell from a torn tail is damage in the very last group of a process that was killed.
pub(super) fn recover(
    file: &DiskFile,
    from: u64,
    synced: u64,
    mut each: impl FnMut(u64, &Frame<'_>) -> Result<(), LogError>,
) -> Result<u64, LogError> {
    let len = file.len()?;
    if len < synced {
        return Err(file.corrupt(len, "the file is shorter than it was when it was closed"));
    }
    let (mut end, mut open) = (from, Vec::new());
    let walked = walk(file, from, len, CHUNK, |position, frame| {
        open.push((position, position + frame.len as u64));
        if !frame.more() {
            end = position + frame.len as u64;
            open.clear();
        }
        Ok(true)
    })?;
    if let End::Broken { position, why } = walked
        && (position < synced || proven_synced(file, position, len)?)
    {
        return Err(file.corrupt(position, why));
    }
    if end < synced {
        return Err(file.corrupt(end, "an append lacks its end"));
    }
    // Only now, with the end known, are frames handed out: those of an unfinished append never are.
    walk(file, from, end, CHUNK, |position, frame| each(position, frame).map(|()| true))?;
    if end < len {
        tracing::warn!(
            file = %file.path().display(),
            bytes = len - end,
            "cut off a write that was never finished nor acknowledged"
        );
        file.truncate(end)?;
    }
    Ok(end)
}

/// True when a whole frame after `broken` says that the file was durable beyond it.
fn proven_synced(file: &DiskFile, broken: u64, len: u64) -> Result<bool, LogError> {
    let mut position = broken + 1;
    let mut buffer = Vec::new();
    while position < len {
        let size = (len - position).min((frame::LONGEST + CHUNK) as u64) as usize;
        buffer.resize(size, 0);
        file.read_exact(&mut buffer, position)?;
        for at in 0..size.min(CHUNK) {
            if buffer[at..].starts_with(&frame::MAGIC)
                && frame::parse(&buffer[at..]).is_ok_and(|frame| frame.durable > broken)
            {
                return Ok(true);
            }
        }
        position += CHUNK as u64;
    }
    Ok(false)
}
