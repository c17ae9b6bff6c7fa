//! Rows of windows that are still open: when they are made, and where they go.
//!
//! Live: at most every half second, what changed goes to the features log. Idle: a second after the log's end was
//! reached, what changed since it was last stored goes to the feature store. At a drain every open window is stored
//! once. Nothing is sent while the log's end is out of sight: whoever is behind has nothing live to show.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use market::{FeatureRow, RowName, Symbol, Timestamp};
use windowing::{DeadLetter, Partition, RawRow, Sink};

use crate::limits::{IDLE_AFTER, LIVE_EVERY, PROVISIONAL_BYTES};

#[derive(Debug, Default)]
pub(crate) struct Provisional {
    /// When the log's end was last reached.
    end: Option<Duration>,
    /// When it was first reached since the last record.
    quiet: Option<Duration>,
    /// When a record was last applied that no live rows show yet.
    changed: Option<Duration>,
    last_live: Option<Duration>,
    /// Live rows that the store does not have: the newest value of each, up to a limit.
    unstored: BTreeMap<(Symbol, RowName, Timestamp), FeatureRow>,
    /// There were more: only the open windows themselves know all of them.
    more: bool,
}

#[derive(Default)]
struct Rows(Vec<FeatureRow>);

impl Sink for Rows {
    fn raw(&mut self, _: RawRow<'_>) {}
    fn dead(&mut self, _: DeadLetter<'_>) {}
    fn row(&mut self, row: FeatureRow) {
        self.0.push(row);
    }
}

impl Provisional {
    pub fn log_end(&mut self, now: Duration) {
        self.end = Some(now);
        self.quiet.get_or_insert(now);
    }

    pub fn changed(&mut self, now: Duration) {
        self.changed = Some(now);
        self.quiet = None;
    }

    /// A window closed: its final row is what readers get.
    pub fn closed(&mut self, row: &FeatureRow) {
        if !self.unstored.is_empty() {
            self.unstored.remove(&(row.symbol.clone(), row.name.clone(), row.window_start));
        }
    }

    /// The log's end was seen within the last idle time.
    fn in_sight(&self, now: Duration) -> bool {
        self.end.is_some_and(|end| now <= end + IDLE_AFTER)
    }

    fn live_due(&self) -> Option<Duration> {
        self.changed.map(|at| self.last_live.map_or(at, |last| at.max(last + LIVE_EVERY)))
    }

    fn idle_due(&self) -> Option<Duration> {
        match (self.end, self.changed) {
            (Some(end), None) if self.more || !self.unstored.is_empty() => {
                Some(self.quiet.unwrap_or(end) + IDLE_AFTER)
            }
            _ => None,
        }
    }

    /// When the next rows may be due.
    pub fn due(&self) -> Option<Duration> {
        let live = self.live_due().filter(|due| self.in_sight(*due));
        [live, self.idle_due()].into_iter().flatten().min()
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.unstored.len() * PROVISIONAL_BYTES
    }

    /// Changed rows for the features log, if they are due. At most `most` bytes of them are kept for the store.
    pub fn live(
        &mut self,
        now: Duration,
        partition: &mut Partition,
        most: usize,
    ) -> Option<Arc<[FeatureRow]>> {
        if !self.in_sight(now) {
            // Nothing is due until the end is seen again.
            self.end = None;
            return None;
        }
        if self.live_due().is_none_or(|due| now < due) {
            return None;
        }
        let mut rows = Rows::default();
        partition.provisional(true, &mut rows);
        self.changed = None;
        self.last_live = Some(now);
        if self.bytes() + rows.0.len() * PROVISIONAL_BYTES > most {
            (self.more, self.unstored) = (true, BTreeMap::new());
        }
        if !self.more {
            for row in &rows.0 {
                self.unstored.insert((row.symbol.clone(), row.name.clone(), row.window_start), row.clone());
            }
        }
        (!rows.0.is_empty()).then(|| rows.0.into())
    }

    /// Rows may not be sent for the moment.
    pub fn hold(&mut self) {
        self.end = None;
    }

    /// Rows for the feature store, if they are due.
    pub fn idle(&mut self, now: Duration, partition: &mut Partition) -> Option<Arc<[FeatureRow]>> {
        if self.idle_due().is_none_or(|due| now < due) {
            return None;
        }
        if self.more {
            return Some(self.all(partition));
        }
        Some(std::mem::take(&mut self.unstored).into_values().collect())
    }

    /// Every open window, for the feature store.
    pub fn all(&mut self, partition: &mut Partition) -> Arc<[FeatureRow]> {
        let mut rows = Rows::default();
        partition.provisional(false, &mut rows);
        (self.more, self.unstored) = (false, BTreeMap::new());
        rows.0.into()
    }
}
