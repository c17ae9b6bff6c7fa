//! The role: order, pace, resumption, crashes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use market::{Span, Symbol, Timestamp};
use producer::{
    Components, Model, ProduceError, ProduceSettings, ProduceSummary, Progress, SymbolSpec, produce,
};
use proptest::prelude::*;
use runtime::Shutdown;
use tick_log::{Log, MemoryLog, Topic};

use crate::{Hand, Seen, ticks, topic};

const START: &str = "2026-03-01T12:00:00.250Z";

fn settings(count: Option<u64>) -> ProduceSettings {
    let symbol = |name: &str, model| SymbolSpec::new(Symbol::parse(name).unwrap(), model);
    ProduceSettings {
        bar: Span::from_secs(5),
        tick_span: None,
        ticks_per_second: 4,
        symbols: vec![
            symbol("AAPL", Model::Gbm),
            symbol("AMZN", Model::Ar1),
            symbol("GOOGL", Model::Signal),
            SymbolSpec { switch_before: Some(Span::from_secs(300)), ..symbol("MSFT", Model::Regime) },
        ],
        seed: 42,
        backfill: Some(Span::from_secs(600)),
        count,
    }
}

fn components(log: &MemoryLog, topic: &Arc<dyn Topic>, hand: &Hand) -> Components {
    Components {
        log: Arc::new(log.clone()),
        topic: topic.clone(),
        clock: hand.clock(),
        progress: Arc::new(|_| {}),
    }
}

async fn run(
    settings: ProduceSettings,
    log: &MemoryLog,
    topic: &Arc<dyn Topic>,
    hand: &Hand,
) -> Result<ProduceSummary, ProduceError> {
    produce::run(settings, components(log, topic, hand), Shutdown::new()).await
}

