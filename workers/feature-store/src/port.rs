//! The border: what a feature store promises, whichever one it is.

use async_trait::async_trait;
use market::{AliasEvent, AliasKey, FeatureRow, Outcome, PredictionRow, RunRow, Symbol, Timestamp};

use crate::{StoreError, limits};

/// Which rows to read. The default is all of them, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowQuery {
    /// Only this symbol.
    pub symbol: Option<Symbol>,
    /// Only this window or bar size.
    pub name: Option<String>,
    /// `window_start` at or after.
    pub from: Option<Timestamp>,
    /// `window_start` before.
    pub to: Option<Timestamp>,
    /// Without provisional rows.
    pub finals_only: bool,
    /// At most so many, counted from the end that `newest_first` names.
    pub limit: Option<usize>,
    /// Descending order.
    pub newest_first: bool,
}

impl RowQuery {
    /// True when the row's key and state are asked for (the limit aside).
    pub fn matches(&self, row: &FeatureRow) -> bool {
        self.symbol.as_ref().is_none_or(|s| *s == row.symbol)
            && self.name.as_deref().is_none_or(|n| n == &*row.name)
            && self.from.is_none_or(|t| row.window_start >= t)
            && self.to.is_none_or(|t| row.window_start < t)
            && (row.is_final || !self.finals_only)
    }

    /// Puts rows in the order of the answer and cuts them at the limit.
    pub(crate) fn arrange(&self, rows: &mut Vec<FeatureRow>) {
        rows.sort_by(|a, b| (a.window_start, &a.symbol, &a.name).cmp(&(b.window_start, &b.symbol, &b.name)));
        if self.newest_first {
            rows.reverse();
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
    }
}

/// Which predictions to read. The default is all of them, oldest target first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PredictionQuery {
    /// Only this symbol.
    pub symbol: Option<Symbol>,
    /// Only this bar size.
    pub bar: Option<String>,
    /// Only this horizon.
    pub horizon: Option<u32>,
    /// Only this version (0 = the baseline).
    pub version: Option<u64>,
    /// `target_ts` at or after.
    pub from: Option<Timestamp>,
    /// `target_ts` before.
    pub to: Option<Timestamp>,
    /// Only those without an outcome. They are the newest of their series, because targets mature in order: a store may
    /// stop looking where none has been pending for days.
    pub pending_only: bool,
    /// At most so many, counted from the end that `newest_first` names.
    pub limit: Option<usize>,
    /// Descending order.
    pub newest_first: bool,
}

impl PredictionQuery {
    /// True when the row is asked for (the limit aside).
    pub fn matches(&self, row: &PredictionRow) -> bool {
        self.symbol.as_ref().is_none_or(|s| *s == row.symbol)
            && self.bar.as_deref().is_none_or(|b| b == &*row.bar)
            && self.horizon.is_none_or(|h| h == row.horizon)
            && self.version.is_none_or(|v| v == row.version)
            && self.from.is_none_or(|t| row.target_ts >= t)
            && self.to.is_none_or(|t| row.target_ts < t)
            && (!self.pending_only || row.outcome == Outcome::Pending)
    }

    /// Puts rows in the order of the answer and cuts them at the limit.
    pub(crate) fn arrange(&self, rows: &mut Vec<PredictionRow>) {
        rows.sort_by(|a, b| {
            (a.target_ts, &a.symbol, &a.bar, a.horizon, a.version).cmp(&(
                b.target_ts,
                &b.symbol,
                &b.bar,
                b.horizon,
                b.version,
            ))
        });
        if self.newest_first {
            rows.reverse();
        }
        rows.truncate(self.limit.unwrap_or(usize::MAX));
    }
}

/// Takes rows: the half of [`FeatureStore`] that whoever computes features needs.
#[async_trait]
pub trait RowSink: Send + Sync + 'static {
    /// Writes rows. Of two values of (symbol, name, window_start) the greater `write_ts` wins, whatever the order of
    /// arrival. Two different values never have one `write_ts`; if they do, an embedded store keeps the later call's, a
    /// store of many nodes any of their cells.
    async fn upsert_rows(&self, rows: &[FeatureRow]) -> Result<(), StoreError>;
}

