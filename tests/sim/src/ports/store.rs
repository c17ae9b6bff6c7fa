//! The feature store: one table, seen through one connection a worker.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use feature_store::{MemoryStore, RowSink, StoreError};
use market::FeatureRow;
use parking_lot::Mutex;

use super::Client;
use crate::{
    faults::Break,
    witness::{RowKey, Witness},
};

/// Upserts that can take so long are counted, in milliseconds.
const SLOW_MS: u64 = 1_000;
/// How long after its answer a late upsert takes effect, in milliseconds.
const LATE_MS: std::ops::Range<u64> = 20..20_000;

/// The rows: of two values of a row the greater T wins, unless it is broken on purpose. Clones share them.
#[derive(Clone, Default)]
pub struct Table {
    rows: Arc<Mutex<BTreeMap<RowKey, FeatureRow>>>,
}

impl Table {
    /// Rows take effect.
    fn take(&self, rows: &[FeatureRow], witness: &Witness, careless: bool) {
        let mut held = self.rows.lock();
        for row in rows {
            witness.wrote(row);
            let key = (row.name.clone(), row.symbol.clone(), row.window_start);
            if careless || held.get(&key).is_none_or(|old| old.write_ts <= row.write_ts) {
                held.insert(key, row.clone());
            }
        }
    }

    /// A store that holds these rows.
    pub async fn store(&self) -> Result<MemoryStore, StoreError> {
        let store = MemoryStore::new();
        let rows: Vec<FeatureRow> = self.rows.lock().values().cloned().collect();
        store.upsert_rows(&rows).await?;
        Ok(store)
    }
}

/// A worker's connection.
pub struct ClientStore {
    client: Client,
}

impl ClientStore {
    /// A connection that fails as the weather says.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn take(&self, rows: &[FeatureRow]) {
        let world = &self.client.world;
        if world.breaks(Break::ForgetfulStore) && self.client.dice.chance(100) {
            return;
        }
        world.table.take(rows, &world.witness, world.breaks(Break::CarelessStore));
    }

    fn fails(&self, kind: &'static str) -> Result<(), StoreError> {
        self.client.world.faults.count(kind);
        self.client.say(kind);
        Err(StoreError::Unavailable { file: "simulated".into(), why: kind.to_owned() })
    }
}

#[async_trait]
impl RowSink for ClientStore {
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError> {
        let client = &self.client;
        let ms = client.weather.store_ms;
        if ms >= SLOW_MS {
            client.world.faults.count("store: slow");
        }
        client.travel(0, ms / 2).await;
        if client.world.is_store_away() {
            client.travel(0, 1_000).await;
            return self.fails("store: away");
        }
        let result = match client.dice.below(4) {
            0 if client.strikes(2 * client.weather.store) => self.fails("store: before dispatch"),
            1 if client.strikes(2 * client.weather.store) => {
                self.take(rows);
                self.fails("store: after it took effect")
            }
            2 if client.strikes(2 * client.weather.store) => {
                // The batches of several partitions are independent: any of them may be missing.
                let part: Vec<FeatureRow> =
                    rows.iter().filter(|_| client.dice.chance(500)).cloned().collect();
                self.take(&part);
                self.fails("store: in parts")
            }
            3 if client.strikes(2 * client.weather.store) => {
                let (rows, world) = (rows.to_vec(), client.world.clone());
                let after: Duration = client.dice.millis(LATE_MS.start, LATE_MS.end);
                let careless = world.breaks(Break::CarelessStore);
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    world.trace.say("store", format_args!("{} late rows", rows.len()));
                    world.table.take(&rows, &world.witness, careless);
                });
                self.fails("store: late")
            }
            _ => {
                self.take(rows);
                Ok(())
            }
        };
        client.travel(0, ms / 2).await;
        client.say(format_args!(
            "upserts {} rows {}",
            rows.len(),
            if result.is_ok() { "ok" } else { "failed" }
        ));
        result
    }
}
