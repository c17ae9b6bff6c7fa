//! What a configuration comes down to: pane tracks, and rows in closing order.

use std::sync::Arc;

use indicators::{BarEngineSpec, IndicatorSet};
use market::RowName;

use crate::{InvalidSemantics, Semantics, WindowSpec, pane::Panes};

/// What a track's panes are for. Windows of one slide share a track; a bar has one of its own, so that the panes of a
/// day's bar are not five seconds long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackKind {
    Windows,
    Bar,
}

/// Panes of one length.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub kind: TrackKind,
    pub slide: i64,
    /// Longest window on it: a pane is of no use once start + longest <= W.
    pub longest: i64,
    /// Its windows, as indices into [`Plan::rows`].
    pub rows: Vec<usize>,
}

/// A window or bar.
#[derive(Debug, Clone)]
pub(crate) struct RowPlan {
    pub name: RowName,
    pub size: i64,
    pub slide: i64,
    pub track: usize,
    /// Index of the bar's engine; absent for windows.
    pub bar: Option<usize>,
}

impl RowPlan {
    /// Whether its rows go on under another plan.
    pub(crate) fn same(&self, other: &RowPlan) -> bool {
        self.name == other.name
            && self.size == other.size
            && self.slide == other.slide
            && self.bar.is_some() == other.bar.is_some()
    }

    /// The first end this row can have with a tick in the pane at `start`, after `w`; `None` when all have closed or
    /// none has started. `from` is the least start of this row.
    #[inline]
    pub(crate) fn first_end(&self, start: i64, from: i64, w: i64) -> Option<i64> {
        if start < from {
            return None;
        }
        let mut end = (start + self.slide).max(from.saturating_add(self.size));
        if end <= w {
            end = w - w.rem_euclid(self.slide) + self.slide;
        }
        (end <= start + self.size).then_some(end)
    }
}

/// A configuration, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub tracks: Vec<Track>,
    /// In closing order of equal ends: size descending, then name bytes.
    pub rows: Vec<RowPlan>,
    /// One a bar size, in the order of `Semantics::bars`.
    pub engines: Vec<Arc<BarEngineSpec>>,
    /// Longest window or bar.
    pub longest: i64,
    /// How far behind `max_ts` ticks are remembered for dedup, microseconds. Here because every tick asks for it.
    pub dedup_horizon: i64,
}

/// The window whose last value is kept for the replaced system's rows.
pub(crate) const LONG_SMA: &str = "sma_20";

impl Plan {
    pub(crate) fn new(semantics: &Semantics) -> Result<Self, InvalidSemantics> {
        semantics.validate()?;
        let set = IndicatorSet::parse(&semantics.indicators)?;
        let mut tracks: Vec<Track> = Vec::new();
        let mut rows = Vec::new();
        for WindowSpec { name, size, slide } in &semantics.windows {
            let (size, slide) = (size.micros(), slide.micros());
            let track = tracks.iter().position(|t| t.slide == slide).unwrap_or_else(|| {
                tracks.push(Track { kind: TrackKind::Windows, slide, longest: 0, rows: Vec::new() });
                tracks.len() - 1
            });
            rows.push(RowPlan { name: name.as_str().into(), size, slide, track, bar: None });
        }
        let mut engines = Vec::new();
        for bar in &semantics.bars {
            let slide = bar.micros();
            tracks.push(Track { kind: TrackKind::Bar, slide, longest: 0, rows: Vec::new() });
            let name = bar.to_string().into();
            rows.push(RowPlan {
                name,
                size: slide,
                slide,
                track: tracks.len() - 1,
                bar: Some(engines.len()),
            });
            engines.push(Arc::new(BarEngineSpec::new(set.clone(), *bar, semantics.calendar.clone())));
        }
        rows.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.as_bytes().cmp(b.name.as_bytes())));
        for (i, row) in rows.iter().enumerate() {
            tracks[row.track].rows.push(i);
            tracks[row.track].longest = tracks[row.track].longest.max(row.size);
        }
        let longest = rows.iter().map(|r| r.size).max().unwrap_or(0);
        Ok(Self { tracks, rows, engines, longest, dedup_horizon: semantics.dedup_horizon().micros() })
    }

    /// The next end after `w` of any row with a tick in these tracks; `i64::MAX` where nothing is open.
    pub(crate) fn next_close(&self, tracks: &[Panes], from: &[i64], w: i64) -> i64 {
        let mut next = i64::MAX;
        for (track, panes) in self.tracks.iter().zip(tracks) {
            for &r in &track.rows {
                let row = &self.rows[r];
                // Ends grow with the pane, so the first pane that still has one has the least.
                let end = panes.iter().find_map(|p| row.first_end(p.start, from[r], w));
                next = next.min(end.unwrap_or(i64::MAX));
            }
        }
        next
    }

    /// Every end in (after, to] that `row` has ticks for, ascending.
    pub(crate) fn ends(
        &self,
        r: usize,
        panes: &Panes,
        from: i64,
        after: i64,
        to: i64,
        mut each: impl FnMut(i64),
    ) {
        let row = &self.rows[r];
        let mut next = i64::MIN;
        for pane in panes {
            let Some(first) = row.first_end(pane.start, from, after) else { continue };
            let mut end = first.max(next);
            while end <= to.min(pane.start + row.size) {
                each(end);
                end += row.slide;
            }
            next = next.max(end);
        }
    }
}
