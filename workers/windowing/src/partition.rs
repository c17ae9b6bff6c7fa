//! The state machine of one partition.

use std::{collections::BTreeSet, sync::Arc};

use market::{DecodeRules, Reason, Record, Span, Symbol, Tick, Timestamp, decode};
use sha2::{Digest, Sha256};

use crate::{
    Counters, DeadLetter, InvalidSemantics, RawRow, Semantics, Sink, SmaPairing,
    closing::Due,
    counters::count,
    dedup::{Copied, Dedup, Identity, symbol_hash},
    gaps::Gaps,
    limits,
    pane::{self, Sample},
    plan::{LONG_SMA, Plan},
    symbols::{SymbolState, Symbols, UNKNOWN},
};

/// Before the first accepted tick.
pub(crate) const NEVER: i64 = i64::MIN;

/// The whole state of one partition.
#[derive(Debug)]
pub struct Partition {
    pub(crate) semantics: Arc<Semantics>,
    pub(crate) plan: Plan,
    pub(crate) partition: u32,
    pub(crate) generation: u32,
    pub(crate) revision: u32,
    pub(crate) next_offset: u64,
    /// T, microseconds.
    pub(crate) write_ts: i64,
    /// Greatest record time, milliseconds.
    pub(crate) record_ms: i64,
    /// Greatest ts + tickSpan of accepted ticks, microseconds, or [`NEVER`].
    pub(crate) max_ts: i64,
    /// Greatest last instant of accepted ticks: windows that start later have missed nothing.
    pub(crate) max_at: i64,
    /// W, microseconds, or [`NEVER`]. Kept, not computed, because a longer watermark must not take it back.
    pub(crate) watermark: i64,
    /// Least start of each row of the plan: a window added later begins after what is already past.
    pub(crate) from: Vec<i64>,
    pub(crate) gaps: Gaps,
    pub(crate) symbols: Symbols,
    pub(crate) dedup: Dedup,
    pub(crate) counters: Counters,
    /// Symbols that left since the last delta.
    pub(crate) removed: BTreeSet<Symbol>,
    /// Symbols that came since somebody asked; no part of the state.
    pub(crate) newcomers: Vec<Symbol>,
    /// The next delta must say everything: the configuration changed.
    pub(crate) complete_next: bool,
    /// No end of any symbol is before this, microseconds. May be too early, never too late.
    pub(crate) next_close: i64,
    /// No symbol leaves while W is before this, microseconds. May be too early, never too late.
    pub(crate) next_leave: i64,
    /// Scratch of closing, kept for its capacity.
    pub(crate) due: Vec<Due>,
}

impl Partition {
    /// A partition before its first record.
    pub fn new(semantics: Arc<Semantics>, partition: u32, generation: u32) -> Result<Self, InvalidSemantics> {
        let plan = Plan::new(&semantics)?;
        Ok(Self {
            from: vec![NEVER; plan.rows.len()],
            dedup: Dedup::new(semantics.dedup_entries(), NEVER, 0),
            semantics,
            plan,
            partition,
            generation,
            revision: 0,
            next_offset: 0,
            write_ts: 0,
            record_ms: 0,
            max_ts: NEVER,
            max_at: NEVER,
            watermark: NEVER,
            gaps: Gaps::default(),
            symbols: Symbols::default(),
            counters: Counters::default(),
            removed: BTreeSet::new(),
            newcomers: Vec::new(),
            complete_next: false,
            next_close: i64::MAX,
            next_leave: i64::MAX,
            due: Vec::new(),
        })
    }

    /// Applies one record: its verdict, a raw row or dead letter, then the rows it closes in closing order. Records
    /// come in offset order; one that was applied already changes nothing.
    #[inline]
    pub fn apply<S: Sink + ?Sized>(&mut self, record: Record<'_>, sink: &mut S) {
        if !self.advance(&record) {
            return;
        }
        let rules = DecodeRules { allow_ohlc_disorder: self.semantics.allow_ohlc_disorder };
        match decode(record.value, rules) {
            Ok(tick) => self.judge(&record, tick, sink),
            Err(reason) => self.reject(&record, reason, None, sink),
        }
    }

    /// Passes a record over by hand, whatever it holds: dead letter `skipped`.
    pub fn skip<S: Sink + ?Sized>(&mut self, record: Record<'_>, sink: &mut S) {
        if self.advance(&record) {
            self.reject(&record, Reason::Skipped, None, sink);
        }
    }

    /// Position and T: what every record moves, rejects included.
    #[inline]
    pub(crate) fn advance(&mut self, record: &Record<'_>) -> bool {
        if record.offset < self.next_offset {
            return false;
        }
        let record_ms = record.record_ms.clamp(0, limits::RECORD_MS);
        self.next_offset = record.offset.saturating_add(1);
        self.write_ts = self.write_ts.saturating_add(1).max(record_ms * 1_000);
        self.record_ms = self.record_ms.max(record_ms);
        self.counters.read += 1;
        true
    }

