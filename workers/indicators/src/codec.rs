//! Little-endian numbers at the front of a byte slice. Floats keep their bits.

use crate::CorruptState;

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], CorruptState> {
    let (head, tail) = bytes.split_first_chunk::<N>().ok_or(CorruptState("it ends early"))?;
    *bytes = tail;
    Ok(*head)
}

pub(crate) fn put_u8(out: &mut Vec<u8>, value: u8) {
    out.push(value);
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_f64(out: &mut Vec<u8>, value: f64) {
    put_u64(out, value.to_bits());
}

pub(crate) fn u8(bytes: &mut &[u8]) -> Result<u8, CorruptState> {
    take::<1>(bytes).map(|[b]| b)
}

pub(crate) fn u32(bytes: &mut &[u8]) -> Result<u32, CorruptState> {
    take(bytes).map(u32::from_le_bytes)
}

pub(crate) fn u64(bytes: &mut &[u8]) -> Result<u64, CorruptState> {
    take(bytes).map(u64::from_le_bytes)
}

/// A float that an engine may have written: finite.
pub(crate) fn f64(bytes: &mut &[u8]) -> Result<f64, CorruptState> {
    let value = f64::from_bits(u64(bytes)?);
    if value.is_finite() { Ok(value) } else { Err(CorruptState("it holds a number that is not finite")) }
}
