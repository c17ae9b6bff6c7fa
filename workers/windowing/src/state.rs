//! The stored form of a partition: what a commit keeps, full or as the delta of touched symbols.
//!
//! Little-endian; floats as their bits; texts and lists behind a u32 count. The commit log adds the checksum.
//!
//! | part | content |
//! |---|---|
//! | head | `SPWS`, u16 version, u8 complete (1: all symbols follow; 0: only the touched ones) |
//! | semantics | their JSON: a state is readable without the manifest that made it |
//! | prefix | partition, generation, revision (u32); next offset (u64); T, record ms, max_ts, last instant, W (i64) |
//! | dedup | floor (i64), first offset (u64): the set itself comes back from raw rows |
//! | rows | least start of each row, in closing order of the semantics (i64) |
//! | gaps | from (i64), u8 ended, until (i64) |
//! | counters | read, stored, late ticks, key mismatches (u64); dead by reason name, late and rows by name (u64 each) |
//! | removed | names of symbols that left since the last delta |
//! | symbols | in name order: name, last end (i64), last sma_20 (u8, end i64, mean f64), panes of each track, engine of each bar (u8, bytes) |
//!
//! Equal prefixes give equal bytes. Hostile bytes give an error, never a panic, and allocate no more than their length.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use indicators::BarEngine;
use market::{Reason, Symbol};

use crate::{
    CorruptState, Counters, Partition, Semantics,
    bytes::{Reader, Writer},
    dedup::Dedup,
    gaps::{Gap, Gaps},
    limits,
    pane::{Pane, Panes},
    partition::NEVER,
    plan::Plan,
    symbols::SymbolState,
};

/// Version of the format.
pub(crate) const VERSION: u16 = 1;
const MAGIC: &[u8] = b"SPWS";
/// Event times beyond this cannot come from a tick, and arithmetic on those below never overflows.
const FAR: i64 = 1 << 60;
/// Bytes of one stored pane.
const PANE_BYTES: usize = 13 * 8;

impl Partition {
    /// The whole state but the dedup set.
    pub fn encode_full(&self) -> Vec<u8> {
        self.encode(true)
    }

    /// What changed since the last delta: the symbols touched, and the whole head. After a configuration change it
    /// says everything.
    pub fn encode_delta(&mut self) -> Vec<u8> {
        let complete = std::mem::take(&mut self.complete_next);
        let bytes = self.encode(complete);
        self.removed.clear();
        self.symbols.states.iter_mut().for_each(|s| s.touched = false);
        bytes
    }

    fn encode(&self, complete: bool) -> Vec<u8> {
        let mut out = Writer::default();
        out.0.extend_from_slice(MAGIC);
        out.u16(VERSION);
        out.u8(complete.into());
        out.bytes(self.semantics.to_json().as_bytes());
        out.u32(self.partition);
        out.u32(self.generation);
        out.u32(self.revision);
        out.u64(self.next_offset);
        for value in [self.write_ts, self.record_ms, self.max_ts, self.max_at, self.watermark] {
            out.i64(value);
        }
        out.i64(self.dedup.floor);
        out.u64(self.dedup.from());
        out.count(self.from.len());
        self.from.iter().for_each(|from| out.i64(*from));
        out.count(self.gaps.0.len());
        for gap in &self.gaps.0 {
            out.i64(gap.from);
            out.u8(gap.until.is_some().into());
            out.i64(gap.until.unwrap_or(0));
        }
        encode_counters(&mut out, &self.counters);
        let removed = if complete { &BTreeSet::new() } else { &self.removed };
        out.count(removed.len());
        removed.iter().for_each(|symbol| out.bytes(symbol.as_str().as_bytes()));
        let order = self.symbols.by_name();
        let told: Vec<&SymbolState> =
            order.iter().map(|i| &self.symbols.states[*i]).filter(|s| complete || s.touched).collect();
        out.count(told.len());
        told.into_iter().for_each(|state| encode_symbol(&mut out, state));
        out.0
    }

    /// Restores a state that has exactly these semantics: a full state, then its deltas in order. The dedup set is
    /// empty until [`Partition::rebuild_dedup`].
    pub fn decode(semantics: Arc<Semantics>, full: &[u8], deltas: &[Vec<u8>]) -> Result<Self, CorruptState> {
        let mut partition = Self::decode_stored(full, deltas)?;
        let (stored, asked) = (partition.semantics.hash(), semantics.hash());
        if stored != asked {
            return Err(CorruptState::OtherSemantics { stored, asked });
        }
        partition.semantics = semantics;
        Ok(partition)
    }