    #[cold]
    fn reject<S: Sink + ?Sized>(
        &mut self,
        record: &Record<'_>,
        reason: Reason,
        copied: Option<Copied>,
        sink: &mut S,
    ) {
        *self.counters.dead.entry(reason).or_default() += 1;
        let kept = match copied {
            Some(Copied { identical: true, .. }) => 0,
            _ => record.value.len().min(market::limits::DEAD_LETTER_BYTES),
        };
        sink.dead(DeadLetter {
            generation: self.generation,
            partition: self.partition,
            offset: record.offset,
            record_ms: record.record_ms,
            reason,
            first_offset: copied.map(|c| c.first_offset),
            length: u32::try_from(record.value.len()).unwrap_or(u32::MAX),
            sha256: Sha256::digest(record.value).into(),
            bytes: &record.value[..kept],
        });
    }

    /// The verdicts that need the prefix: too_far_ahead, duplicate, too_many_symbols. Then the tick counts.
    #[inline]
    fn judge<S: Sink + ?Sized>(&mut self, record: &Record<'_>, tick: Tick<'_>, sink: &mut S) {
        let record_us = record.record_ms.clamp(0, limits::RECORD_MS) * 1_000;
        if tick.ts.micros() > record_us.saturating_add(self.semantics.max_future.micros()) {
            return self.reject(record, Reason::TooFarAhead, None, sink);
        }
        let hash = symbol_hash(&tick.symbol);
        let identity =
            Identity::new(self.semantics.dedup.by, hash, tick.ts, &tick.prices, tick.id.as_deref());
        let known = self.symbols.find(&tick.symbol, hash);
        if known.is_none() && self.symbols.len() >= self.semantics.max_symbols as usize {
            let copied = self.dedup.find(&identity);
            let reason = if copied.is_some() { Reason::Duplicate } else { Reason::TooManySymbols };
            return self.reject(record, reason, copied, sink);
        }
        let ts = tick.ts.micros();
        if identity.is_dated() && known.is_some_and(|index| ts > self.symbols.states[index].newest) {
            self.dedup.push(&identity, ts, record.offset);
        } else if let Some(copied) = self.dedup.insert(&identity, ts, record.offset) {
            return self.reject(record, Reason::Duplicate, Some(copied), sink);
        }
        let Some(index) = known.or_else(|| self.admit(&tick.symbol)) else {
            // The decoder lets valid symbols pass only.
            return self.reject(record, Reason::SymbolInvalid, None, sink);
        };
        if self.semantics.keyed && record.key.is_some_and(|k| k != tick.symbol.as_bytes()) {
            self.counters.key_mismatches += 1;
        }
        self.accept(record, &tick, index, sink);
    }

    pub(crate) fn admit(&mut self, name: &str) -> Option<usize> {
        let symbol = Symbol::parse(name).ok()?;
        self.removed.remove(&symbol);
        if self.newcomers.len() < limits::NEWCOMERS {
            self.newcomers.push(symbol.clone());
        }
        Some(self.symbols.insert(SymbolState::new(symbol, &self.plan), i64::MAX))
    }

    #[inline]
    pub(crate) fn accept<S: Sink + ?Sized>(
        &mut self,
        record: &Record<'_>,
        tick: &Tick<'_>,
        index: usize,
        sink: &mut S,
    ) {
        let ts = tick.ts.micros();
        let (end, at) = match self.semantics.tick_span {
            Some(span) => (ts + span.micros(), ts + span.micros() - 1),
            None => (ts, ts),
        };
        let late = self.count_in(index, &Sample::new(at, ts, record.offset, tick.prices));
        self.counters.stored += 1;
        self.counters.late_ticks += u64::from(late);
        sink.raw(RawRow {
            symbol: &tick.symbol,
            ts: tick.ts,
            prices: tick.prices,
            tick_id: tick.id.as_deref(),
            generation: self.generation,
            partition: self.partition,
            offset: record.offset,
            record_ms: record.record_ms,
            watermark: self.watermark(),
            late,
        });
        if self.gaps.is_open() {
            self.gaps.close(end, self.semantics.watermark.micros());
        }
        let state = &mut self.symbols.states[index];
        state.touched = true;
        state.changed = true;
        state.last_end = state.last_end.max(end);
        state.newest = match state.newest {
            // No tick was ever accepted that is newer than both.
            UNKNOWN => self.max_ts.max(ts),
            newest => newest.max(ts),
        };
        // A newcomer's first tick can be old: the least possible leave is its.
        self.next_leave = self.next_leave.min(end.saturating_add(self.idle()));
        if end > self.max_ts {
            self.max_ts = end;
            self.max_at = self.max_at.max(at);
            let w = end.saturating_sub(self.semantics.watermark.micros());
            if w > self.watermark {
                let before = std::mem::replace(&mut self.watermark, w);
                if w >= self.next_close {
                    self.close(before, record.offset, sink);
                }
            }
            self.dedup.advance(end.saturating_sub(self.plan.dedup_horizon));
        } else {
            self.dedup.advance(NEVER);
        }
        if self.watermark >= self.next_leave {
            self.leave();
        }
    }

