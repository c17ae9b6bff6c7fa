use std::sync::Arc;

use lake::LocalLake;
use market::{Flag, Outcome, Role, Timestamp};
use runtime::Shutdown;
use tick_log::Log as _;

use crate::{
    BAR, World,
    truth::{bars, schema},
};

#[tokio::test]
async fn without_a_champion_the_last_value_is_served_and_late_is_said() {
    let world = World::new().await;
    let rows = bars("AR", 0.5, 1, 30);
    world.publish(&rows).await;
    let now = rows[29].window_end;
    world.set_now(now);
    let summary = world.session(&[1, 5]).await;
    assert_eq!((summary.made, summary.baseline, summary.skipped), (60, 60, 0));
    let predictions = world.predictions().await;
    assert_eq!(predictions.len(), 60);
    for row in &predictions {
        assert_eq!((row.version, row.y_pred, row.y_naive, row.role), (0, 0.0, 0.0, Role::Baseline));
        assert!(row.flags.contains(&Flag::Baseline));
        assert_eq!(row.flags.contains(&Flag::Late), now > row.target_ts, "{row:?}");
        assert_eq!(row.target_ts.micros() - row.as_of.micros(), i64::from(row.horizon) * BAR.micros());
        assert_eq!(row.outcome == Outcome::Pending, row.target_ts > now, "{row:?}");
    }
    assert_eq!((summary.joined, summary.pending, summary.void), (29 + 25, 6, 0));
    let topic = world.log.topic("market.predictions").await.unwrap();
    assert_eq!(topic.bounds(0).await.unwrap().high, 60 + 54, "every forecast and every outcome is published");
}

#[tokio::test]
async fn a_champion_forecasts_and_its_outcomes_are_joined() {
    let world = World::new().await;
    let rows = bars("AR", 0.5, 1, 400);
    let (past, live) = rows.split_at(100);
    world.publish(past).await;
    world.set_now(past[99].window_end);
    world.session(&[1]).await;
    let version = world.champion("run", 0.5, schema(), past[99].window_end).await;
    world.publish(live).await;
    world.publish(&bars("GBM", 0.0, 2, 400)[100..]).await;
    world.set_now(live[0].window_end);
    let summary = world.session(&[1]).await;
    assert_eq!((summary.made, summary.baseline, summary.late), (600, 300, 0));

    let predictions = world.predictions().await;
    let served: Vec<_> = predictions.iter().filter(|p| p.role == Role::Champion).collect();
    assert_eq!(served.len(), 300);
    let (mut sse, mut naive) = (0.0, 0.0);
    for (row, bar) in served.iter().zip(live) {
        assert_eq!((row.version, row.as_of, row.flags.as_slice()), (version, bar.window_end, [].as_slice()));
        assert!((row.y_pred - 0.5 * bar.features.as_ref().unwrap()[0]).abs() < 1e-15);
        if let Outcome::Joined { y_true, err } = row.outcome {
            assert_eq!(err, row.y_pred - y_true);
            sse += err * err;
            naive += y_true * y_true;
        }
    }
    assert!((0.15..0.35).contains(&(1.0 - sse / naive)), "phi 0.5 gives 0.25: {}", 1.0 - sse / naive);
    let live_skill = &world.status.json()["served"][0]["live"];
    assert!((live_skill["skill"].as_f64().unwrap() - (1.0 - sse / naive)).abs() < 1e-12, "{live_skill}");
    assert!(
        predictions.iter().filter(|p| p.symbol.as_str() == "GBM").all(|p| p.version == 0),
        "its gate said no"
    );
    let before = predictions.iter().filter(|p| p.as_of <= past[99].window_end);
    assert!(before.into_iter().all(|p| p.role == Role::Baseline), "nothing before the swap's watermark");
}

