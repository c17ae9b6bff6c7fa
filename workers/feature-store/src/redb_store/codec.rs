//! Values: rows and predictions as bytes, little-endian, each with a version in front.
//!
//! A row (its symbol, name and window_start are in the key):
//!
//! | at | bytes | what |
//! |---:|---:|---|
//! | 0   | 1 | version, 1 |
//! | 1   | 1 | 1 = final, 2 = partial, 4 = vwap, 8 = features |
//! | 2   | 8 | write_ts |
//! | 10  | 8 | window_end |
//! | 18  | 8 | sma |
//! | 26  | 8 | n |
//! | 34  | 40 | open, high, low, close, volume |
//! | 74  | 8 | vwap; 0 where absent |
//! | 82  | 4 | revision |
//! | 86  | 4 | generation |
//! | 90  | 4 | partition |
//! | 94  | 8 | last_offset |
//! | 102 | 4 | index |
//! | 106 | 8 | schema_hash |
//! | 114 | 2 | number of indicators n |
//! | 116 | (n + 7) / 8 | which of them are there, first = lowest bit |
//! | …   | 8 each | those that are there |
//! | …   | 2 + 8 each | features, where the flag says so: number, values |
//!
//! A prediction (symbol, bar, horizon, target_ts and version are in the key):
//!
//! | at | bytes | what |
//! |---:|---:|---|
//! | 0  | 1 | version, 1 |
//! | 1  | 1 | role: 0 champion, 1 challenger, 2 baseline |
//! | 2  | 1 | flags, one bit each in the order of `Flag` |
//! | 3  | 1 | 1 = lo, 2 = hi |
//! | 4  | 1 | outcome: 0 pending, 1 joined, 2 void |
//! | 5  | 8 | made_at |
//! | 13 | 8 | as_of |
//! | 21 | 8 each | close, y_pred, y_naive, lo, hi, y_true, err; 0 where absent |

use market::{FeatureRow, Flag, Ohlcv, Outcome, PredictionRow, Role, RowName, Symbol, Timestamp};

const VERSION: u8 = 1;
const FINAL: u8 = 1;
const PARTIAL: u8 = 2;
const VWAP: u8 = 4;
const FEATURES: u8 = 8;
const LO: u8 = 1;
const HI: u8 = 2;
const FLAGS: [Flag; 6] =
    [Flag::Late, Flag::InSample, Flag::OutOfDomain, Flag::StaleModel, Flag::SchemaMismatch, Flag::Baseline];

/// A row as bytes.
pub(super) fn encode_row(row: &FeatureRow) -> Vec<u8> {
    let present = row.indicators.iter().flatten().count();
    let features = row.features.as_ref().map_or(0, |f| 2 + 8 * f.len());
    let mut out = Vec::with_capacity(116 + row.indicators.len().div_ceil(8) + 8 * present + features);
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    out.push(VERSION);
    out.push(
        flag(row.is_final, FINAL)
            | flag(row.partial, PARTIAL)
            | flag(row.vwap.is_some(), VWAP)
            | flag(row.features.is_some(), FEATURES),
    );
    out.extend_from_slice(&row.write_ts.to_le_bytes());
    out.extend_from_slice(&row.window_end.micros().to_le_bytes());
    out.extend_from_slice(&row.sma.to_le_bytes());
    out.extend_from_slice(&row.n.to_le_bytes());
    let Ohlcv { open, high, low, close, volume } = row.prices;
    for value in [open, high, low, close, volume, row.vwap.unwrap_or(0.0)] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&row.revision.to_le_bytes());
    out.extend_from_slice(&row.generation.to_le_bytes());
    out.extend_from_slice(&row.part.to_le_bytes());
    out.extend_from_slice(&row.last_offset.to_le_bytes());
    out.extend_from_slice(&row.index.to_le_bytes());
    out.extend_from_slice(&row.schema_hash.to_le_bytes());
    out.extend_from_slice(&(row.indicators.len() as u16).to_le_bytes());
    let bits = out.len();
    out.resize(bits + row.indicators.len().div_ceil(8), 0);
    for (i, value) in row.indicators.iter().enumerate() {
        if let Some(value) = value {
            out[bits + i / 8] |= 1 << (i % 8);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
    if let Some(features) = &row.features {
        out.extend_from_slice(&(features.len() as u16).to_le_bytes());
        features.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
    }
    out
}

/// The write timestamp of an encoded row, without decoding the rest.
pub(super) fn write_ts(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(bytes.get(2..10)?.try_into().ok()?))
}