    /// Adds a tick to every window and bar that still counts it, by W(o-1); true where one no longer does.
    #[inline]
    fn count_in(&mut self, index: usize, sample: &Sample) -> bool {
        let w = self.watermark;
        let tracks = &mut self.symbols.states[index].tracks;
        let mut rest = 0_u64;
        for (t, (track, panes)) in self.plan.tracks.iter().zip(tracks).enumerate() {
            // Nearly every tick belongs to the pane of the tick before, and that pane is open for all of its windows.
            match panes.back_mut() {
                Some(last) if last.holds(sample.at, track.slide) && last.start + track.slide > w => {
                    last.add(sample);
                }
                _ => rest |= 1 << t,
            }
        }
        rest != 0 && self.count_in_others(rest, index, sample)
    }

    /// The same for the tracks whose bit is set.
    fn count_in_others(&mut self, tracks: u64, index: usize, sample: &Sample) -> bool {
        let mut late = false;
        let w = self.watermark;
        for (t, track) in self.plan.tracks.iter().enumerate().filter(|(t, _)| tracks >> t & 1 != 0) {
            let panes = &mut self.symbols.states[index].tracks[t];
            let start = sample.at - sample.at.rem_euclid(track.slide);
            let mut counts = start + track.slide > w;
            if !counts {
                for &r in &track.rows {
                    let row = &self.plan.rows[r];
                    let first = (start + row.slide).max(self.from[r].saturating_add(row.size));
                    if start >= self.from[r] && first <= w {
                        late = true;
                        count(&mut self.counters.late, &row.name);
                    }
                }
                counts =
                    track.rows.iter().any(|&r| self.plan.rows[r].first_end(start, self.from[r], w).is_some());
            }
            if counts && pane::add(panes, start, sample).is_some() {
                let plan = &self.plan;
                let ends = track.rows.iter().filter_map(|&r| plan.rows[r].first_end(start, self.from[r], w));
                if let Some(next) = ends.min() {
                    let own = &mut self.symbols.next_close[index];
                    *own = next.min(*own);
                    self.next_close = self.next_close.min(next);
                }
            }
        }
        late
    }

    /// How long a symbol stays without ticks, microseconds: its windows have all closed by then.
    pub(crate) fn idle(&self) -> i64 {
        limits::IDLE_MICROS.max(self.plan.longest)
    }

    fn leave(&mut self) {
        let idle = self.idle();
        self.symbols.evict(self.watermark.saturating_sub(idle), &mut self.removed);
        self.next_leave = self.least_leave();
    }

    pub(crate) fn least_leave(&self) -> i64 {
        let least = self.symbols.states.iter().map(|s| s.last_end).min();
        least.map_or(i64::MAX, |end| end.saturating_add(self.idle()))
    }

    /// The first offset not applied.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// T of the prefix, microseconds.
    pub fn write_ts(&self) -> i64 {
        self.write_ts
    }

    /// Where the newest accepted tick ends. Absent before the first.
    pub fn max_ts(&self) -> Option<Timestamp> {
        (self.max_ts != NEVER).then(|| Timestamp::from_micros(self.max_ts))
    }

    /// W of the prefix: everything that ends at or before it is final. Absent before the first accepted tick.
    pub fn watermark(&self) -> Option<Timestamp> {
        (self.watermark != NEVER).then(|| Timestamp::from_micros(self.watermark))
    }

    /// Greatest record time, milliseconds: its UTC day is the arrival date.
    pub fn record_ms(&self) -> i64 {
        self.record_ms
    }

    /// The partition's number.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Generation of the source topic.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Config controls so far: what rows carry as `revision`.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The semantics in force.
    pub fn semantics(&self) -> &Arc<Semantics> {
        &self.semantics
    }

    /// Counts since the first record.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The symbols held, in no order.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.states.iter().map(|s| &s.symbol)
    }

    /// Symbols that came since the last call: up to a limit, where nobody asks.
    pub fn take_newcomers(&mut self) -> Vec<Symbol> {
        std::mem::take(&mut self.newcomers)
    }

    /// Symbols held.
    pub fn symbol_count(&self) -> usize {
        self.symbols.len()
    }

    /// Bytes of memory held, about: symbols, panes, indicators and the dedup set.
    pub fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.symbols.bytes() + self.dedup.bytes()
    }

    /// Pairs `sma_5` with `sma_20` from here on, as if it had seen every final row of the prefix.
    pub fn sma_pairing(&self) -> SmaPairing {
        let slide = self.plan.rows.iter().find(|r| r.name.as_ref() == LONG_SMA).map(|r| r.slide);
        let reach = slide.and_then(Span::from_micros).unwrap_or(Span::from_secs(15));
        let last = self.symbols.states.iter().filter_map(|s| {
            let (end, sma) = s.last_long?;
            Some((s.symbol.clone(), end, sma))
        });
        SmaPairing::resume(reach, last)
    }
}
