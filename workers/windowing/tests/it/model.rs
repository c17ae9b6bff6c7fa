//! A model that sorts and groups, written from the description alone: every window of every tick is enumerated, every
//! decision looks back over the whole list of accepted ticks. Slow and plain.

use std::{collections::BTreeMap, sync::Arc};

use indicators::{Bar, BarEngine, BarEngineSpec, IndicatorSet};
use market::{DecodeRules, FeatureRow, Ohlcv, Reason, Span, Symbol, Timestamp, decode_reference};
use windowing::{DedupBy, RawRow, Semantics, canonical_raw, canonical_row};

/// One record of a log under test.
#[derive(Clone)]
pub struct Entry {
    pub record_ms: i64,
    pub value: Vec<u8>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.record_ms, String::from_utf8_lossy(&self.value))
    }
}

struct Accepted {
    symbol: String,
    id: Option<String>,
    ts: i64,
    end: i64,
    prices: Ohlcv,
    offset: u64,
}

struct RowSpec {
    name: String,
    size: i64,
    slide: i64,
    bar: bool,
}

/// A tick in a window: (pane start, ts, offset, prices).
type Member = (i64, i64, u64, Ohlcv);

/// What a log gives: lines of raw and final rows in the order they appear, dead letters as (offset, reason, first).
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    pub lines: Vec<String>,
    pub dead: Vec<(u64, Reason, Option<u64>)>,
    pub late: BTreeMap<String, u64>,
}

const DAYS_30: i64 = 30 * 86_400 * 1_000_000;

pub fn answer(semantics: &Semantics, log: &[Entry]) -> Answer {
    let span = semantics.tick_span.map_or(0, Span::micros);
    let horizon = semantics.dedup_horizon().micros();
    let mut specs: Vec<RowSpec> = Vec::new();
    for w in &semantics.windows {
        let (size, slide) = (w.size.micros(), w.slide.micros());
        specs.push(RowSpec { name: w.name.clone(), size, slide, bar: false });
    }
    for b in &semantics.bars {
        specs.push(RowSpec { name: b.to_string(), size: b.micros(), slide: b.micros(), bar: true });
    }
    let longest = specs.iter().map(|s| s.size).max().unwrap_or(0);
    let set = IndicatorSet::parse(&semantics.indicators).unwrap();
    let mut engines: BTreeMap<(String, String), BarEngine> = BTreeMap::new();
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut alive: BTreeMap<String, i64> = BTreeMap::new();
    let mut open: BTreeMap<(String, usize, i64), Vec<Member>> = BTreeMap::new();
    let (mut w, mut t) = (None::<i64>, 0_i64);
    let mut out = Answer::default();
    for (offset, entry) in log.iter().enumerate() {
        let offset = offset as u64;
        let record_us = entry.record_ms.clamp(0, 4_102_444_800_000) * 1_000;
        t = (t + 1).max(record_us);
        let rules = DecodeRules { allow_ohlc_disorder: semantics.allow_ohlc_disorder };
        let tick = match decode_reference(&entry.value, rules) {
            Ok(tick) => tick,
            Err(reason) => {
                out.dead.push((offset, reason, None));
                continue;
            }
        };
        let ts = tick.ts.micros();
        if ts > record_us + semantics.max_future.micros() {
            out.dead.push((offset, Reason::TooFarAhead, None));
            continue;
        }
        // Copies: the newest entries by offset, of which those with ts >= max_ts - horizon count.
        let max_ts = accepted.iter().map(|a| a.end).max();
        let remembered = accepted.iter().rev().take(semantics.dedup_entries());
        let by_id = |a: &Accepted| tick.id.is_some() && a.id.as_deref() == tick.id.as_deref();
        let by_payload = |a: &Accepted| a.ts == ts && a.prices == tick.prices;
        let copy =
            remembered.filter(|a| a.symbol == tick.symbol && a.ts >= max_ts.unwrap() - horizon).find(|a| {
                match semantics.dedup.by {
                    DedupBy::None => false,
                    DedupBy::Payload => by_payload(a),
                    DedupBy::Id => by_id(a),
                    DedupBy::Auto if tick.id.is_some() => by_id(a),
                    DedupBy::Auto => a.id.is_none() && by_payload(a),
                }
            });
        if let Some(copy) = copy {
            out.dead.push((offset, Reason::Duplicate, Some(copy.offset)));
            continue;
        }
        if !alive.contains_key(tick.symbol.as_ref()) && alive.len() >= semantics.max_symbols as usize {
            out.dead.push((offset, Reason::TooManySymbols, None));
            continue;
        }
        let (end, at) = if semantics.tick_span.is_some() { (ts + span, ts + span - 1) } else { (ts, ts) };
        let mut late = false;
        for (s, spec) in specs.iter().enumerate() {
            let pane = at.div_euclid(spec.slide) * spec.slide;
            let mut missed = false;
            let mut start = pane;
            while start + spec.size > at {
                if w.is_none_or(|w| start + spec.size > w) {
                    let member = (pane, ts, offset, tick.prices);
                    open.entry((tick.symbol.to_string(), s, start)).or_default().push(member);
                } else {
                    missed = true;
                }
                start -= spec.slide;
            }
            if missed {
                late = true;
                *out.late.entry(spec.name.clone()).or_default() += 1;
            }
        }
        out.lines.push(canonical_raw(&RawRow {
            symbol: &tick.symbol,
            ts: tick.ts,
            prices: tick.prices,
            tick_id: tick.id.as_deref(),
            generation: 1,
            partition: 3,
            offset,
            record_ms: entry.record_ms,
            watermark: w.map(Timestamp::from_micros),
            late,
        }));
        let last = alive.entry(tick.symbol.to_string()).or_insert(i64::MIN);
        *last = (*last).max(end);
        accepted.push(Accepted {
            symbol: tick.symbol.to_string(),
            id: tick.id.as_deref().map(str::to_owned),
            ts,
            end,
            prices: tick.prices,
            offset,
        });
        let reached = accepted.iter().map(|a| a.end).max().unwrap() - semantics.watermark.micros();
        w = Some(w.map_or(reached, |w| w.max(reached)));
        let now = w.unwrap();
        let mut due: Vec<_> =
            open.keys().filter(|(_, s, start)| start + specs[*s].size <= now).cloned().collect();
        due.sort_by(|a, b| {
            let (x, y) = (&specs[a.1], &specs[b.1]);
            (a.2 + x.size, a.0.as_bytes())
                .cmp(&(b.2 + y.size, b.0.as_bytes()))
                .then(y.size.cmp(&x.size))
                .then(x.name.as_bytes().cmp(y.name.as_bytes()))
        });
        for (index, key) in due.into_iter().enumerate() {
            let members = open.remove(&key).unwrap();
            let (symbol, s, start) = key;
            let spec = &specs[s];
            let engine = spec.bar.then(|| {
                engines.entry((symbol.clone(), spec.name.clone())).or_insert_with(|| {
                    let bar = Span::from_micros(spec.size).unwrap();
                    BarEngine::new(Arc::new(BarEngineSpec::new(set.clone(), bar, semantics.calendar.clone())))
                })
            });
            let schema = spec.bar.then(|| {
                let bar = Span::from_micros(spec.size).unwrap();
                BarEngineSpec::new(set.clone(), bar, semantics.calendar.clone()).schema().hash()
            });
            let mut row = group(&symbol, spec, start, members, engine);
            row.schema_hash = schema.unwrap_or(0);
            (row.index, row.last_offset, row.write_ts) = (index as u32, offset, t);
            out.lines.push(canonical_row(&row));
        }
        let gone: Vec<String> = alive
            .iter()
            .filter(|(_, last)| **last <= now - DAYS_30.max(longest))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            alive.remove(&name);
            engines.retain(|(symbol, _), _| *symbol != name);
        }
    }
    out
}