/// True for an encoded final row.
pub(super) fn is_final(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|flags| flags & FINAL != 0)
}

/// A row from its bytes and the parts of its key; `None` where they are not one.
pub(super) fn decode_row(
    name: &RowName,
    symbol: &Symbol,
    start: Timestamp,
    bytes: &[u8],
) -> Option<FeatureRow> {
    let mut at = Cursor(bytes);
    if at.u8()? != VERSION {
        return None;
    }
    let flags = at.u8()?;
    let write_ts = at.i64()?;
    let window_end = Timestamp::from_micros(at.i64()?);
    let sma = at.f64()?;
    let n = at.u64()?;
    let prices =
        Ohlcv { open: at.f64()?, high: at.f64()?, low: at.f64()?, close: at.f64()?, volume: at.f64()? };
    let vwap = at.f64()?;
    let (revision, generation, part) = (at.u32()?, at.u32()?, at.u32()?);
    let (last_offset, index, schema_hash) = (at.u64()?, at.u32()?, at.u64()?);
    let count = usize::from(at.u16()?);
    let bits = at.take(count.div_ceil(8))?;
    let mut indicators = Vec::with_capacity(count);
    for i in 0..count {
        let there = bits[i / 8] & (1 << (i % 8)) != 0;
        indicators.push(if there { Some(at.f64()?) } else { None });
    }
    let features = if flags & FEATURES != 0 {
        let count = usize::from(at.u16()?);
        Some((0..count).map(|_| at.f64()).collect::<Option<Vec<_>>>()?)
    } else {
        None
    };
    at.end()?;
    Some(FeatureRow {
        symbol: symbol.clone(),
        name: name.clone(),
        window_start: start,
        window_end,
        sma,
        n,
        prices,
        vwap: (flags & VWAP != 0).then_some(vwap),
        is_final: flags & FINAL != 0,
        revision,
        partial: flags & PARTIAL != 0,
        generation,
        part,
        last_offset,
        index,
        write_ts,
        indicators,
        features,
        schema_hash,
    })
}

/// A prediction as bytes.
pub(super) fn encode_prediction(row: &PredictionRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(77);
    let role = match row.role {
        Role::Champion => 0,
        Role::Challenger => 1,
        Role::Baseline => 2,
    };
    let flags =
        FLAGS.iter().enumerate().filter(|(_, f)| row.flags.contains(f)).fold(0, |bits, (i, _)| bits | 1 << i);
    let there = if row.lo.is_some() { LO } else { 0 } | if row.hi.is_some() { HI } else { 0 };
    let (outcome, y_true, err) = match row.outcome {
        Outcome::Pending => (0, 0.0, 0.0),
        Outcome::Joined { y_true, err } => (1, y_true, err),
        Outcome::Void => (2, 0.0, 0.0),
    };
    out.extend_from_slice(&[VERSION, role, flags, there, outcome]);
    out.extend_from_slice(&row.made_at.micros().to_le_bytes());
    out.extend_from_slice(&row.as_of.micros().to_le_bytes());
    let (lo, hi) = (row.lo.unwrap_or(0.0), row.hi.unwrap_or(0.0));
    for value in [row.close, row.y_pred, row.y_naive, lo, hi, y_true, err] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out
}

