//! Panes: what ticks of one slide add up to, and how panes add up to a window.
//!
//! Sums run in offset order inside a pane, and panes are merged oldest first, so a float never depends on batching.

use std::collections::VecDeque;

use market::Ohlcv;

/// One accepted tick as panes see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Its last instant: decides the windows it belongs to. Microseconds.
    pub at: i64,
    /// Its event time, which orders first and last.
    pub ts: i64,
    /// Its offset, which breaks ties.
    pub offset: u64,
    /// Prices and volume.
    pub prices: Ohlcv,
    /// Typical price times volume.
    turnover: f64,
}

impl Sample {
    #[inline]
    pub(crate) fn new(at: i64, ts: i64, offset: u64, prices: Ohlcv) -> Self {
        let Ohlcv { high, low, close, volume, .. } = prices;
        Self { at, ts, offset, prices, turnover: (high + low + close) / 3.0 * volume }
    }
}

/// Ticks whose last instant is in [start, start + slide), or a merge of such panes. Never empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pane {
    /// Start, inclusive, microseconds.
    pub start: i64,
    /// Ticks.
    pub n: u64,
    /// Sum of closes.
    pub sum: f64,
    /// Price of the first tick.
    pub open: f64,
    /// (ts, offset) of the first tick.
    pub open_at: (i64, u64),
    /// Greatest high.
    pub high: f64,
    /// Least low.
    pub low: f64,
    /// Price of the last tick.
    pub close: f64,
    /// (ts, offset) of the last tick.
    pub close_at: (i64, u64),
    /// Sum of volumes.
    pub volume: f64,
    /// Sum of typical price times volume.
    pub turnover: f64,
    /// Changed since the last provisional rows. No part of the state: a restored pane counts as changed.
    pub changed: bool,
}

impl Pane {
    fn new(start: i64, s: &Sample) -> Self {
        let Ohlcv { open, high, low, close, volume } = s.prices;
        let first = (s.ts, s.offset);
        Self {
            start,
            n: 1,
            sum: close,
            open,
            open_at: first,
            high,
            low,
            close,
            close_at: first,
            volume,
            turnover: s.turnover,
            changed: true,
        }
    }

    /// True where a pane of that length takes a tick of that instant.
    #[inline]
    pub(crate) fn holds(&self, at: i64, slide: i64) -> bool {
        at >= self.start && at - self.start < slide
    }

    #[inline]
    pub(crate) fn add(&mut self, s: &Sample) {
        let Ohlcv { open, high, low, close, volume } = s.prices;
        self.n += 1;
        self.sum += close;
        // Offsets grow, so a tie in ts goes to the newcomer at the end and to the old one at the start.
        if s.ts < self.open_at.0 {
            (self.open, self.open_at) = (open, (s.ts, s.offset));
        }
        if s.ts >= self.close_at.0 {
            (self.close, self.close_at) = (close, (s.ts, s.offset));
        }
        self.high = self.high.max(high);
        self.low = self.low.min(low);
        self.volume += volume;
        self.turnover += s.turnover;
        self.changed = true;
    }

    /// Adds a pane of later start.
    pub(crate) fn merge(&mut self, later: &Pane) {
        self.n += later.n;
        self.sum += later.sum;
        // Panes follow the last instant, not ts: where tickSpan was changed between them the orders can differ.
        if later.open_at < self.open_at {
            (self.open, self.open_at) = (later.open, later.open_at);
        }
        if later.close_at > self.close_at {
            (self.close, self.close_at) = (later.close, later.close_at);
        }
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.volume += later.volume;
        self.turnover += later.turnover;
    }

    /// Mean close. Prices near the end of f64 may overflow their sum: the greatest float stands in, never infinity.
    pub(crate) fn mean(&self) -> f64 {
        (self.sum / self.n as f64).min(f64::MAX)
    }

    /// Prices as a row has them.
    pub(crate) fn prices(&self) -> Ohlcv {
        Ohlcv { open: self.open, high: self.high, low: self.low, close: self.close, volume: self.volume }
    }

    /// Volume-weighted typical price; absent without volume, and where it would not be finite.
    pub(crate) fn vwap(&self) -> Option<f64> {
        Some(self.turnover / self.volume).filter(|v| self.volume > 0.0 && v.is_finite())
    }
}

/// The open panes of one slide, oldest first.
pub(crate) type Panes = VecDeque<Pane>;

/// Adds a tick to the pane it belongs to; the start of the pane where it is new.
#[inline]
pub(crate) fn add(panes: &mut Panes, start: i64, sample: &Sample) -> Option<i64> {
    if let Some(last) = panes.back_mut()
        && last.start == start
    {
        last.add(sample);
        return None;
    }
    add_elsewhere(panes, start, sample)
}

fn add_elsewhere(panes: &mut Panes, start: i64, sample: &Sample) -> Option<i64> {
    let at = panes.partition_point(|p| p.start < start);
    match panes.get_mut(at) {
        Some(pane) if pane.start == start => {
            pane.add(sample);
            None
        }
        _ => {
            panes.insert(at, Pane::new(start, sample));
            Some(start)
        }
    }
}

/// Panes with a start in [from, to) as one, oldest first.
pub(crate) fn merged(panes: &Panes, from: i64, to: i64) -> Option<Pane> {
    let first = panes.partition_point(|p| p.start < from);
    let mut inside = panes.range(first..).take_while(|p| p.start < to);
    let mut whole = *inside.next()?;
    for pane in inside {
        whole.merge(pane);
    }
    Some(whole)
}
