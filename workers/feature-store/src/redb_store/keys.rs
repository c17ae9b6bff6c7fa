//! Keys: parts in the order of the reads, so that every read is a range.
//!
//! Texts end with a zero byte (no symbol, name or pipeline may hold one), whole numbers are big-endian, instants have
//! their sign bit flipped: byte order is the order of the values.
//!
//! | table | key | value |
//! |---|---|---|
//! | `rows-<day>` | name 0 symbol 0 window_start | `codec` row; one table an arrival day (UTC day of `write_ts`) |
//! | `days` | day | least and greatest window_start of that day's table |
//! | `series` | name 0 symbol 0 | nothing |
//! | `predictions` | bar 0 symbol 0 horizon target_ts version | `codec` prediction |
//! | `predictions-pending` | the same | nothing; there while the outcome is pending |
//! | `predictions-by-day` | day of made_at, the same | nothing |
//! | `prediction-series` | bar 0 symbol 0 horizon | nothing |
//! | `aliases` | pipeline 0 bar 0 horizon seq | JSON |
//! | `runs` | pipeline 0 name | JSON |
//! | `notes` | key | bytes |
//! | `meta` | `layout` | layout version |

use std::sync::Arc;

use market::{AliasKey, PredictionRow, RowName, Symbol, Timestamp};
use redb::TableDefinition;

pub(super) type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;
pub(super) type Set = TableDefinition<'static, &'static [u8], ()>;

pub(super) const DAYS: TableDefinition<'static, u32, (i64, i64)> = TableDefinition::new("days");
pub(super) const SERIES: Set = TableDefinition::new("series");
pub(super) const PREDICTIONS: Bytes = TableDefinition::new("predictions");
pub(super) const PENDING: Set = TableDefinition::new("predictions-pending");
pub(super) const PREDICTIONS_BY_DAY: Set = TableDefinition::new("predictions-by-day");
pub(super) const PREDICTION_SERIES: Set = TableDefinition::new("prediction-series");
pub(super) const ALIASES: Bytes = TableDefinition::new("aliases");
pub(super) const RUNS: Bytes = TableDefinition::new("runs");
pub(super) const NOTES: Bytes = TableDefinition::new("notes");
pub(super) const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

const LAST_DAY: i64 = 47_482; // 2100-01-01: record times are clamped to it

/// Name of a day's table.
pub(super) fn rows_table(day: u32) -> String {
    format!("rows-{day:05}")
}

/// The day an instant in microseconds belongs to, within 1970..=2100.
pub(super) fn day_of(micros: i64) -> u32 {
    Timestamp::from_micros(micros).day().clamp(0, LAST_DAY) as u32
}

/// The first day that is kept when everything before `cut` goes.
pub(super) fn first_day(cut: Timestamp) -> u32 {
    day_of(cut.micros())
}

pub(super) fn push_text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(text.as_bytes());
    key.push(0);
}

pub(super) fn push_instant(key: &mut Vec<u8>, at: Timestamp) {
    key.extend_from_slice(&(at.micros() ^ i64::MIN).to_be_bytes());
}

/// `name 0 symbol 0`, or `bar 0 symbol 0`.
pub(super) fn series(name: &str, symbol: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + symbol.len() + 10);
    push_text(&mut key, name);
    push_text(&mut key, symbol);
    key
}

pub(super) fn row(name: &str, symbol: &str, start: Timestamp) -> Vec<u8> {
    let mut key = series(name, symbol);
    push_instant(&mut key, start);
    key
}

pub(super) fn prediction(row: &PredictionRow) -> Vec<u8> {
    let mut key = series(&row.bar, row.symbol.as_str());
    key.extend_from_slice(&row.horizon.to_be_bytes());
    push_instant(&mut key, row.target_ts);
    key.extend_from_slice(&row.version.to_be_bytes());
    key
}

pub(super) fn by_day(day: u32, key: &[u8]) -> Vec<u8> {
    [day.to_be_bytes().as_slice(), key].concat()
}

pub(super) fn aliases(key: &AliasKey) -> Vec<u8> {
    let mut bytes = series(&key.pipeline, &key.bar);
    bytes.extend_from_slice(&key.horizon.to_be_bytes());
    bytes
}

/// The first key after all that start with `prefix`; `None` where there is none.
pub(super) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// Reads `text 0` off the front.
pub(super) fn take_text<'a>(key: &mut &'a [u8]) -> Option<&'a str> {
    let at = key.iter().position(|b| *b == 0)?;
    let text = std::str::from_utf8(&key[..at]).ok()?;
    *key = &key[at + 1..];
    Some(text)
}

pub(super) fn take_u32(key: &mut &[u8]) -> Option<u32> {
    let (value, rest) = key.split_first_chunk()?;
    *key = rest;
    Some(u32::from_be_bytes(*value))
}

pub(super) fn take_u64(key: &mut &[u8]) -> Option<u64> {
    let (value, rest) = key.split_first_chunk()?;
    *key = rest;
    Some(u64::from_be_bytes(*value))
}

pub(super) fn take_instant(key: &mut &[u8]) -> Option<Timestamp> {
    take_u64(key).map(|v| Timestamp::from_micros(v as i64 ^ i64::MIN))
}

/// A series key apart: name or bar, symbol, and what follows.
pub(super) fn split_series(mut key: &[u8]) -> Option<(RowName, Symbol, &[u8])> {
    let name: RowName = Arc::from(take_text(&mut key)?);
    let symbol = Symbol::parse(take_text(&mut key)?).ok()?;
    Some((name, symbol, key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_are_clamped() {
        assert_eq!((day_of(i64::MIN), day_of(0), day_of(i64::MAX)), (0, 0, LAST_DAY as u32));
    }

    #[test]
    fn the_end_of_a_prefix() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255]), None);
    }

    proptest! {
        #[test]
        fn bytes_order_as_values_do(
            a in ("[a-z]{1,3}", "[A-C.]{1,3}", any::<i64>()),
            b in ("[a-z]{1,3}", "[A-C.]{1,3}", any::<i64>()),
        ) {
            let key = |v: &(String, String, i64)| row(&v.0, &v.1, Timestamp::from_micros(v.2));
            prop_assert_eq!(a.cmp(&b), key(&a).cmp(&key(&b)));
            let bytes = key(&a);
            let (name, symbol, mut rest) = split_series(&bytes).unwrap();
            prop_assert_eq!((&*name, symbol.as_str()), (a.0.as_str(), a.1.as_str()));
            prop_assert_eq!(take_instant(&mut rest).unwrap().micros(), a.2);
        }
    }
}
