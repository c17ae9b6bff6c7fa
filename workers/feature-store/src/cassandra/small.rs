//! Alias histories, runs and notes: few and small.

use std::collections::BTreeMap;

use market::{AliasEvent, AliasKey, RunRow};
use serde::{Serialize, de::DeserializeOwned};

use super::{CassandraStore, cells::Cells, cluster::random};
use crate::{
    StoreError, limits,
    port::{check_name, invalid},
};

fn json(what: &str, value: &impl Serialize) -> Result<String, StoreError> {
    let text = serde_json::to_string(value).map_err(|e| invalid(what, e))?;
    check_size(what, text.len())?;
    Ok(text)
}

fn check_size(what: &str, bytes: usize) -> Result<(), StoreError> {
    if bytes > limits::NOTE_BYTES {
        return Err(invalid(what, format!("{bytes} bytes; the limit is {}", limits::NOTE_BYTES)));
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

impl CassandraStore {
    /// (seq, event, nonce), in order of `seq`, as the replicas have agreed on.
    async fn alias_rows(&self, key: &AliasKey) -> Result<Vec<(u64, AliasEvent, i64)>, StoreError> {
        let values = Cells::new().text(&key.pipeline).text(&key.bar).i32(key.horizon as i32);
        let rows = self.cluster.collect("read an alias history", &self.statements.aliases, &values, |f| {
            Ok((f.i64()? as u64, parse(f.text()?)?, f.i64()?))
        });
        Ok(rows.await?)
    }

    pub(super) async fn read_aliases(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError> {
        Ok(self.alias_rows(key).await?.into_iter().map(|(_, event, _)| event).collect())
    }

    pub(super) async fn read_alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError> {
        let values = Cells::new().text(pipeline);
        let keys = self.cluster.collect("list the aliases", &self.statements.alias_keys, &values, |f| {
            let (bar, horizon) = (f.text()?.into(), f.i32()? as u32);
            Ok(AliasKey { pipeline: pipeline.to_owned(), bar, horizon })
        });
        Ok(keys.await?)
    }

    /// Compare-and-set: `seq` must be the next one, and the row must not be there. Nothing is ever removed, so a
    /// history that had `seq - 1` events when it was read has no hole when `seq` is added. What a try without an
    /// answer did is told by the nonce.
    pub(super) async fn append(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError> {
        check_name("an alias's pipeline", &key.pipeline)?;
        check_name("an alias's bar", &key.bar)?;
        let history = self.alias_rows(key).await?;
        if history.last().map_or(0, |(seq, ..)| *seq) + 1 != event.seq {
            return Ok(false);
        }
        let nonce = random() as i64;
        let values = Cells::new()
            .text(&key.pipeline)
            .text(&key.bar)
            .i32(key.horizon as i32)
            .i64(event.seq as i64)
            .text(&json("an alias event", event)?)
            .i64(nonce);
        self.cluster.transact("append to an alias history", &self.statements.put_alias, &values).await?;
        let history = self.alias_rows(key).await?;
        Ok(history.iter().any(|(seq, _, by)| *seq == event.seq && *by == nonce))
    }

    pub(super) async fn write_run(&self, run: &RunRow) -> Result<(), StoreError> {
        check_name("a run's pipeline", &run.pipeline)?;
        check_name("a run's name", &run.name)?;
        let values = Cells::new()
            .text(&run.pipeline)
            .text(&run.name)
            .text(&run.phase)
            .i64(run.updated_at.micros().div_euclid(1_000))
            .text(&json("a run", run)?)
            .i64(self.cluster.now())
            .i32(0);
        Ok(self.cluster.write_one(&self.statements.put_run, &values).await?)
    }

    pub(super) async fn read_runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError> {
        let values = Cells::new().text(pipeline);
        let runs = self.cluster.collect("list the runs", &self.statements.runs, &values, |f| {
            let run: RunRow = parse(f.text()?)?;
            Ok(((run.started_at, run.name.clone()), run))
        });
        Ok(runs.await?.into_iter().collect::<BTreeMap<_, _>>().into_values().collect())
    }

    pub(super) async fn write_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        check_size("a note", value.len())?;
        let values = Cells::new().text(&note_key(key)).bytes(value).i64(self.cluster.now()).i32(0);
        Ok(self.cluster.write_one(&self.statements.put_note, &values).await?)
    }

    pub(super) async fn read_note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let values = Cells::new().text(&note_key(key));
        let found = self.cluster.collect("read a note", &self.statements.note, &values, |f| {
            Ok(f.opt_bytes()?.map(<[u8]>::to_vec))
        });
        Ok(found.await?.pop().flatten())
    }
}

/// Cassandra has no empty keys.
fn note_key(key: &str) -> String {
    format!("/{key}")
}
