//! Computed rows against stored ones, symbol by symbol, and the repair of what differs.

use std::collections::{BTreeMap, BTreeSet};

use feature_store::{FeatureStore, RowQuery};
use futures::{StreamExt, stream};
use market::{FeatureRow, RowName, Symbol, Timestamp};
use runtime::{RetryPolicy, Shutdown, retry};

use super::{DifferenceKind, ReplayOptions, ReplayReport, RowKey, Write, is_asked};
use crate::{OperationsError, limits};

/// Compares the rows of one partition as they are computed.
pub(super) struct Comparison<'a> {
    store: &'a dyn FeatureStore,
    options: &'a ReplayOptions,
    waiting: BTreeSet<RowKey>,
    /// Where the rows of each symbol and name have been compared to: behind it, nothing may stand in between.
    seen: BTreeMap<(Symbol, RowName), Timestamp>,
    never: Shutdown,
}

/// The smallest step between two window starts.
const TICK: i64 = 1;

impl<'a> Comparison<'a> {
    pub fn new(store: &'a dyn FeatureStore, options: &'a ReplayOptions, waiting: BTreeSet<RowKey>) -> Self {
        Self { store, options, waiting, seen: BTreeMap::new(), never: Shutdown::new() }
    }

    /// Compares rows in closing order; how many were asked for.
    pub async fn rows(
        &mut self,
        rows: Vec<FeatureRow>,
        report: &mut ReplayReport,
    ) -> Result<u64, OperationsError> {
        let mut groups: BTreeMap<(Symbol, RowName), Vec<FeatureRow>> = BTreeMap::new();
        let mut asked = 0;
        for row in rows.into_iter().filter(|row| is_asked(row, self.options)) {
            asked += 1;
            groups.entry((row.symbol.clone(), row.name.clone())).or_default().push(row);
        }
        let mut wrong = Vec::new();
        let seen = &self.seen;
        let (store, never) = (self.store, &self.never);
        let queries = groups.into_iter().filter_map(|(key, mut rows)| {
            rows.sort_by_key(|row| row.window_start);
            let (first, last) = (rows.first()?.window_start, rows.last()?.window_start);
            let after = seen.get(&key).map(|seen| Timestamp::from_micros(seen.micros() + TICK));
            let query = RowQuery {
                symbol: Some(key.0.clone()),
                name: Some(key.1.to_string()),
                from: Some(after.unwrap_or(first).min(first)),
                to: Some(Timestamp::from_micros(last.micros() + TICK)),
                ..RowQuery::default()
            };
            Some((key, rows, last, query))
        });
        let mut answers = stream::iter(queries)
            .map(|(key, rows, last, query)| async move {
                let stored = retry(RetryPolicy::times(limits::ATTEMPTS), never, "read rows", || async {
                    store.rows(&query).await.map_err(OperationsError::from)
                })
                .await;
                (key, rows, last, stored)
            })
            .buffer_unordered(limits::QUERIES_IN_FLIGHT);
        let mut seen = Vec::new();
        while let Some((key, rows, last, stored)) = answers.next().await {
            let stored = stored?.into_iter().map(|row| (row.window_start, row)).collect();
            self.group(rows, stored, report, &mut wrong);
            seen.push((key, last));
        }
        drop(answers);
        self.seen.extend(seen);
        self.repair(wrong, report).await?;
        Ok(asked)
    }

    fn group(
        &self,
        computed: Vec<FeatureRow>,
        mut stored: BTreeMap<Timestamp, FeatureRow>,
        report: &mut ReplayReport,
        wrong: &mut Vec<(FeatureRow, i64)>,
    ) {
        for row in computed {
            let found = stored.remove(&row.window_start);
            let floor = found.as_ref().map_or(i64::MIN, |f| f.write_ts);
            match found {
                Some(found) if is_equal(&row, &found) && found.write_ts >= row.write_ts => {
                    if found.write_ts == row.write_ts {
                        report.equal += 1;
                    } else {
                        report.rewritten += 1;
                    }
                    continue;
                }
                Some(found) if found.is_final && found.part != row.part && found.write_ts > row.write_ts => {
                    report.overridden += 1;
                    continue;
                }
                _ if self.waiting.contains(&(row.symbol.clone(), row.name.clone(), row.window_start)) => {
                    report.waiting += 1;
                    continue;
                }
                None if self.is_expired(&row) => {
                    report.expired += 1;
                    continue;
                }
                Some(found) if found.is_final => {
                    report.differs(DifferenceKind::Different, &row, Some(&found));
                }
                found => report.differs(DifferenceKind::Missing, &row, found.as_ref()),
            }
            wrong.push((row, floor));
        }
        for row in stored.values().filter(|row| row.is_final) {
            report.differs(DifferenceKind::Unexpected, row, None);
        }
    }

    /// True where the store's time to live is over. Stores drop whole days, so a day more or less proves nothing.
    fn is_expired(&self, row: &FeatureRow) -> bool {
        let Some(kept) = self.options.kept_for else { return false };
        let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        row.write_ts < self.options.now_ms.saturating_mul(1_000).saturating_sub(kept)
    }

    async fn repair(
        &self,
        wrong: Vec<(FeatureRow, i64)>,
        report: &mut ReplayReport,
    ) -> Result<(), OperationsError> {
        if self.options.write == Write::Nothing {
            return Ok(());
        }
        // The end of this millisecond: a delete by hand that was made in it is covered too.
        let now = self.options.now_ms.saturating_add(1).saturating_mul(1_000);
        let rows: Vec<FeatureRow> = wrong
            .into_iter()
            .map(|(row, floor)| match self.options.write {
                Write::AsMade if floor < row.write_ts => row,
                _ => FeatureRow { write_ts: now.max(floor.saturating_add(1)).max(row.write_ts), ..row },
            })
            .collect();
        for rows in rows.chunks(limits::UPSERT_ROWS) {
            retry(RetryPolicy::times(limits::ATTEMPTS), &self.never, "write rows", || async {
                self.store.upsert_rows(rows).await.map_err(OperationsError::from)
            })
            .await?;
            report.repaired += rows.len() as u64;
        }
        Ok(())
    }
}

/// True where every column but T is equal. Indicators of another manifest's columns are not compared: a store with one
/// column an indicator has those of today's manifest only.
fn is_equal(computed: &FeatureRow, stored: &FeatureRow) -> bool {
    let mut stored = FeatureRow { write_ts: computed.write_ts, ..stored.clone() };
    if stored.indicators.len() != computed.indicators.len() {
        stored.indicators.clone_from(&computed.indicators);
    }
    stored == *computed
}