fn group(
    symbol: &str,
    spec: &RowSpec,
    start: i64,
    members: Vec<Member>,
    engine: Option<&mut BarEngine>,
) -> FeatureRow {
    let n = members.len() as u64;
    let first = members.iter().min_by_key(|m| (m.1, m.2)).unwrap().3;
    let last = members.iter().max_by_key(|m| (m.1, m.2)).unwrap().3;
    let high = members.iter().map(|m| m.3.high).fold(f64::MIN, f64::max);
    let low = members.iter().map(|m| m.3.low).fold(f64::MAX, f64::min);
    // Floats: offset order inside a pane, panes oldest first.
    let mut panes: BTreeMap<i64, (f64, f64, f64)> = BTreeMap::new();
    for (pane, _, _, p) in &members {
        let sums = panes.entry(*pane).or_insert((0.0, 0.0, 0.0));
        sums.0 += p.close;
        sums.1 += p.volume;
        sums.2 += (p.high + p.low + p.close) / 3.0 * p.volume;
    }
    let (close, volume, turnover) =
        panes.values().fold((0.0, 0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
    let prices = Ohlcv { open: first.open, high, low, close: last.close, volume };
    let vwap = (volume > 0.0).then(|| turnover / volume);
    let (window_start, window_end) =
        (Timestamp::from_micros(start), Timestamp::from_micros(start + spec.size));
    let computed = engine
        .map(|e| e.push(&Bar { start: window_start, end: window_end, prices, n, vwap }))
        .unwrap_or_default();
    FeatureRow {
        symbol: Symbol::parse(symbol).unwrap(),
        name: spec.name.as_str().into(),
        window_start,
        window_end,
        sma: close / n as f64,
        n,
        prices,
        vwap,
        is_final: true,
        revision: 0,
        partial: false,
        generation: 1,
        part: 3,
        last_offset: 0,
        index: 0,
        write_ts: 0,
        indicators: computed.indicators,
        features: computed.features,
        schema_hash: 0,
    }
}
