//! Alias histories, runs and notes: few and small, kept as JSON so that a person can read a copy of the file.

use std::ops::Bound;

use market::{AliasEvent, AliasKey, RunRow};
use redb::ReadableTable;
use serde::de::DeserializeOwned;

use super::{
    database::{Failure, Reader, Writer},
    keys,
};
use crate::{
    limits,
    port::{check_name, invalid},
};

fn parse<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|_| Failure::Unreadable(what))
}

fn json(what: &str, value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    let bytes = serde_json::to_vec(value).map_err(|e| invalid(what, e))?;
    check_size(what, &bytes)?;
    Ok(bytes)
}

fn check_size(what: &str, bytes: &[u8]) -> Result<(), Failure> {
    if bytes.len() > limits::NOTE_BYTES {
        return Err(
            invalid(what, format!("{} bytes; the limit is {}", bytes.len(), limits::NOTE_BYTES)).into()
        );
    }
    Ok(())
}

/// Calls `each` with every entry whose key starts with `prefix`, in order.
fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let end = keys::after_prefix(prefix);
    let upper = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    for entry in table.range::<&[u8]>((Bound::Included(prefix), upper))? {
        let (key, value) = entry?;
        each(key.value(), value.value())?;
    }
    Ok(())
}

pub(super) fn alias_history(reader: &Reader<'_>, key: &AliasKey) -> Result<Vec<AliasEvent>, Failure> {
    let table = reader.txn.open_table(keys::ALIASES)?;
    let mut history = Vec::new();
    scan(&table, &keys::aliases(key), |_, value| {
        history.push(parse("an alias event", value)?);
        Ok(())
    })?;
    Ok(history)
}

pub(super) fn alias_keys(reader: &Reader<'_>, pipeline: &str) -> Result<Vec<AliasKey>, Failure> {
    let table = reader.txn.open_table(keys::ALIASES)?;
    let mut prefix = Vec::new();
    keys::push_text(&mut prefix, pipeline);
    let mut found: Vec<AliasKey> = Vec::new();
    scan(&table, &prefix, |mut key, _| {
        let parts = || {
            keys::take_text(&mut key)?;
            let bar = keys::take_text(&mut key)?;
            Some(AliasKey { pipeline: pipeline.into(), bar: bar.into(), horizon: keys::take_u32(&mut key)? })
        };
        let own = { parts }().ok_or_else(|| Failure::Unreadable("an alias key"))?;
        if found.last() != Some(&own) {
            found.push(own);
        }
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn append_alias(writer: &Writer<'_>, key: &AliasKey, event: &AliasEvent) -> Result<bool, Failure> {
    check_name("an alias history's pipeline", &key.pipeline)?;
    check_name("an alias history's bar", &key.bar)?;
    let mut table = writer.txn.open_table(keys::ALIASES)?;
    let prefix = keys::aliases(key);
    let mut last = 0;
    scan(&table, &prefix, |key, _| {
        let seq = key.get(prefix.len()..).and_then(|mut rest| keys::take_u64(&mut rest));
        last = seq.ok_or_else(|| Failure::Unreadable("an alias key"))?;
        Ok(())
    })?;
    if event.seq != last + 1 {
        return Ok(false);
    }
    let full = [prefix.as_slice(), &event.seq.to_be_bytes()].concat();
    let value = json("an alias event", event)?;
    table.insert(full.as_slice(), value.as_slice())?;
    Ok(true)
}

pub(super) fn put_run(writer: &Writer<'_>, run: &RunRow) -> Result<(), Failure> {
    check_name("a run's pipeline", &run.pipeline)?;
    check_name("a run's name", &run.name)?;
    let mut table = writer.txn.open_table(keys::RUNS)?;
    let mut key = Vec::new();
    keys::push_text(&mut key, &run.pipeline);
    key.extend_from_slice(run.name.as_bytes());
    let value = json("a run", run)?;
    table.insert(key.as_slice(), value.as_slice())?;
    Ok(())
}

pub(super) fn runs(reader: &Reader<'_>, pipeline: &str) -> Result<Vec<RunRow>, Failure> {
    let table = reader.txn.open_table(keys::RUNS)?;
    let mut prefix = Vec::new();
    keys::push_text(&mut prefix, pipeline);
    let mut runs: Vec<RunRow> = Vec::new();
    scan(&table, &prefix, |_, value| {
        runs.push(parse("a run", value)?);
        Ok(())
    })?;
    runs.sort_by(|a, b| (a.started_at, &a.name).cmp(&(b.started_at, &b.name)));
    Ok(runs)
}

pub(super) fn put_note(writer: &Writer<'_>, key: &str, value: &[u8]) -> Result<(), Failure> {
    check_size("a note", value)?;
    let mut table = writer.txn.open_table(keys::NOTES)?;
    table.insert(key.as_bytes(), value)?;
    Ok(())
}

pub(super) fn note(reader: &Reader<'_>, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    let table = reader.txn.open_table(keys::NOTES)?;
    let value = table.get(key.as_bytes())?;
    Ok(value.map(|v| v.value().to_vec()))
}
