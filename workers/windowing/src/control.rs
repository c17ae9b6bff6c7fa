//! What happens to a partition besides records.

use std::sync::Arc;

use crate::{
    InvalidSemantics, Partition, Semantics,
    pane::Panes,
    partition::NEVER,
    plan::{LONG_SMA, Plan},
};

/// An event of the commit log that state depends on, or is known not to.
#[derive(Debug, Clone)]
pub enum Control {
    /// Another epoch took over. Changes nothing, T included: restarts leave no trace in what is computed.
    Fence,
    /// The records before `to` are lost: rows that may miss some of them are marked partial.
    Gap {
        /// The next offset really delivered.
        to: u64,
        /// T is at least this afterwards, microseconds: rows that somebody made with the lost records, and never
        /// committed, must not share a T with those that are made without them.
        t_floor: i64,
    },
    /// The topic was made anew and accepted. Offsets start over, so older copies are no longer recognised; what was
    /// lost in between is unknown, so open rows are partial.
    Generation {
        /// Its number.
        generation: u32,
        /// The first offset of the new topic.
        next_offset: u64,
        /// T is at least this afterwards, microseconds.
        t_floor: i64,
    },
    /// Other semantics from here on. Rows with the same name, size and slide go on; a new window or bar starts at the
    /// first aligned start after everything seen, so it is never partial. Where the indicators or the calendar changed,
    /// indicators start cold.
    Config {
        /// The new ones.
        semantics: Arc<Semantics>,
        /// T is at least this afterwards, microseconds.
        t_floor: i64,
    },
}

impl Partition {
    /// Applies a control. An error leaves the partition as it was.
    pub fn control(&mut self, control: Control) -> Result<(), InvalidSemantics> {
        match control {
            Control::Fence => {}
            Control::Gap { to, t_floor } => {
                self.raise_t(t_floor);
                self.gaps.open(self.watermark);
                self.next_offset = self.next_offset.max(to);
            }
            Control::Generation { generation, next_offset, t_floor } => {
                self.raise_t(t_floor);
                self.gaps.open(self.watermark);
                self.generation = generation;
                self.next_offset = next_offset;
                self.dedup.clear(next_offset);
            }
            Control::Config { semantics, t_floor } => {
                self.reconfigure(semantics)?;
                self.raise_t(t_floor);
            }
        }
        Ok(())
    }

    fn raise_t(&mut self, floor: i64) {
        self.write_ts = self.write_ts.saturating_add(1).max(floor);
    }

    fn reconfigure(&mut self, semantics: Arc<Semantics>) -> Result<(), InvalidSemantics> {
        let plan = Plan::new(&semantics)?;
        let after = if self.max_at == NEVER { NEVER } else { self.max_at.saturating_add(1) };
        let aligned = |slide: i64| match after.rem_euclid(slide) {
            _ if after == NEVER => NEVER,
            0 => after,
            rest => after.saturating_add(slide - rest),
        };
        let old_of = |row: &crate::plan::RowPlan| self.plan.rows.iter().position(|old| old.same(row));
        let from: Vec<i64> = plan
            .rows
            .iter()
            .map(|row| old_of(row).map_or(aligned(row.slide), |old| self.from[old]))
            .collect();
        let keeps_long = plan.rows.iter().any(|row| row.name.as_ref() == LONG_SMA && old_of(row).is_some());
        let old_track = |new: &crate::plan::Track| {
            self.plan.tracks.iter().position(|old| old.kind == new.kind && old.slide == new.slide)
        };
        let tracks: Vec<Option<usize>> = plan.tracks.iter().map(old_track).collect();
        let engines: Vec<Option<usize>> = plan
            .engines
            .iter()
            .zip(&semantics.bars)
            .map(|(spec, bar)| {
                let old = self.semantics.bars.iter().position(|b| b == bar)?;
                (self.plan.engines[old] == *spec).then_some(old)
            })
            .collect();
        for state in &mut self.symbols.states {
            let mut take = |old: &Option<usize>| match old {
                Some(i) => std::mem::take(&mut state.tracks[*i]),
                None => Panes::new(),
            };
            state.tracks = tracks.iter().map(&mut take).collect();
            state.engines = engines.iter().map(|old| state.engines[(*old)?].take()).collect();
            state.last_long = state.last_long.filter(|_| keeps_long);
            state.touched = true;
            state.changed = true;
        }
        if self.semantics.dedup.by == semantics.dedup.by {
            self.dedup.resize(semantics.dedup_entries());
        } else {
            // What was a copy under the old rule need not be one under the new.
            self.dedup =
                crate::dedup::Dedup::new(semantics.dedup_entries(), self.dedup.floor, self.next_offset);
        }
        self.semantics = semantics;
        self.plan = plan;
        self.from = from;
        self.revision = self.revision.saturating_add(1);
        self.complete_next = true;
        self.refresh_bounds();
        Ok(())
    }

    /// Works out the bounds that spare the hot path its scans.
    pub(crate) fn refresh_bounds(&mut self) {
        let w = self.watermark;
        for (state, next) in self.symbols.states.iter().zip(&mut self.symbols.next_close) {
            *next = self.plan.next_close(&state.tracks, &self.from, w);
        }
        self.next_close = self.symbols.next_close.iter().copied().min().unwrap_or(i64::MAX);
        self.next_leave = self.least_leave();
    }
}
