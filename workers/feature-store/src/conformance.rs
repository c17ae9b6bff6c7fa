//! The contract as functions. A new store = one file and one call: [`suite`] for a store that one process owns,
//! [`suite_of_a_cluster`] for one that keeps its rows on many nodes.
//!
//! The functions panic where the contract is broken; they are for tests only.

use std::{collections::BTreeMap, sync::Arc};

use market::{
    Alias, AliasEvent, AliasKey, FeatureRow, Flag, Ohlcv, Outcome, PredictionRow, Role, RunRow, Symbol,
    Timestamp,
};

use crate::{FeatureStore, PredictionQuery, RowQuery, StoreError};

const DAY: i64 = 86_400;

/// Runs every case, each on a fresh, empty store.
pub async fn suite<F: Future<Output = Arc<dyn FeatureStore>>>(make: impl Fn() -> F) {
    suite_of_a_cluster(&make).await;
    of_equal_write_ts_the_later_call_wins(make().await).await;
    a_read_never_sees_half_a_call(make().await).await;
    whole_days_expire(make().await).await;
}

/// Runs the cases that hold for a store of many nodes too: rows are whole, calls and reads are not, and rows expire by
/// themselves.
pub async fn suite_of_a_cluster<F: Future<Output = Arc<dyn FeatureStore>>>(make: impl Fn() -> F) {
    the_greatest_write_ts_wins(make().await).await;
    rows_are_read_by_range(make().await).await;
    a_row_moves_from_day_to_day(make().await).await;
    random_rows_agree_with_a_map(make().await).await;
    the_first_prediction_wins_and_keeps_its_outcome(make().await).await;
    predictions_are_read_by_range(make().await).await;
    alias_histories_are_compare_and_set(make().await).await;
    runs_and_notes_are_kept(make().await).await;
    bad_rows_are_refused(make().await).await;
    many_writers_share_the_store(make().await).await;
    nothing_works_after_close(make().await).await;
}

fn seconds(s: i64) -> Timestamp {
    Timestamp::from_micros(s * 1_000_000)
}

/// A final row of a minute window that starts at `start` seconds.
pub fn row(symbol: &str, name: &str, start: i64, write_ts: i64) -> FeatureRow {
    FeatureRow {
        symbol: Symbol::parse(symbol).unwrap(),
        name: name.into(),
        window_start: seconds(start),
        window_end: seconds(start + 60),
        sma: 1.5,
        n: 3,
        prices: Ohlcv { open: 1.0, high: 2.0, low: 0.5, close: 1.25, volume: 7.0 },
        vwap: None,
        is_final: true,
        revision: 1,
        partial: false,
        generation: 1,
        part: 0,
        last_offset: 9,
        index: 0,
        write_ts,
        indicators: vec![],
        features: None,
        schema_hash: 0,
    }
}

/// A pending prediction about `target` seconds, made at `made` seconds, of version 1 of bar `1m`.
pub fn prediction(symbol: &str, horizon: u32, target: i64, made: i64) -> PredictionRow {
    PredictionRow {
        symbol: Symbol::parse(symbol).unwrap(),
        bar: "1m".into(),
        horizon,
        made_at: seconds(made),
        as_of: seconds(target - 60),
        target_ts: seconds(target),
        close: 100.0,
        y_pred: 0.001,
        lo: None,
        hi: Some(0.5),
        y_naive: 0.0,
        version: 1,
        role: Role::Champion,
        flags: vec![Flag::Late, Flag::Baseline],
        outcome: Outcome::Pending,
    }
}

async fn all(store: &dyn FeatureStore) -> Vec<FeatureRow> {
    store.rows(&RowQuery::default()).await.unwrap()
}

