//! Feature rows: one table an arrival day, so that a day's end costs as much as its pages, not its rows.
//!
//! A row that is written again on a later day (a provisional one before midnight, its final after) is in two tables for
//! a while; readers take the one with the greater write timestamp, which is the later day's.

use std::ops::Bound;

use market::{FeatureRow, RowName, Symbol, Timestamp};
use redb::{Range, ReadableTable as _, TableDefinition, TableError};

use super::{
    codec,
    database::{Failure, Reader, Writer},
    group::Known,
    keys,
};
use crate::RowQuery;

type DayTable<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

/// A row ready to be written.
pub(super) struct Encoded {
    day: u32,
    start: i64,
    write_ts: i64,
    series: usize,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Encoded {
    pub(super) fn new(row: &FeatureRow) -> Self {
        let key = keys::row(&row.name, row.symbol.as_str(), row.window_start);
        Self {
            day: keys::day_of(row.write_ts),
            start: row.window_start.micros(),
            write_ts: row.write_ts,
            series: key.len() - size_of::<i64>(),
            key,
            value: codec::encode_row(row),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// Writes rows, each into its day, unless a greater write timestamp is there.
pub(super) fn upsert(writer: &Writer<'_>, known: &mut Known, rows: &[Encoded]) -> Result<(), Failure> {
    let mut series = None;
    let mut days = writer.txn.open_table(keys::DAYS)?;
    // Rows of one call nearly always share their day.
    for rows in rows.chunk_by(|a, b| a.day == b.day) {
        let Some(first) = rows.first() else { continue };
        let name = keys::rows_table(first.day);
        let mut table = writer.txn.open_table(DayTable::new(&name))?;
        let old = days.get(first.day)?.map(|extent| extent.value());
        let mut extent = old.unwrap_or((first.start, first.start));
        for row in rows {
            extent = (extent.0.min(row.start), extent.1.max(row.start));
            let newer = {
                let there = table.get(row.key.as_slice())?;
                there.is_none_or(|v| codec::write_ts(v.value()).is_none_or(|t| t <= row.write_ts))
            };
            if newer {
                table.insert(row.key.as_slice(), row.value.as_slice())?;
            }
            let prefix = &row.key[..row.series];
            if !known.contains(prefix) {
                let table = match &mut series {
                    Some(table) => table,
                    none => none.insert(writer.txn.open_table(keys::SERIES)?),
                };
                table.insert(prefix, ())?;
                known.insert(prefix.to_vec());
            }
        }
        if old != Some(extent) {
            days.insert(first.day, extent)?;
        }
    }
    Ok(())
}

/// Removes the days before `first`; gives the number of their rows.
pub(super) fn expire(writer: &Writer<'_>, first: u32) -> Result<u64, Failure> {
    let mut days = writer.txn.open_table(keys::DAYS)?;
    let mut old = Vec::new();
    for entry in days.range(..first)? {
        old.push(entry?.0.value());
    }
    let mut rows = 0;
    for day in old {
        let name = keys::rows_table(day);
        {
            use redb::ReadableTableMetadata as _;
            let table = writer.txn.open_table(DayTable::new(&name))?;
            rows += table.len()?;
        }
        writer.txn.delete_table(DayTable::new(&name))?;
        days.remove(day)?;
    }
    Ok(rows)
}

/// All (name, symbol) pairs that the query touches.
pub(super) fn series(
    reader: &Reader<'_>,
    name: Option<&str>,
    symbol: Option<&Symbol>,
) -> Result<Vec<(RowName, Symbol)>, Failure> {
    let table = reader.txn.open_table(keys::SERIES)?;
    let mut prefix = Vec::new();
    if let Some(name) = name {
        keys::push_text(&mut prefix, name);
    }
    let end = keys::after_prefix(&prefix);
    let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut found = Vec::new();
    let range = table.range::<&[u8]>((Bound::Included(prefix.as_slice()), upper));
    for entry in range? {
        let key = entry?.0;
        let (name, own, _) =
            keys::split_series(key.value()).ok_or_else(|| Failure::Unreadable("a series"))?;
        if symbol.is_none_or(|s| *s == own) {
            found.push((name, own));
        }
    }
    Ok(found)
}

/// Reads rows.
pub(super) fn read(reader: &Reader<'_>, query: &RowQuery) -> Result<Vec<FeatureRow>, Failure> {
    let (from, to) = (query.from.unwrap_or(Timestamp::MIN), query.to);
    let mut tables = Vec::new();
    let days = reader.txn.open_table(keys::DAYS)?;
    for entry in days.range::<u32>(..)? {
        let (day, extent) = entry?;
        let (first, last) = extent.value();
        if last < from.micros() || to.is_some_and(|to| first >= to.micros()) {
            continue;
        }
        let name = keys::rows_table(day.value());
        match reader.txn.open_table(DayTable::new(&name)) {
            Ok(table) => tables.push(table),
            Err(TableError::TableDoesNotExist(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let mut rows = Vec::new();
    for (name, symbol) in series(reader, query.name.as_deref(), query.symbol.as_ref())? {
        let low = keys::row(&name, symbol.as_str(), from);
        let high = match to {
            Some(to) => Some(keys::row(&name, symbol.as_str(), to)),
            None => keys::after_prefix(&keys::series(&name, symbol.as_str())),
        };
        if high.as_ref().is_some_and(|high| *high <= low) {
            continue;
        }
        let upper = high.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut merge = Merge { newest_first: query.newest_first, heads: Vec::with_capacity(tables.len()) };
        for table in &tables {
            let range = table.range::<&[u8]>((Bound::Included(low.as_slice()), upper))?;
            merge.add(range)?;
        }
        let mut left = query.limit.unwrap_or(usize::MAX);
        while left > 0
            && let Some((key, value)) = merge.next()?
        {
            if query.finals_only && !codec::is_final(&value) {
                continue;
            }
            let start =
                key.split_last_chunk::<8>().and_then(|(_, start)| keys::take_instant(&mut start.as_slice()));
            let row = start.and_then(|start| codec::decode_row(&name, &symbol, start, &value));
            rows.push(row.ok_or_else(|| Failure::Unreadable("a row"))?);
            left -= 1;
        }
    }
    query.arrange(&mut rows);
    Ok(rows)
}

type Head = (Vec<u8>, Vec<u8>);
type DayRange<'a> = Range<'a, &'static [u8], &'static [u8]>;

/// The rows of one series over all days in key order, of equal keys only the one with the greatest write timestamp.
struct Merge<'a> {
    newest_first: bool,
    heads: Vec<(Head, DayRange<'a>)>,
}

impl<'a> Merge<'a> {
    fn add(&mut self, mut range: DayRange<'a>) -> Result<(), Failure> {
        if let Some(head) = self.advance(&mut range)? {
            self.heads.push((head, range));
        }
        Ok(())
    }

    fn advance(&self, range: &mut DayRange<'a>) -> Result<Option<Head>, Failure> {
        let entry = if self.newest_first { range.next_back() } else { range.next() };
        let Some(entry) = entry else { return Ok(None) };
        let (key, value) = entry?;
        Ok(Some((key.value().to_vec(), value.value().to_vec())))
    }

    fn next(&mut self) -> Result<Option<Head>, Failure> {
        let keys = self.heads.iter().map(|((key, _), _)| key);
        let Some(key) = (if self.newest_first { keys.max() } else { keys.min() }).cloned() else {
            return Ok(None);
        };
        let mut best: Option<Head> = None;
        let mut i = 0;
        while i < self.heads.len() {
            if self.heads[i].0.0 != key {
                i += 1;
                continue;
            }
            let (head, mut range) = self.heads.swap_remove(i);
            if best.as_ref().is_none_or(|b| codec::write_ts(&b.1) < codec::write_ts(&head.1)) {
                best = Some(head);
            }
            if let Some(head) = self.advance(&mut range)? {
                self.heads.push((head, range));
                // The new head may have been swapped before i; equal keys do not repeat within a table.
                let last = self.heads.len() - 1;
                self.heads.swap(i, last);
                i += 1;
            }
        }
        Ok(best)
    }
}
