//! Closing windows and bars, and showing the open ones.
//!
//! The order of rows is total: (end, symbol bytes, size descending, name bytes). It is worked out over all symbols
//! before the first row leaves, so it does not depend on how far one tick moved the watermark.

use indicators::{Bar, Computed};
use market::{FeatureRow, Timestamp};

use crate::{
    Partition, Sink,
    counters::count,
    pane::{self, Pane},
    partition::NEVER,
    plan::LONG_SMA,
};

/// A row to be made. The order of its fields is the closing order: rows of a plan are sorted by size and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    end: i64,
    rank: u32,
    row: u32,
    symbol: u32,
}

/// What a row needs besides its pane.
struct Place {
    is_final: bool,
    last_offset: u64,
    index: u32,
}

impl Partition {
    /// Closes everything that ends in (before, W]. `offset` is the record that moved W.
    #[cold]
    pub(crate) fn close<S: Sink + ?Sized>(&mut self, before: i64, offset: u64, sink: &mut S) {
        let w = self.watermark;
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        for i in 0..self.symbols.len() {
            if self.symbols.next_close[i] <= w {
                self.collect(i, before, w, |_| true, &mut due);
            }
        }
        due.sort_unstable();
        for (index, item) in due.iter().enumerate() {
            let place = Place { is_final: true, last_offset: offset, index: index as u32 };
            if let Some(row) = self.make_row(item, &place) {
                count(&mut self.counters.rows, &row.name);
                sink.row(row);
            }
        }
        self.due = due;
        let mut next = i64::MAX;
        for i in 0..self.symbols.len() {
            if self.symbols.next_close[i] <= w {
                self.prune(i);
            }
            next = next.min(self.symbols.next_close[i]);
        }
        self.next_close = next;
        self.gaps.prune(w, self.plan.longest);
    }

    /// The rows of one symbol that end in (after, to].
    fn collect(&mut self, i: usize, after: i64, to: i64, wanted: impl Fn(&Pane) -> bool, due: &mut Vec<Due>) {
        let rank = self.symbols.ranks()[i];
        let state = &self.symbols.states[i];
        for (r, row) in self.plan.rows.iter().enumerate() {
            let panes = &state.tracks[row.track];
            self.plan.ends(r, panes, self.from[r], after, to, |end| {
                let mut inside = panes.iter().filter(|p| p.start >= end - row.size && p.start < end);
                if inside.any(&wanted) {
                    due.push(Due { end, rank, row: r as u32, symbol: i as u32 });
                }
            });
        }
    }

    /// Drops the panes of a symbol that no open window needs.
    fn prune(&mut self, i: usize) {
        let state = &mut self.symbols.states[i];
        for (track, panes) in self.plan.tracks.iter().zip(&mut state.tracks) {
            while panes.front().is_some_and(|p| p.start + track.longest <= self.watermark) {
                panes.pop_front();
            }
        }
        state.touched = true;
        self.symbols.next_close[i] = self.plan.next_close(&state.tracks, &self.from, self.watermark);
    }

    fn make_row(&mut self, due: &Due, place: &Place) -> Option<FeatureRow> {
        let state = self.symbols.states.get_mut(due.symbol as usize)?;
        let row = self.plan.rows.get(due.row as usize)?;
        let (start, end) = (due.end - row.size, due.end);
        let pane = pane::merged(&state.tracks[row.track], start, end)?;
        let (window_start, window_end) = (Timestamp::from_micros(start), Timestamp::from_micros(end));
        let (prices, vwap, sma) = (pane.prices(), pane.vwap(), pane.mean());
        let (computed, schema_hash) = match row.bar {
            None => (Computed::default(), 0),
            Some(bar) => {
                let spec = &self.plan.engines[bar];
                let computed = if place.is_final {
                    let engine = state.engines[bar]
                        .get_or_insert_with(|| indicators::BarEngine::new(std::sync::Arc::clone(spec)));
                    engine.push(&Bar { start: window_start, end: window_end, prices, n: pane.n, vwap })
                } else {
                    // Indicators are of closed bars: an open bar must leave no trace in them.
                    Computed { indicators: vec![None; spec.set().columns().len()], features: None }
                };
                (computed, spec.schema().hash())
            }
        };
        if place.is_final && row.bar.is_none() && row.name.as_ref() == LONG_SMA {
            state.last_long = Some((end, sma));
        }
        Some(FeatureRow {
            symbol: state.symbol.clone(),
            name: row.name.clone(),
            window_start,
            window_end,
            sma,
            n: pane.n,
            prices,
            vwap,
            is_final: place.is_final,
            revision: self.revision,
            partial: self.gaps.touch(start, end),
            generation: self.generation,
            part: self.partition,
            last_offset: place.last_offset,
            index: place.index,
            write_ts: self.write_ts,
            indicators: computed.indicators,
            features: computed.features,
            schema_hash,
        })
    }

    /// Rows of every open window and bar as they stand, `final = false`, in closing order; with
    /// `only_touched_since_last`, of those that a tick has changed since the last call. Bars have no indicators yet, and
    /// `index` is 0. Changes nothing that a final row depends on.
    pub fn provisional<S: Sink + ?Sized>(&mut self, only_touched_since_last: bool, sink: &mut S) {
        if self.max_ts == NEVER {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        for i in 0..self.symbols.len() {
            if self.symbols.states[i].changed || !only_touched_since_last {
                self.collect(
                    i,
                    self.watermark,
                    i64::MAX,
                    |p| p.changed || !only_touched_since_last,
                    &mut due,
                );
            }
        }
        due.sort_unstable();
        let last_offset = self.next_offset.saturating_sub(1);
        for item in &due {
            let place = Place { is_final: false, last_offset, index: 0 };
            if let Some(row) = self.make_row(item, &place) {
                sink.row(row);
            }
        }
        self.due = due;
        for state in self.symbols.states.iter_mut().filter(|s| s.changed) {
            state.changed = false;
            state.tracks.iter_mut().flatten().for_each(|p| p.changed = false);
        }
    }
}