/// Rows for readers.
///
/// Guarantees of every implementation:
/// - a call that returned `Ok` is durable, and every later read sees it;
/// - a row is whole: never a mix of two values of it;
/// - a call that returned `Unavailable` may or may not have happened, or in part: every write here may be repeated
///   safely.
///
/// An embedded store promises more: a call is whole or absent after any crash, and a read sees one moment of the
/// store, never half of a call. A store of many nodes cannot: rows of one call become visible one by one, and a call
/// that failed may be there in part until it is repeated. Nothing above this port relies on it: whoever writes repeats
/// a call until it succeeded, and whoever reads takes rows for themselves.
#[async_trait]
pub trait FeatureStore: RowSink {
    /// Reads rows, ordered by (window_start, symbol, name).
    async fn rows(&self, query: &RowQuery) -> Result<Vec<FeatureRow>, StoreError>;

    /// All symbols that have, or had, a row, in byte order.
    async fn symbols(&self) -> Result<Vec<Symbol>, StoreError>;

    /// Writes predictions. Of two with one (symbol, bar, horizon, target_ts, version) the least `made_at` wins; an
    /// outcome that is there stays, whichever wins. Two different ones never have one `made_at`.
    async fn put_predictions(&self, rows: &[PredictionRow]) -> Result<(), StoreError>;

    /// Sets the outcome of predictions that are there; unknown ones are passed over.
    async fn put_outcomes(&self, rows: &[PredictionRow]) -> Result<(), StoreError>;

    /// Reads predictions, ordered by (target_ts, symbol, bar, horizon, version).
    async fn predictions(&self, query: &PredictionQuery) -> Result<Vec<PredictionRow>, StoreError>;

    /// The whole history, in order of `seq`.
    async fn alias_history(&self, key: &AliasKey) -> Result<Vec<AliasEvent>, StoreError>;

    /// All histories of a pipeline that have an event.
    async fn alias_keys(&self, pipeline: &str) -> Result<Vec<AliasKey>, StoreError>;

    /// Appends to a history by compare-and-set: `false`, and nothing written, unless `event.seq` is the next one.
    async fn append_alias(&self, key: &AliasKey, event: &AliasEvent) -> Result<bool, StoreError>;

    /// Writes a run, over the one of the same (pipeline, name).
    async fn put_run(&self, run: &RunRow) -> Result<(), StoreError>;

    /// All runs of a pipeline, by (started_at, name).
    async fn runs(&self, pipeline: &str) -> Result<Vec<RunRow>, StoreError>;

    /// Sets a small named value.
    async fn put_note(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;

    /// The small named value.
    async fn note(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes what arrived on a UTC day that ended at or before the instant: feature rows by `write_ts`, predictions
    /// by `made_at`. Whole days only, so a row lives up to a day longer than its time. Returns how many went. A store
    /// whose rows carry their end with them (Cassandra's time to live) has nothing to do and returns 0.
    async fn expire(
        &self,
        features_before: Option<Timestamp>,
        predictions_before: Option<Timestamp>,
    ) -> Result<u64, StoreError>;

    /// Finishes: what is acknowledged is on disk, and the file is made small. Calls after it fail.
    async fn close(&self) -> Result<(), StoreError>;
}

/// What is kept when `new` meets `old` under one key.
pub(crate) fn merge_prediction(old: &PredictionRow, new: &PredictionRow) -> PredictionRow {
    let outcome = if old.outcome == Outcome::Pending { new.outcome } else { old.outcome };
    let first = if new.made_at < old.made_at { new } else { old };
    PredictionRow { outcome, ..first.clone() }
}

pub(crate) fn invalid(what: impl Into<String>, why: impl ToString) -> StoreError {
    StoreError::Invalid { what: what.into(), why: why.to_string() }
}

/// Checks a name that is part of a key.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > limits::NAME_BYTES || name.chars().any(char::is_control) {
        let why = format!("a name has 1..={} bytes and no control characters", limits::NAME_BYTES);
        return Err(invalid(format!("{what} {:?}", name.chars().take(80).collect::<String>()), why));
    }
    Ok(())
}

pub(crate) fn check_row(row: &FeatureRow) -> Result<(), StoreError> {
    check_name("a row's name", &row.name)?;
    let longest = row.indicators.len().max(row.features.as_ref().map_or(0, Vec::len));
    if longest > limits::VECTOR_LEN {
        let what = format!("row {} of {}", row.name, row.symbol);
        return Err(invalid(what, format!("{longest} values; the limit is {}", limits::VECTOR_LEN)));
    }
    Ok(())
}

pub(crate) fn check_prediction(row: &PredictionRow) -> Result<(), StoreError> {
    check_name("a prediction's bar", &row.bar)
}
