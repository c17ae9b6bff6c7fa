//! A range of instants, and how a limited query over many series narrows it.

use std::sync::atomic::{AtomicI64, Ordering};

use market::Timestamp;

use super::rows::day;
use crate::limits;

/// What is asked of one series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub from: Timestamp,
    pub to: Timestamp,
    pub newest_first: bool,
    pub limit: usize,
}

impl Slice {
    pub fn new(
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        newest_first: bool,
        limit: Option<usize>,
    ) -> Self {
        Self {
            from: from.unwrap_or(Timestamp::MIN),
            to: to.unwrap_or(Timestamp::MAX),
            newest_first,
            limit: limit.unwrap_or(usize::MAX),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.limit == 0 || self.from >= self.to
    }

    pub fn days(&self) -> (i32, i32) {
        (day(self.from), day(self.to))
    }

    /// The range in milliseconds, half-open; an end within a millisecond is rounded up.
    pub fn millis(&self) -> (i64, i64) {
        let up = |at: Timestamp| at.micros().div_euclid(1_000) + i64::from(at.micros().rem_euclid(1_000) > 0);
        (up(self.from), up(self.to))
    }

    pub fn page_rows(&self) -> i32 {
        i32::try_from(self.limit.saturating_add(8).min(limits::CASSANDRA_PAGE_ROWS)).unwrap_or(i32::MAX)
    }
}

/// The end of what a limited query over many series can still take: once enough rows are there, a series need not
/// give what the worst of them beats.
pub(super) struct Bound {
    newest_first: bool,
    at: AtomicI64,
}

impl Bound {
    pub fn new(newest_first: bool) -> Self {
        Self { newest_first, at: AtomicI64::new(if newest_first { i64::MIN } else { i64::MAX }) }
    }

    pub fn tighten(&self, worst: Timestamp) {
        if self.newest_first {
            self.at.fetch_max(worst.micros(), Ordering::Relaxed);
        } else {
            self.at.fetch_min(worst.micros(), Ordering::Relaxed);
        }
    }

    pub fn narrow(&self, mut slice: Slice) -> Slice {
        let at = self.at.load(Ordering::Relaxed);
        if self.newest_first {
            slice.from = slice.from.max(Timestamp::from_micros(at));
        } else {
            slice.to = slice.to.min(Timestamp::from_micros(at.saturating_add(1)));
        }
        slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_milliseconds_holds_what_it_held() {
        let at = Timestamp::from_micros;
        let slice = |from, to| Slice::new(Some(at(from)), Some(at(to)), false, None);
        assert_eq!(slice(0, 5_000).millis(), (0, 5));
        assert_eq!(slice(1, 5_001).millis(), (1, 6), "rows have whole milliseconds");
        assert_eq!(slice(-1, 0).millis(), (0, 0));
        assert!(slice(5, 5).is_empty() && !slice(4, 5).is_empty());
        let all = Slice::new(None, None, true, None);
        assert!(all.millis().0 < -9_000_000_000_000_000 && all.days().0 < -100_000_000 && !all.is_empty());
    }

    #[test]
    fn a_full_query_asks_for_what_can_still_win() {
        let at = Timestamp::from_micros;
        let all = |newest_first| Slice::new(None, None, newest_first, Some(1));
        let bound = Bound::new(true);
        assert_eq!(bound.narrow(all(true)).from, Timestamp::MIN);
        bound.tighten(at(10));
        bound.tighten(at(5));
        assert_eq!(bound.narrow(all(true)).from, at(10), "equal ones are still looked at");
        let bound = Bound::new(false);
        bound.tighten(at(10));
        assert_eq!(bound.narrow(all(false)).to, at(11));
    }
}
