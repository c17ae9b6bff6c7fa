use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use feature_store::{Fault, FaultyStore, FeatureStore, MemoryStore, Op};
use market::{Outcome, PredictionRow};

use crate::{
    World,
    truth::{bars, schema},
};

async fn scenario(world: &World, cuts: &[usize]) -> Vec<PredictionRow> {
    let rows = bars("AR", 0.5, 1, 120);
    world.set_now(rows[0].window_end);
    world.champion("run", 0.5, schema(), rows[59].window_end).await;
    let mut from = 0;
    for to in cuts.iter().copied().chain([120]) {
        world.publish(&rows[from..to]).await;
        world.session(&[1, 5]).await;
        from = to;
    }
    world.predictions().await
}

#[tokio::test]
async fn restarts_change_nothing() {
    let whole = scenario(&World::new().await, &[]).await;
    assert_eq!(whole.len(), 240);
    assert_eq!(whole.iter().filter(|p| p.outcome == Outcome::Pending).count(), 6);
    for cuts in [&[60][..], &[1, 2, 3, 50, 51, 61, 100], &[119]] {
        assert_eq!(scenario(&World::new().await, cuts).await, whole, "{cuts:?}");
    }
}

/// A predictor that dies after its forecasts and before its position meets its bars again, later: the forecasts stand.
#[tokio::test]
async fn a_lost_position_repeats_bars_and_no_forecast() {
    let memory = MemoryStore::new();
    let world = World::new().await;
    let world = World { store: Arc::new(memory.clone()), ..world };
    let rows = bars("AR", 0.5, 1, 120);
    world.set_now(rows[0].window_end);
    world.publish(&rows[..80]).await;
    world.session(&[1]).await;
    let before = world.predictions().await;
    memory.put_note("predictor/market/1m/position", b"no position").await.unwrap();

    // Meanwhile a champion, aliased from the first bar on, and a clock for which every bar is late.
    world.champion("run", 0.5, schema(), market::Timestamp::from_micros(0)).await;
    world.set_now(rows[119].window_end + market::Span::from_secs(86_400));
    world.publish(&rows[80..]).await;
    let summary = world.session(&[1]).await;
    assert_eq!(summary.made, 40, "only the new bars");
    let after = world.predictions().await;
    assert_eq!(after.len(), 120);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.made_at, old.version, old.flags.len()), (new.made_at, new.version, new.flags.len()));
    }
    assert_eq!(after.iter().filter(|p| p.outcome == Outcome::Pending).count(), 1);
}

/// A store that fails is tried again; nothing is lost and nothing is made twice.
#[tokio::test]
async fn a_failing_store_delays_and_loses_nothing() {
    let whole = scenario(&World::new().await, &[]).await;
    let world = World::new().await;
    let inner: Arc<dyn FeatureStore> = Arc::new(MemoryStore::new());
    let calls = AtomicU32::new(0);
    let faulty = FaultyStore::new(inner, move |op| {
        let n = calls.fetch_add(u32::from(op == Op::PutPredictions), Ordering::Relaxed);
        match (op, n % 3) {
            (Op::PutPredictions, 0) => Fault::Before,
            (Op::PutPredictions, 1) => Fault::After,
            _ => Fault::None,
        }
    });
    let world = World { store: Arc::new(faulty), ..world };
    assert_eq!(scenario(&world, &[70]).await, whole);
}