#[tokio::test]
async fn a_swap_is_seen_by_a_running_predictor_at_its_bar() {
    let world = World::new().await;
    let rows = bars("AR", 0.5, 1, 60);
    world.set_now(rows[0].window_end);
    world.publish(&rows[..50]).await;
    let shutdown = Shutdown::new();
    let running = tokio::spawn(predictor::run(world.settings(&[1]), world.components(), shutdown.clone()));
    let topic = world.log.topic("market.predictions").await.unwrap();
    let followed = async |mut next: u64, as_of: Timestamp| loop {
        let batch = topic.read(0, next, 1 << 20, std::time::Duration::from_secs(30)).await.unwrap();
        for record in batch.iter() {
            let row: market::PredictionRow = serde_json::from_slice(record.value).unwrap();
            if row.as_of == as_of && row.outcome == Outcome::Pending {
                return row;
            }
        }
        next = batch.next_offset;
    };
    assert_eq!(followed(0, rows[49].window_end).await.role, Role::Baseline);
    let version = world.champion("run", 0.5, schema(), rows[50].window_end).await;
    world.publish(&rows[50..52]).await;
    assert_eq!(followed(0, rows[50].window_end).await.role, Role::Baseline, "not after the swap's watermark");
    assert_eq!(followed(0, rows[51].window_end).await.version, version);
    shutdown.drain();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_symbol_without_a_bar_before_the_target_is_void() {
    let world = World::new().await;
    let a = bars("A", 0.5, 1, 60);
    let b = bars("B", 0.5, 2, 60);
    world.set_now(a[0].window_end);
    // A trades up to bar 40 and once more at 43; B carries the partition's watermark on.
    let mut rows: Vec<_> = (0..60).flat_map(|i| [a[i].clone(), b[i].clone()]).collect();
    rows.retain(|row| {
        row.symbol.as_str() == "B" || row.window_end <= a[40].window_end || row.window_end == a[43].window_end
    });
    world.publish(&rows).await;
    world.session(&[1, 5]).await;
    let find = |predictions: &[market::PredictionRow], i: usize, h: u32| {
        predictions
            .iter()
            .find(|p| p.symbol.as_str() == "A" && p.as_of == a[i].window_end && p.horizon == h)
            .unwrap()
            .outcome
    };
    let predictions = world.predictions().await;
    assert_eq!(find(&predictions, 40, 1), Outcome::Void);
    assert_eq!(find(&predictions, 43, 5), Outcome::Void);
    // The last close known at the target is that of bar 43.
    let y = libm::log(a[43].prices.close / a[40].prices.close);
    assert_eq!(find(&predictions, 40, 5), Outcome::Joined { y_true: y, err: -y });
}

#[tokio::test]
async fn other_features_and_warm_up_get_the_baseline_and_say_why() {
    let world = World::new().await;
    let mut rows = bars("AR", 0.5, 1, 60);
    world.set_now(rows[0].window_end);
    rows[50].schema_hash ^= 1;
    world.champion("run", 0.5, schema(), Timestamp::from_micros(0)).await;
    world.publish(&rows).await;
    world.session(&[1]).await;
    let predictions = world.predictions().await;
    assert_eq!(predictions[0].flags, [Flag::Baseline], "not warm");
    assert_eq!(predictions[50].flags, [Flag::SchemaMismatch, Flag::Baseline]);
    assert_eq!((predictions[51].role, predictions[51].flags.len()), (Role::Champion, 0));
}

#[tokio::test]
async fn what_the_model_has_seen_is_marked_in_sample_and_never_scored() {
    let world = World::new().await;
    let rows = bars("AR", 0.5, 1, 60);
    world.set_now(rows[0].window_end);
    // Trained up to bar 40, but aliased from the first bar on.
    let version = world.champion("run", 0.5, schema(), rows[40].window_end).await;
    let world = World { store: Arc::new(feature_store::MemoryStore::new()), ..world };
    world.swap(version, Timestamp::from_micros(0)).await;
    world.publish(&rows).await;
    world.session(&[1]).await;
    for row in world.predictions().await.iter().filter(|p| p.version == version) {
        assert_eq!(row.flags.contains(&Flag::InSample), row.as_of <= rows[40].window_end, "{row:?}");
    }
    assert_eq!(world.status.json()["live"][0]["n"], 18, "bars 41 to 58 are scored");
}

#[tokio::test]
async fn a_damaged_model_is_never_served_and_never_fatal() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new().await;
    let world = World { lake: Arc::new(LocalLake::open(dir.path()).unwrap()), ..world };
    let rows = bars("AR", 0.5, 1, 60);
    world.set_now(rows[0].window_end);
    let version = world.champion("run", 0.5, schema(), Timestamp::from_micros(0)).await;
    let path = dir.path().join("data/models/market/1m/v00000001/model.forest");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    world.publish(&rows).await;
    let summary = world.session(&[1]).await;
    assert_eq!((summary.made, summary.baseline), (60, 60));
    let failed = world.status.json()["failedModels"].clone();
    assert_eq!(failed[0]["version"], version);
    let text = failed[0]["error"].as_str().unwrap();
    assert!(text.contains("model.forest") && text.contains("roll back"), "{text}");
}

#[tokio::test]
async fn of_a_long_backlog_only_the_newest_bars_are_forecast() {
    let world = World::new().await;
    let rows = bars("AR", 0.5, 1, 1_000);
    world.publish(&rows).await;
    world.set_now(rows[999].window_end + market::Span::from_secs(86_400));
    let summary = world.session(&[1]).await;
    assert_eq!((summary.skipped, summary.made, summary.late), (760, 240, 240));
    assert_eq!((summary.joined, summary.pending), (239, 1));
    let note = world.store.note("predictor/market/1m/position").await.unwrap();
    assert!(
        note.is_some_and(|note| String::from_utf8_lossy(&note).contains("1000")),
        "the backlog is behind us"
    );
}