    /// Restores with the semantics kept in the state. Where [`Partition::semantics`] then hash differently from today's,
    /// a `Config` control is due.
    pub fn decode_stored(full: &[u8], deltas: &[Vec<u8>]) -> Result<Self, CorruptState> {
        let mut symbols = BTreeMap::new();
        let mut partition = decode_part(full, true, None, &mut symbols)?;
        for delta in deltas {
            partition = decode_part(delta, false, Some(&partition), &mut symbols)?;
        }
        for (_, state) in symbols {
            partition.symbols.insert(state, i64::MAX);
        }
        partition.refresh_bounds();
        Ok(partition)
    }
}

fn encode_counters(out: &mut Writer, counters: &Counters) {
    let Counters { read, stored, late_ticks, key_mismatches, dead, late, rows } = counters;
    for value in [read, stored, late_ticks, key_mismatches] {
        out.u64(*value);
    }
    out.count(dead.len());
    for (reason, n) in dead {
        out.bytes(reason.as_str().as_bytes());
        out.u64(*n);
    }
    for map in [late, rows] {
        out.count(map.len());
        for (name, n) in map {
            out.bytes(name.as_bytes());
            out.u64(*n);
        }
    }
}

fn decode_counters(input: &mut Reader<'_>) -> Result<Counters, CorruptState> {
    let mut counters = Counters {
        read: counted(input)?,
        stored: counted(input)?,
        late_ticks: counted(input)?,
        key_mismatches: counted(input)?,
        ..Counters::default()
    };
    for _ in 0..input.count(12)? {
        let reason = Reason::from_name(input.text()?).ok_or(CorruptState::Damaged("a reason is unknown"))?;
        counters.dead.insert(reason, counted(input)?);
    }
    for map in [&mut counters.late, &mut counters.rows] {
        for _ in 0..input.count(12)? {
            let name = input.text()?.to_owned();
            map.insert(name, counted(input)?);
        }
    }
    Ok(counters)
}

/// A count, below what could overflow.
fn counted(input: &mut Reader<'_>) -> Result<u64, CorruptState> {
    let n = input.u64()?;
    if n > limits::STORED_COUNT { Err(CorruptState::Damaged("a count is out of range")) } else { Ok(n) }
}

fn encode_symbol(out: &mut Writer, state: &SymbolState) {
    out.bytes(state.symbol.as_str().as_bytes());
    out.i64(state.last_end);
    let (end, mean) = state.last_long.unwrap_or_default();
    out.u8(state.last_long.is_some().into());
    out.i64(end);
    out.f64(mean);
    for panes in &state.tracks {
        out.count(panes.len());
        for p in panes {
            out.i64(p.start);
            out.u64(p.n);
            out.i64(p.open_at.0);
            out.u64(p.open_at.1);
            out.i64(p.close_at.0);
            out.u64(p.close_at.1);
            for value in [p.sum, p.open, p.high, p.low, p.close, p.volume, p.turnover] {
                out.f64(value);
            }
        }
    }
    let mut engine_bytes = Vec::new();
    for engine in &state.engines {
        engine_bytes.clear();
        out.u8(engine.is_some().into());
        if let Some(engine) = engine {
            engine.encode(&mut engine_bytes);
        }
        out.bytes(&engine_bytes);
    }
}

/// An instant of event time, or [`NEVER`].
fn instant(input: &mut Reader<'_>) -> Result<i64, CorruptState> {
    let at = input.i64()?;
    if at == NEVER || (-FAR..=FAR).contains(&at) {
        Ok(at)
    } else {
        Err(CorruptState::Damaged("an instant is out of range"))
    }
}

