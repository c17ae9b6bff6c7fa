//! Recorded gaps: which rows may miss ticks.
//!
//! Nobody knows the event time of a lost record. It can be anything that still counted when the gap began (later than W
//! there), up to where the stream stood when it went on: the first tick after the gap, and the disorder that the
//! watermark allows for. Rows that touch this range are partial.

use crate::limits;

/// Event time that a gap may have taken, microseconds: (from, until).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub from: i64,
    /// Absent until a tick is accepted after the gap.
    pub until: Option<i64>,
}

/// The gaps that open rows can still touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gaps(pub Vec<Gap>);

impl Gaps {
    /// A gap begins at watermark `w`.
    pub(crate) fn open(&mut self, w: i64) {
        if self.is_open() {
            // Nothing was accepted in between: the first one reaches on.
            return;
        }
        if self.0.len() >= limits::GAPS {
            // The two oldest become one that also covers what lies between them.
            let oldest = self.0.remove(0);
            if let Some(next) = self.0.first_mut() {
                next.from = oldest.from;
            }
        }
        self.0.push(Gap { from: w, until: None });
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.0.last().is_some_and(|g| g.until.is_none())
    }

    /// The stream goes on with a tick that ends at `end`.
    pub(crate) fn close(&mut self, end: i64, watermark: i64) {
        if let Some(last) = self.0.last_mut().filter(|g| g.until.is_none()) {
            last.until = Some(end.saturating_add(watermark).max(last.from));
        }
    }

    /// True where a row over [start, end) may miss ticks.
    pub(crate) fn touch(&self, start: i64, end: i64) -> bool {
        self.0.iter().any(|g| end > g.from && g.until.is_none_or(|until| start < until))
    }

    /// Forgets gaps that no row still to close can touch.
    pub(crate) fn prune(&mut self, w: i64, longest: i64) {
        self.0.retain(|g| g.until.is_none_or(|until| until.saturating_add(longest) > w));
    }
}