async fn the_greatest_write_ts_wins(store: Arc<dyn FeatureStore>) {
    let value = |write_ts, sma| FeatureRow { sma, ..row("A", "1m", 0, write_ts) };
    store.upsert_rows(&[value(5, 5.0)]).await.unwrap();
    store.upsert_rows(&[value(3, 3.0)]).await.unwrap();
    assert_eq!(all(&*store).await, [value(5, 5.0)]);
    store.upsert_rows(&[value(7, 7.0), value(6, 6.0)]).await.unwrap();
    assert_eq!(all(&*store).await, [value(7, 7.0)]);
    store.upsert_rows(&[]).await.unwrap();
}

async fn of_equal_write_ts_the_later_call_wins(store: Arc<dyn FeatureStore>) {
    for sma in [7.0, 8.0, 6.0] {
        let value = FeatureRow { sma, ..row("A", "1m", 0, 7) };
        store.upsert_rows(std::slice::from_ref(&value)).await.unwrap();
        assert_eq!(all(&*store).await, [value]);
    }
}

/// Every call writes one value into all rows of ten; a reader beside it never sees two.
async fn a_read_never_sees_half_a_call(store: Arc<dyn FeatureStore>) {
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for version in 1..=40_i64 {
            let sma = version as f64;
            let rows: Vec<_> =
                (0..10).map(|i| FeatureRow { sma, ..row("A", "1m", i * 60, version) }).collect();
            writer.upsert_rows(&rows).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let rows = all(&*store).await;
        assert!(rows.is_empty() || rows.len() == 10, "{} rows of ten", rows.len());
        assert!(rows.windows(2).all(|two| two[0].sma == two[1].sma), "two calls in one read");
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
}

async fn rows_are_read_by_range(store: Arc<dyn FeatureStore>) {
    let mut rows = Vec::new();
    for symbol in ["AA", "A", "B"] {
        for name in ["1m", "sma_5"] {
            for i in 0..10 {
                rows.push(FeatureRow { is_final: i % 3 != 0, ..row(symbol, name, i * 60 - 120, i) });
            }
        }
    }
    store.upsert_rows(&rows).await.unwrap();
    let symbols: Vec<_> = store.symbols().await.unwrap().iter().map(|s| s.as_str().to_owned()).collect();
    assert_eq!(symbols, ["A", "AA", "B"]);
    let a = Symbol::parse("A").unwrap();
    let base = RowQuery::default();
    let one = RowQuery { symbol: Some(a.clone()), name: Some("1m".into()), ..base.clone() };
    for query in [
        base.clone(),
        one.clone(),
        RowQuery { from: Some(seconds(-60)), to: Some(seconds(120)), ..one.clone() },
        RowQuery { from: Some(seconds(120)), to: Some(seconds(-60)), ..one.clone() },
        RowQuery { finals_only: true, limit: Some(3), newest_first: true, ..one.clone() },
        RowQuery { finals_only: true, limit: Some(3), ..one },
        RowQuery { symbol: Some(a), limit: Some(5), newest_first: true, ..base.clone() },
        RowQuery { name: Some("sma_5".into()), limit: Some(7), ..base.clone() },
        RowQuery { name: Some("sma".into()), ..base.clone() },
        RowQuery { limit: Some(0), ..base },
    ] {
        let mut wanted: Vec<_> = rows.iter().filter(|r| query.matches(r)).cloned().collect();
        query.arrange(&mut wanted);
        assert_eq!(store.rows(&query).await.unwrap(), wanted, "{query:?}");
    }
}

async fn a_row_moves_from_day_to_day(store: Arc<dyn FeatureStore>) {
    let at = |day: i64| day * DAY * 1_000_000;
    let provisional = FeatureRow { is_final: false, sma: 1.0, ..row("A", "1m", 0, at(1)) };
    let last = FeatureRow { sma: 2.0, ..row("A", "1m", 0, at(2)) };
    store.upsert_rows(&[last.clone(), row("A", "1m", 60, at(2))]).await.unwrap();
    store.upsert_rows(&[provisional, row("A", "1m", -60, at(1))]).await.unwrap();
    let starts =
        |rows: &[FeatureRow]| rows.iter().map(|r| r.window_start.micros() / 1_000_000).collect::<Vec<_>>();
    let found = all(&*store).await;
    assert_eq!((starts(&found), found[1].sma), (vec![-60, 0, 60], 2.0));
    let newest = RowQuery { newest_first: true, limit: Some(2), finals_only: true, ..RowQuery::default() };
    assert_eq!(starts(&store.rows(&newest).await.unwrap()), [60, 0]);
}

/// Pseudo-random calls against a map. The seed is fixed: a failure repeats.
async fn random_rows_agree_with_a_map(store: Arc<dyn FeatureStore>) {
    let mut state = 42_u64;
    let mut next = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut model: BTreeMap<(String, String, Timestamp), FeatureRow> = BTreeMap::new();
    for round in 0..40 {
        let rows: Vec<_> = (0..next(8))
            .map(|i| {
                let (symbol, name) = (["A", "B", "C"][next(3) as usize], ["1m", "5s"][next(2) as usize]);
                // The last digits make it unique: what equal ones do has a case of its own.
                let write_ts = (next(3) as i64 * DAY + next(1_000) as i64) * 1_000_000 + round * 8 + i as i64;
                let sma = next(1_000) as f64;
                FeatureRow {
                    sma,
                    is_final: next(2) == 0,
                    ..row(symbol, name, next(12) as i64 * 60, write_ts)
                }
            })
            .collect();
        for new in &rows {
            let key = (new.symbol.to_string(), new.name.to_string(), new.window_start);
            if model.get(&key).is_none_or(|old| old.write_ts <= new.write_ts) {
                model.insert(key, new.clone());
            }
        }
        store.upsert_rows(&rows).await.unwrap();
        let query = RowQuery {
            symbol: (next(2) == 0).then(|| Symbol::parse("A").unwrap()),
            name: (next(2) == 0).then(|| "1m".to_owned()),
            from: (next(2) == 0).then(|| seconds(next(600) as i64)),
            to: (next(2) == 0).then(|| seconds(next(600) as i64)),
            finals_only: next(2) == 0,
            limit: (next(2) == 0).then(|| next(6) as usize),
            newest_first: next(2) == 0,
        };
        let mut wanted: Vec<_> = model.values().filter(|r| query.matches(r)).cloned().collect();
        query.arrange(&mut wanted);
        assert_eq!(store.rows(&query).await.unwrap(), wanted, "{query:?}");
    }
}

async fn the_first_prediction_wins_and_keeps_its_outcome(store: Arc<dyn FeatureStore>) {
    let read = async || store.predictions(&PredictionQuery::default()).await.unwrap();
    let made = |made, y_pred| PredictionRow { y_pred, ..prediction("A", 1, 600, made) };
    let joined = Outcome::Joined { y_true: 0.5, err: -0.5 };
    store.put_outcomes(&[PredictionRow { outcome: joined, ..made(1, 1.0) }]).await.unwrap();
    assert_eq!(read().await, [], "an outcome alone makes no prediction");
    store.put_predictions(&[made(500, 5.0)]).await.unwrap();
    store.put_predictions(&[made(550, 6.0)]).await.unwrap();
    assert_eq!(read().await, [made(500, 5.0)]);
    store.put_outcomes(&[PredictionRow { outcome: joined, ..made(999, 9.0) }]).await.unwrap();
    assert_eq!(read().await, [PredictionRow { outcome: joined, ..made(500, 5.0) }]);
    store.put_predictions(&[made(400, 4.0)]).await.unwrap();
    assert_eq!(read().await, [PredictionRow { outcome: joined, ..made(400, 4.0) }]);
    let pending = PredictionQuery { pending_only: true, ..PredictionQuery::default() };
    assert_eq!(store.predictions(&pending).await.unwrap(), []);
    store.put_outcomes(&[PredictionRow { outcome: Outcome::Void, ..made(400, 4.0) }]).await.unwrap();
    assert_eq!(read().await[0].outcome, Outcome::Void);
}

async fn predictions_are_read_by_range(store: Arc<dyn FeatureStore>) {
    let mut rows = Vec::new();
    for symbol in ["A", "B"] {
        for horizon in [1, 5] {
            for i in 0..8_u8 {
                let outcome = if i < 4 { Outcome::Void } else { Outcome::Pending };
                let version = u64::from(i % 2);
                let target = i64::from(i) * 60;
                rows.push(PredictionRow {
                    version,
                    outcome,
                    ..prediction(symbol, horizon, target, target - 60)
                });
            }
        }
    }
    store.put_predictions(&rows).await.unwrap();
    let base = PredictionQuery::default();
    let a =
        PredictionQuery { symbol: Some(Symbol::parse("A").unwrap()), bar: Some("1m".into()), ..base.clone() };
    for query in [
        base.clone(),
        a.clone(),
        PredictionQuery { horizon: Some(5), version: Some(1), ..a.clone() },
        PredictionQuery { from: Some(seconds(60)), to: Some(seconds(300)), ..base.clone() },
        PredictionQuery { from: Some(seconds(300)), to: Some(seconds(60)), ..base.clone() },
        PredictionQuery { pending_only: true, limit: Some(3), ..base.clone() },
        PredictionQuery {
            pending_only: true,
            newest_first: true,
            version: Some(0),
            limit: Some(1),
            ..a.clone()
        },
        PredictionQuery { newest_first: true, limit: Some(3), ..a },
        PredictionQuery { bar: Some("5s".into()), ..base.clone() },
        PredictionQuery { limit: Some(0), ..base },
    ] {
        let mut wanted: Vec<_> = rows.iter().filter(|r| query.matches(r)).cloned().collect();
        query.arrange(&mut wanted);
        assert_eq!(store.predictions(&query).await.unwrap(), wanted, "{query:?}");
    }
}

async fn alias_histories_are_compare_and_set(store: Arc<dyn FeatureStore>) {
    let key = AliasKey { pipeline: "market".into(), bar: "1m".into(), horizon: 1 };
    let event = |seq, version| AliasEvent {
        seq,
        alias: Alias::Champion,
        version,
        effective_from: seconds(60),
        at: seconds(61),
        actor: "trainer".into(),
        reason: "gate passed".into(),
    };
    assert!(!store.append_alias(&key, &event(2, Some(1))).await.unwrap());
    assert!(store.append_alias(&key, &event(1, Some(1))).await.unwrap());
    assert!(!store.append_alias(&key, &event(1, Some(9))).await.unwrap());
    let racers: Vec<_> = (10..14)
        .map(|version| {
            let (store, key, event) = (store.clone(), key.clone(), event(2, Some(version)));
            tokio::spawn(async move { store.append_alias(&key, &event).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += u32::from(racer.await.unwrap());
    }
    assert_eq!(won, 1, "exactly one wins");
    for seq in 3..13 {
        assert!(store.append_alias(&key, &event(seq, None)).await.unwrap());
    }
    let history = store.alias_history(&key).await.unwrap();
    assert_eq!(history.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..13).collect::<Vec<_>>());
    assert_eq!((&history[0], &history[11]), (&event(1, Some(1)), &event(12, None)));
    let other = AliasKey { horizon: 5, ..key.clone() };
    assert_eq!(store.alias_history(&other).await.unwrap(), []);
    assert!(store.append_alias(&other, &event(1, None)).await.unwrap());
    assert_eq!(store.alias_keys("market").await.unwrap(), [key, other]);
    assert_eq!(store.alias_keys("mark").await.unwrap(), []);
}

async fn runs_and_notes_are_kept(store: Arc<dyn FeatureStore>) {
    let run = |name: &str, start, percent| RunRow {
        pipeline: "market".into(),
        name: name.into(),
        phase: "Training".into(),
        progress_percent: percent,
        started_at: seconds(start),
        finished_at: None,
        updated_at: seconds(start + 1),
        status: serde_json::json!({ "metrics": [{ "name": "rmse", "value": "0.1" }] }),
    };
    for put in [run("b", 1, 10), run("a", 2, 20), run("b", 1, 90)] {
        store.put_run(&put).await.unwrap();
    }
    assert_eq!(store.runs("market").await.unwrap(), [run("b", 1, 90), run("a", 2, 20)]);
    assert_eq!(store.runs("mark").await.unwrap(), []);
    assert_eq!(store.note("k").await.unwrap(), None);
    store.put_note("k", b"1").await.unwrap();
    store.put_note("k", b"").await.unwrap();
    store.put_note("", b"empty").await.unwrap();
    assert_eq!(store.note("k").await.unwrap(), Some(vec![]));
    assert_eq!(store.note("").await.unwrap(), Some(b"empty".to_vec()));
}

async fn whole_days_expire(store: Arc<dyn FeatureStore>) {
    let rows: Vec<_> = (0..6).map(|i| row("A", "1m", i * 60, i * DAY / 2 * 1_000_000)).collect();
    let made: Vec<_> = (0..6).map(|i| prediction("A", 1, i * 60, i * DAY / 2)).collect();
    store.upsert_rows(&rows).await.unwrap();
    store.put_predictions(&made).await.unwrap();
    assert_eq!(store.expire(None, None).await.unwrap(), 0);
    let noon_of_the_second = seconds(DAY + DAY / 2);
    assert_eq!(store.expire(Some(noon_of_the_second), None).await.unwrap(), 2);
    assert_eq!(all(&*store).await, rows[2..]);
    assert_eq!(store.expire(Some(seconds(DAY)), Some(seconds(2 * DAY))).await.unwrap(), 4);
    assert_eq!(store.predictions(&PredictionQuery::default()).await.unwrap(), made[4..]);
    store.upsert_rows(&rows[..1]).await.unwrap();
    assert_eq!(all(&*store).await.len(), 5, "an old row may come again");
}

async fn bad_rows_are_refused(store: Arc<dyn FeatureStore>) {
    let good = row("A", "1m", 0, 1);
    for name in ["", "a\0b", &"x".repeat(300)] {
        let refused = store.upsert_rows(&[good.clone(), row("A", name, 0, 1)]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid { .. }), "{refused}");
    }
    let long = FeatureRow { indicators: vec![None; crate::limits::VECTOR_LEN + 1], ..good };
    assert!(store.upsert_rows(&[long]).await.is_err());
    let bad = PredictionRow { bar: "\n".into(), ..prediction("A", 1, 0, 0) };
    assert!(store.put_predictions(&[bad]).await.is_err());
    assert_eq!(all(&*store).await, [], "a refused call leaves nothing");
}

async fn many_writers_share_the_store(store: Arc<dyn FeatureStore>) {
    let writers: Vec<_> = (0..8_i64)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..10 {
                    let symbol = format!("S{writer}");
                    let name = if writer == 0 && i % 2 == 1 { "" } else { "1m" };
                    let put = store.upsert_rows(&[row(&symbol, name, i * 60, i)]).await;
                    assert_eq!(put.is_err(), name.is_empty(), "one writer's mistake is not the others'");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(all(&*store).await.len(), 75);
}

async fn nothing_works_after_close(store: Arc<dyn FeatureStore>) {
    store.upsert_rows(&[row("A", "1m", 0, 1)]).await.unwrap();
    store.close().await.unwrap();
    let late = store.upsert_rows(&[row("A", "1m", 60, 1)]).await;
    assert!(matches!(late, Err(StoreError::Closed { .. })), "{late:?}");
    assert!(matches!(store.symbols().await, Err(StoreError::Closed { .. })));
    store.close().await.unwrap();
}