async fn all(topic: &Arc<dyn Topic>) -> BTreeMap<String, Vec<Seen>> {
    let mut by_symbol: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    for p in 0..topic.partitions() {
        for tick in ticks(topic, p).await {
            by_symbol.entry(tick.symbol.clone()).or_default().push(tick);
        }
    }
    by_symbol
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs until the present is reached, then drains.
async fn catch_up(log: &MemoryLog, topic: &Arc<dyn Topic>, hand: &Hand) -> ProduceSummary {
    let shutdown = Shutdown::new();
    let drain = shutdown.clone();
    let progress = move |p: Progress| {
        if p.live {
            drain.drain();
        }
    };
    let components = Components { progress: Arc::new(progress), ..components(log, topic, hand) };
    produce::run(settings(None), components, shutdown).await.unwrap()
}

#[tokio::test]
async fn a_backfill_ends_at_the_clock_in_order_and_without_gap() {
    let (log, hand) = (MemoryLog::new(), Hand::at(START));
    let topic = topic(&log, 1).await;
    let summary = catch_up(&log, &topic, &hand).await;
    let made = ticks(&topic, 0).await;
    assert_eq!(summary.ticks, made.len() as u64);
    assert!(!summary.resumed);
    let first = Timestamp::parse("2026-03-01T11:50:00Z").unwrap();
    for (i, tick) in made.iter().enumerate() {
        assert_eq!(tick.ts.micros(), first.micros() + i as i64 * 250_000);
        assert!(tick.ts <= hand.now(), "a tick passed the clock");
    }
    assert_eq!(made.last().unwrap().ts, hand.now());
}

#[tokio::test]
async fn the_first_start_settles_instants_for_good() {
    let (log, hand) = (MemoryLog::new(), Hand::at(START));
    let topic = topic(&log, 1).await;
    catch_up(&log, &topic, &hand).await;
    hand.advance(Duration::from_secs(3_600));
    let start = produce::settle_start(&settings(None), &log, "ticks", &hand.clock()).await.unwrap();
    assert_eq!(start.started, Timestamp::parse(START).unwrap());
    assert_eq!(start.switches["MSFT"], start.started - Span::from_secs(300));
    let truths = settings(None).truths_since(Some(&start), &[1, 5]);
    assert_eq!(truths[3].1.switches_at, Some(start.switches["MSFT"]));
    assert!((truths[3].1.ceilings[&1] - 0.09).abs() < 1e-12);
    assert_eq!(truths[0].1.ceilings[&1], 0.0);
}

#[tokio::test]
async fn refuses_what_cannot_be() {
    let (log, hand) = (MemoryLog::new(), Hand::at(START));
    let topic = topic(&log, 1).await;
    let spoilt: [fn(&mut ProduceSettings); 5] = [
        |s| s.symbols.clear(),
        |s| s.ticks_per_second = 0,
        |s| s.symbols[1].phi = 1.0,
        |s| s.symbols[1].volatility = f64::NAN,
        |s| s.symbols[1].symbol = s.symbols[0].symbol.clone(),
    ];
    for spoil in spoilt {
        let mut settings = settings(Some(1));
        spoil(&mut settings);
        let error = run(settings, &log, &topic, &hand).await.unwrap_err();
        assert_eq!(error.kind(), market::ErrorKind::BadInput, "{error}");
    }
    log.put_note("producer/ticks/0", vec![9, 9]).await.unwrap();
    let error = run(settings(Some(1)), &log, &topic, &hand).await.unwrap_err();
    assert_eq!(error.kind(), market::ErrorKind::Corrupt, "{error}");
}

#[tokio::test]
async fn at_one_second_a_second_ticks_follow_the_clock() {
    let (log, hand) = (MemoryLog::new(), Hand::at(START));
    let topic = topic(&log, 2).await;
    catch_up(&log, &topic, &hand).await;
    let before = all(&topic).await.values().map(Vec::len).sum::<usize>();
    // The clock moves 200 ms whenever it is asked, as slowly as ticks are due.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let moving = hand.clone();
    let clock: tick_log::Clock = Arc::new(move || {
        moving.advance(Duration::from_millis(200));
        moving.now().micros() / 1_000
    });
    let components = Components {
        clock,
        progress: Arc::new(move |p| sink.lock().unwrap().push(p)),
        ..components(&log, &topic, &hand)
    };
    let summary = produce::run(settings(Some(12)), components, Shutdown::new()).await.unwrap();
    assert_eq!(summary.ticks, 12);
    assert!(summary.resumed);
    let after = all(&topic).await;
    assert_eq!(after.values().map(Vec::len).sum::<usize>(), before + 12);
    for list in after.values() {
        assert!(list.windows(2).all(|w| w[1].ts.micros() - w[0].ts.micros() == 1_000_000));
    }
    assert!(seen.lock().unwrap().len() >= 6, "ticks came in one lump");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Ended anywhere (mid-bar, between partitions, by count), a producer that starts again makes what one that never
    /// stopped makes: no gap, no copy, equal prices.
    #[test]
    fn resumed_equals_uninterrupted(counts in proptest::collection::vec(1_u64..700, 1..6), partitions in 1_u32..4) {
        runtime().block_on(async {
            let hand = Hand::at(START);
            let (whole, cut) = (MemoryLog::new(), MemoryLog::new());
            let (whole_topic, cut_topic) = (topic(&whole, partitions).await, topic(&cut, partitions).await);
            catch_up(&whole, &whole_topic, &hand).await;
            for count in counts {
                let left = 2402 - all(&cut_topic).await.values().map(Vec::len).sum::<usize>() as u64;
                if left > 0 {
                    run(settings(Some(count.min(left))), &cut, &cut_topic, &hand).await.unwrap();
                }
            }
            catch_up_rest(&cut, &cut_topic, &hand).await;
            assert_eq!(all(&cut_topic).await, all(&whole_topic).await);
        });
    }
}

/// As [`catch_up`], also where nothing is left to make.
async fn catch_up_rest(log: &MemoryLog, topic: &Arc<dyn Topic>, hand: &Hand) {
    let left = 2402 - all(topic).await.values().map(Vec::len).sum::<usize>() as u64;
    if left > 0 {
        run(settings(Some(left)), log, topic, hand).await.unwrap();
    }
}

#[tokio::test]
async fn a_symbol_added_later_leaves_the_others_prices_alone() {
    let hand = Hand::at(START);
    let (a, b) = (MemoryLog::new(), MemoryLog::new());
    let (topic_a, topic_b) = (topic(&a, 1).await, topic(&b, 1).await);
    let mut fewer = settings(Some(400));
    fewer.symbols.truncate(2);
    fewer.ticks_per_second = 2;
    run(settings(Some(800)), &a, &topic_a, &hand).await.unwrap();
    run(fewer, &b, &topic_b, &hand).await.unwrap();
    let closes = |all: &BTreeMap<String, Vec<Seen>>| {
        // The last tick of each bar: the process itself.
        all["AMZN"].iter().rev().step_by(5).map(|t| t.prices.close).collect::<Vec<_>>()
    };
    let (a, b) = (closes(&all(&topic_a).await), closes(&all(&topic_b).await));
    assert_eq!(a.len(), b.len());
    assert_eq!(a, b);
}