/// Reads one part; `before` is what it is a delta of.
fn decode_part(
    bytes: &[u8],
    must_be_complete: bool,
    before: Option<&Partition>,
    symbols: &mut BTreeMap<Symbol, SymbolState>,
) -> Result<Partition, CorruptState> {
    let input = &mut Reader(bytes);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(CorruptState::Damaged("it does not begin as a state does"));
    }
    let version = input.u16()?;
    if version != VERSION {
        return Err(CorruptState::Version(version));
    }
    let complete = input.bool()?;
    if must_be_complete && !complete {
        return Err(CorruptState::Damaged("a delta stands where a full state is needed"));
    }
    let semantics: Semantics = serde_json::from_slice(input.bytes()?)
        .map_err(|_| CorruptState::Damaged("its semantics are not readable"))?;
    if !complete && before.is_none_or(|b| *b.semantics != semantics) {
        return Err(CorruptState::Damaged("a delta belongs to another state"));
    }
    let (partition, generation) = (input.u32()?, input.u32()?);
    if before.is_some_and(|b| b.partition != partition) {
        return Err(CorruptState::Damaged("a delta belongs to another partition"));
    }
    let mut p = Partition::new(Arc::new(semantics), partition, generation)?;
    p.revision = input.u32()?;
    p.next_offset = input.u64()?;
    p.write_ts = input.i64()?;
    p.record_ms = input.i64()?;
    if !(0..=limits::RECORD_MS).contains(&p.record_ms) || p.write_ts < 0 {
        return Err(CorruptState::Damaged("a record time is out of range"));
    }
    p.max_ts = instant(input)?;
    p.max_at = instant(input)?;
    p.watermark = instant(input)?;
    if p.watermark > p.max_ts {
        return Err(CorruptState::Damaged("its watermark is ahead of its ticks"));
    }
    let floor = input.i64()?;
    p.dedup = Dedup::new(p.semantics.dedup_entries(), floor, input.u64()?);
    if input.count(8)? != p.from.len() {
        return Err(CorruptState::Damaged("it has other rows than its semantics"));
    }
    for from in &mut p.from {
        *from = instant(input)?;
    }
    let gaps = input.count(17)?;
    if gaps > limits::GAPS {
        return Err(CorruptState::Damaged("it has more gaps than are kept"));
    }
    p.gaps = Gaps(Vec::with_capacity(gaps));
    for i in 0..gaps {
        let (from, ended, until) = (instant(input)?, input.bool()?, instant(input)?);
        if !ended && i + 1 < gaps {
            return Err(CorruptState::Damaged("a gap that has not ended is not the last"));
        }
        p.gaps.0.push(Gap { from, until: ended.then_some(until) });
    }
    p.counters = decode_counters(input)?;
    if complete {
        symbols.clear();
    }
    for _ in 0..input.count(5)? {
        symbols.remove(input.text()?);
    }
    let mut last: Option<Symbol> = None;
    for _ in 0..input.count(5)? {
        let state = decode_symbol(input, &p.plan)?;
        if last.is_some_and(|l| l >= state.symbol) {
            return Err(CorruptState::Damaged("its symbols are not in order"));
        }
        last = Some(state.symbol.clone());
        symbols.insert(state.symbol.clone(), state);
    }
    if !input.0.is_empty() {
        return Err(CorruptState::Damaged("something follows its end"));
    }
    Ok(p)
}

fn decode_symbol(input: &mut Reader<'_>, plan: &Plan) -> Result<SymbolState, CorruptState> {
    let symbol = Symbol::parse(input.text()?).map_err(|_| CorruptState::Damaged("a symbol is none"))?;
    let mut state = SymbolState::new(symbol, plan);
    state.touched = false;
    state.last_end = instant(input)?;
    let (known, end, mean) = (input.bool()?, instant(input)?, input.f64()?);
    state.last_long = known.then_some((end, mean));
    for (track, panes) in plan.tracks.iter().zip(&mut state.tracks) {
        *panes = decode_panes(input, track.slide)?;
    }
    for (spec, engine) in plan.engines.iter().zip(&mut state.engines) {
        let known = input.bool()?;
        let mut bytes = input.bytes()?;
        if known {
            *engine = Some(BarEngine::decode(Arc::clone(spec), &mut bytes)?);
        }
        if !bytes.is_empty() {
            return Err(CorruptState::Damaged("an indicator state is too long"));
        }
    }
    Ok(state)
}

fn decode_panes(input: &mut Reader<'_>, slide: i64) -> Result<Panes, CorruptState> {
    let n = input.count(PANE_BYTES)?;
    let mut panes = Panes::with_capacity(n);
    for _ in 0..n {
        let start = input.i64()?;
        let n = counted(input)?;
        let (open_at, close_at) = ((input.i64()?, input.u64()?), (input.i64()?, input.u64()?));
        let mut values = [0.0; 7];
        for value in &mut values {
            *value = input.f64()?;
        }
        let [sum, open, high, low, close, volume, turnover] = values;
        let follows = panes.back().is_none_or(|p: &Pane| p.start < start);
        if !(-FAR..=FAR).contains(&start) || start.rem_euclid(slide) != 0 || n == 0 || !follows {
            return Err(CorruptState::Damaged("a pane is impossible"));
        }
        panes.push_back(Pane {
            start,
            n,
            sum,
            open,
            open_at,
            high,
            low,
            close,
            close_at,
            volume,
            turnover,
            changed: true,
        });
    }
    Ok(panes)
}
