//! Predictions: one table, an index of those without an outcome, and an index by the day they were made.

use std::ops::Bound;

use market::{Outcome, PredictionRow, Timestamp};
use redb::ReadableTable as _;

use super::{
    codec,
    database::{Failure, Reader, Writer},
    group::Known,
    keys,
};
use crate::{PredictionQuery, limits, port::merge_prediction};

/// What a prediction that meets another one under its key does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// The first made wins, an outcome stays.
    Prediction,
    /// Only the outcome of what is there is set.
    Outcome,
}

/// Writes predictions or outcomes.
pub(super) fn put(
    writer: &Writer<'_>,
    known: &mut Known,
    rows: &[PredictionRow],
    put: Put,
) -> Result<(), Failure> {
    let mut table = writer.txn.open_table(keys::PREDICTIONS)?;
    let mut pending = writer.txn.open_table(keys::PENDING)?;
    let mut by_day = writer.txn.open_table(keys::PREDICTIONS_BY_DAY)?;
    let mut series = writer.txn.open_table(keys::PREDICTION_SERIES)?;
    for row in rows {
        let key = keys::prediction(row);
        let old = {
            let there = table.get(key.as_slice())?;
            let decoded = there.map(|v| codec::decode_prediction(&key, v.value()));
            decoded.map(|row| row.ok_or_else(|| Failure::Unreadable("a prediction"))).transpose()?
        };
        let kept = match (&old, put) {
            (None, Put::Outcome) => continue,
            (None, Put::Prediction) => row.clone(),
            (Some(old), Put::Prediction) => merge_prediction(old, row),
            (Some(old), Put::Outcome) => PredictionRow { outcome: row.outcome, ..old.clone() },
        };
        if old.as_ref() == Some(&kept) {
            continue;
        }
        let value = codec::encode_prediction(&kept);
        table.insert(key.as_slice(), value.as_slice())?;
        if kept.outcome == Outcome::Pending {
            pending.insert(key.as_slice(), ())?;
        } else {
            pending.remove(key.as_slice())?;
        }
        let day = |row: &PredictionRow| keys::by_day(keys::day_of(row.made_at.micros()), &key);
        if let Some(old) = old.as_ref().filter(|old| day(old) != day(&kept)) {
            by_day.remove(day(old).as_slice())?;
        }
        by_day.insert(day(&kept).as_slice(), ())?;
        let prefix = &key[..key.len() - 2 * size_of::<u64>()];
        // One set for both kinds of series: keys of predictions are longer by their horizon.
        if !known.contains(prefix) {
            series.insert(prefix, ())?;
            known.insert(prefix.to_vec());
        }
    }
    Ok(())
}

/// Removes up to [`limits::EXPIRE_ROWS`] predictions made before the day `first`; gives how many went.
pub(super) fn expire(writer: &Writer<'_>, first: u32) -> Result<u64, Failure> {
    let mut table = writer.txn.open_table(keys::PREDICTIONS)?;
    let mut pending = writer.txn.open_table(keys::PENDING)?;
    let mut by_day = writer.txn.open_table(keys::PREDICTIONS_BY_DAY)?;
    let end = first.to_be_bytes();
    let mut old = Vec::new();
    for entry in by_day.range::<&[u8]>(..end.as_slice())?.take(limits::EXPIRE_ROWS) {
        old.push(entry?.0.value().to_vec());
    }
    for dated in &old {
        let key = dated.get(size_of::<u32>()..).unwrap_or_default();
        table.remove(key)?;
        pending.remove(key)?;
        by_day.remove(dated.as_slice())?;
    }
    Ok(old.len() as u64)
}

/// Reads predictions.
pub(super) fn read(reader: &Reader<'_>, query: &PredictionQuery) -> Result<Vec<PredictionRow>, Failure> {
    let table = reader.txn.open_table(keys::PREDICTIONS)?;
    let pending = reader.txn.open_table(keys::PENDING)?;
    let mut rows = Vec::new();
    for prefix in series(reader, query)? {
        let mut low = prefix.clone();
        keys::push_instant(&mut low, query.from.unwrap_or(Timestamp::MIN));
        let high = match query.to {
            Some(to) => {
                let mut high = prefix.clone();
                keys::push_instant(&mut high, to);
                Some(high)
            }
            None => keys::after_prefix(&prefix),
        };
        if high.as_ref().is_some_and(|high| *high <= low) {
            continue;
        }
        let upper = high.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let bounds = (Bound::Included(low.as_slice()), upper);
        let mut left = query.limit.unwrap_or(usize::MAX);
        let mut take = |key: &[u8], value: &[u8]| {
            let row = codec::decode_prediction(key, value);
            let row = row.ok_or_else(|| Failure::Unreadable("a prediction"))?;
            if query.matches(&row) {
                rows.push(row);
                left -= 1;
            }
            Ok::<_, Failure>(left > 0)
        };
        if query.limit == Some(0) {
            break;
        }
        if query.pending_only {
            let mut range = pending.range::<&[u8]>(bounds)?;
            while let Some(entry) = if query.newest_first { range.next_back() } else { range.next() } {
                let key = entry?.0;
                let value = table.get(key.value())?;
                if let Some(value) = value
                    && !take(key.value(), value.value())?
                {
                    break;
                }
            }
        } else {
            let mut range = table.range::<&[u8]>(bounds)?;
            while let Some(entry) = if query.newest_first { range.next_back() } else { range.next() } {
                let (key, value) = entry?;
                if !take(key.value(), value.value())? {
                    break;
                }
            }
        }
    }
    query.arrange(&mut rows);
    Ok(rows)
}

/// Keys of the (bar, symbol, horizon) triples that the query touches.
fn series(reader: &Reader<'_>, query: &PredictionQuery) -> Result<Vec<Vec<u8>>, Failure> {
    let table = reader.txn.open_table(keys::PREDICTION_SERIES)?;
    let mut found = Vec::new();
    for entry in table.range::<&[u8]>(..)? {
        let key = entry?.0;
        let parts = keys::split_series(key.value()).and_then(|(bar, symbol, mut rest)| {
            keys::take_u32(&mut rest).map(|horizon| (bar, symbol, horizon))
        });
        let (bar, symbol, horizon) = parts.ok_or_else(|| Failure::Unreadable("a series"))?;
        if query.bar.as_deref().is_none_or(|b| *b == *bar)
            && query.symbol.as_ref().is_none_or(|s| *s == symbol)
            && query.horizon.is_none_or(|h| h == horizon)
        {
            found.push(key.value().to_vec());
        }
    }
    Ok(found)
}