/// A prediction from its key and bytes; `None` where they are not one.
pub(super) fn decode_prediction(key: &[u8], bytes: &[u8]) -> Option<PredictionRow> {
    let (bar, symbol, mut rest) = super::keys::split_series(key)?;
    let horizon = super::keys::take_u32(&mut rest)?;
    let target_ts = super::keys::take_instant(&mut rest)?;
    let version = super::keys::take_u64(&mut rest)?;
    let mut at = Cursor(bytes);
    if at.u8()? != VERSION || !rest.is_empty() {
        return None;
    }
    let role = match at.u8()? {
        0 => Role::Champion,
        1 => Role::Challenger,
        2 => Role::Baseline,
        _ => return None,
    };
    let bits = at.u8()?;
    let there = at.u8()?;
    let outcome = at.u8()?;
    let made_at = Timestamp::from_micros(at.i64()?);
    let as_of = Timestamp::from_micros(at.i64()?);
    let (close, y_pred, y_naive) = (at.f64()?, at.f64()?, at.f64()?);
    let (lo, hi) = (at.f64()?, at.f64()?);
    let (y_true, err) = (at.f64()?, at.f64()?);
    at.end()?;
    Some(PredictionRow {
        symbol,
        bar,
        horizon,
        made_at,
        as_of,
        target_ts,
        close,
        y_pred,
        lo: (there & LO != 0).then_some(lo),
        hi: (there & HI != 0).then_some(hi),
        y_naive,
        version,
        role,
        flags: FLAGS.into_iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, f)| f).collect(),
        outcome: match outcome {
            0 => Outcome::Pending,
            1 => Outcome::Joined { y_true, err },
            2 => Outcome::Void,
            _ => return None,
        },
    })
}

/// Takes values off the front; `None` where too few bytes are left.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::conformance::{prediction, row};

    #[test]
    fn golden_bytes() {
        let mut sample = row("A", "1m", 60, 7);
        sample.indicators = vec![None, Some(1.0)];
        sample.features = Some(vec![2.0]);
        let hex: String = encode_row(&sample).iter().map(|b| format!("{b:02x}")).collect();
        assert!(hex.starts_with("01090700000000000000"), "{hex}");
        assert!(hex.ends_with("020002000000000000f03f01000000000000000040"), "{hex}");
        assert_eq!(hex.len(), 2 * (116 + 1 + 8 + 2 + 8));
        assert_eq!(encode_prediction(&prediction("A", 1, 60, 3)).len(), 77);
    }

    proptest! {
        #[test]
        fn rows_come_back(
            indicators in prop::collection::vec(prop::option::of(-1e9_f64..1e9), 0..40),
            features in prop::option::of(prop::collection::vec(-1e9_f64..1e9, 0..40)),
            bits in any::<u8>(), numbers in any::<(i64, u64, u32)>(),
        ) {
            let wanted = FeatureRow {
                is_final: bits & 1 != 0,
                partial: bits & 2 != 0,
                vwap: (bits & 4 != 0).then_some(1.5),
                write_ts: numbers.0,
                last_offset: numbers.1,
                index: numbers.2,
                indicators,
                features,
                ..row("AAPL", "1m", 60, 0)
            };
            let bytes = encode_row(&wanted);
            prop_assert_eq!(write_ts(&bytes), Some(wanted.write_ts));
            prop_assert_eq!(is_final(&bytes), wanted.is_final);
            let decode = |bytes: &[u8]| decode_row(&wanted.name, &wanted.symbol, wanted.window_start, bytes);
            prop_assert_eq!(decode(&bytes), Some(wanted.clone()));
            for cut in 0..bytes.len() {
                prop_assert_eq!(decode(&bytes[..cut]), None);
            }
        }

        #[test]
        fn predictions_come_back(bits in any::<u8>(), version in any::<u64>(), y in -1.0_f64..1.0) {
            let wanted = PredictionRow {
                flags: FLAGS.into_iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, f)| f).collect(),
                lo: (bits & 64 != 0).then_some(-y),
                hi: (bits & 128 != 0).then_some(y),
                outcome: [Outcome::Pending, Outcome::Void, Outcome::Joined { y_true: y, err: 0.5 }][usize::from(bits) % 3],
                role: [Role::Champion, Role::Challenger, Role::Baseline][usize::from(bits) % 3],
                version,
                y_pred: y,
                ..prediction("AAPL", 1, 60, 0)
            };
            let (key, bytes) = (super::super::keys::prediction(&wanted), encode_prediction(&wanted));
            prop_assert_eq!(decode_prediction(&key, &bytes), Some(wanted));
            prop_assert_eq!(decode_prediction(&key, &bytes[..70]), None);
            prop_assert_eq!(decode_prediction(&key[..key.len() - 1], &bytes), None);
        }

        #[test]
        fn hostile_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), key in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let sample = row("A", "1m", 0, 0);
            let _ = decode_row(&sample.name, &sample.symbol, sample.window_start, &bytes);
            let _ = decode_prediction(&key, &bytes);
        }
    }
}
