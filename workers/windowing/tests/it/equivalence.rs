//! The partition against the model, and against itself under restarts at random points.

use std::collections::BTreeMap;

use market::{Reason, Record};
use proptest::{collection::vec, prelude::*, sample::Index};
use windowing::{DedupRow, Partition, Semantics};

use crate::{
    collect::{Kept, partition},
    logs::{cases, log, semantics},
    model::{Entry, answer},
};

fn record(log: &[Entry], offset: usize) -> Record<'_> {
    Record { offset: offset as u64, record_ms: log[offset].record_ms, key: None, value: &log[offset].value }
}

fn run(semantics: &Semantics, log: &[Entry]) -> (Partition, Kept) {
    let (mut p, mut kept) = (partition(semantics), Kept::default());
    for i in 0..log.len() {
        p.apply(record(log, i), &mut kept);
    }
    (p, kept)
}

fn rebuild(p: &mut Partition, kept: &Kept) {
    p.rebuild_dedup(kept.raw.iter().map(|r| DedupRow {
        symbol: &r.symbol,
        ts: r.ts,
        prices: r.prices,
        tick_id: r.tick_id.as_deref(),
        generation: r.generation,
        offset: r.offset,
    }));
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// A commit with the full state.
    Full,
    /// A commit with what changed.
    Delta,
    /// The process dies: back to the last commit.
    Crash,
    /// Open rows are shown.
    Show,
    /// Another epoch.
    Fence,
}

fn events() -> impl Strategy<Value = Vec<(Index, Event)>> {
    let event = prop_oneof![
        1 => Just(Event::Full),
        3 => Just(Event::Delta),
        2 => Just(Event::Crash),
        2 => Just(Event::Show),
        1 => Just(Event::Fence),
    ];
    vec((any::<Index>(), event), 0..14)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_model_agrees(semantics in semantics(), log in log()) {
        let (p, kept) = run(&semantics, &log);
        let model = answer(&semantics, &log);
        let dead: Vec<(u64, Reason, Option<u64>)> =
            kept.dead.iter().map(|d| (d.offset, d.reason, d.first_offset)).collect();
        prop_assert_eq!(&dead, &model.dead);
        let lines: Vec<&String> = kept.dump.iter().filter(|l| !l.starts_with("dead")).collect();
        for (i, (got, want)) in lines.iter().zip(&model.lines).enumerate() {
            prop_assert_eq!(*got, want, "line {}", i);
        }
        prop_assert_eq!(lines.len(), model.lines.len());
        let counters = p.counters();
        prop_assert_eq!(&counters.late, &model.late);
        prop_assert_eq!(counters.read, log.len() as u64);
        prop_assert_eq!(counters.read, counters.stored + counters.duplicates() + counters.rejected());
        prop_assert_eq!(counters.stored, kept.raw.len() as u64);
        let mut rows: BTreeMap<String, u64> = BTreeMap::new();
        for row in &kept.rows {
            *rows.entry(row.name.to_string()).or_default() += 1;
        }
        prop_assert_eq!(&counters.rows, &rows);
    }

    #[test]
    fn restarts_leave_no_trace(semantics in semantics(), log in log(), events in events()) {
        let (undisturbed, expected) = run(&semantics, &log);
        let mut plan: Vec<(usize, Event)> =
            events.into_iter().map(|(i, e)| (i.index(log.len() + 1), e)).collect();
        plan.sort_by_key(|(at, _)| *at);
        let mut p = partition(&semantics);
        let (mut full, mut deltas) = (p.encode_full(), Vec::new());
        let (mut kept, mut committed) = (Kept::default(), Kept::default());
        let mut at = 0;
        let mut plan = plan.into_iter().peekable();
        loop {
            while let Some((_, event)) = plan.next_if(|(i, _)| *i <= at) {
                match event {
                    Event::Full => {
                        full = p.encode_full();
                        deltas.clear();
                        committed = kept.clone();
                    }
                    Event::Delta => {
                        deltas.push(p.encode_delta());
                        committed = kept.clone();
                    }
                    Event::Crash => {
                        p = Partition::decode_stored(&full, &deltas).unwrap();
                        kept = committed.clone();
                        rebuild(&mut p, &kept);
                        at = p.next_offset() as usize;
                    }
                    Event::Show => p.provisional(at % 2 == 0, &mut Kept::default()),
                    Event::Fence => p.control(windowing::Control::Fence).unwrap(),
                }
            }
            if at == log.len() {
                break;
            }
            p.apply(record(&log, at), &mut kept);
            at += 1;
        }
        for (i, (got, want)) in kept.dump.iter().zip(&expected.dump).enumerate() {
            prop_assert_eq!(got, want, "line {}", i);
        }
        prop_assert_eq!(kept.dump.len(), expected.dump.len());
        prop_assert_eq!(p.counters(), undisturbed.counters());
        prop_assert!(p.encode_full() == undisturbed.encode_full(), "equal prefixes give equal bytes");
    }

    #[test]
    fn applied_records_change_nothing(semantics in semantics(), log in log(), from in any::<Index>()) {
        let (mut p, mut kept) = run(&semantics, &log);
        let (state, n) = (p.encode_full(), kept.dump.len());
        for i in from.index(log.len() + 1)..log.len() {
            p.apply(record(&log, i), &mut kept);
        }
        prop_assert_eq!(kept.dump.len(), n);
        prop_assert!(p.encode_full() == state);
    }
}
