//! The canonical dump: everything that is stored, one line a row, in an order that depends on nothing but the log.
//!
//! Raw rows and dead letters in (generation, partition, offset) order, final rows in closing order. Two runs over one
//! log, however batched, killed and restarted, give the same bytes.

use feature_store::{FeatureStore, RowQuery};
use lake::{Lake, history};
use windowing::{canonical_dead, canonical_raw, canonical_row};

use crate::Error;

/// A dump, by table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dump {
    /// Accepted ticks.
    pub raw: Vec<String>,
    /// Rejected records.
    pub dead: Vec<String>,
    /// Final windows and bars.
    pub rows: Vec<String>,
}

impl Dump {
    /// Every line in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.raw.iter().chain(&self.dead).chain(&self.rows).map(String::as_str)
    }
}

/// Reads lake and feature store.
pub async fn canonical(lake: &dyn Lake, root: &str, store: &dyn FeatureStore) -> Result<Dump, Error> {
    let raw = history::raw(lake, root).await?;
    let dead = history::dead(lake, root).await?;
    let query = RowQuery { finals_only: true, ..RowQuery::default() };
    let mut rows = store.rows(&query).await?;
    rows.sort_by_key(|r| (r.generation, r.part, r.last_offset, r.index));
    Ok(Dump {
        raw: raw.iter().map(|r| canonical_raw(&r.borrow())).collect(),
        dead: dead.iter().map(|r| canonical_dead(&r.borrow())).collect(),
        rows: rows.iter().map(canonical_row).collect(),
    })
}
