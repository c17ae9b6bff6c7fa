//! A disk without space: nothing is lost, nothing halts, and when there is space again everything goes on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ingest::Phase;
use lake::{Call, Fault, FaultyLake, LakeError};

use crate::world::{World, assert_same, until};

#[tokio::test]
async fn a_full_lake_is_waited_for() {
    let mut calm = World::new(21, 80).await;
    calm.settings.roll.rows = 20;
    calm.run(Arc::new(calm.lake.clone())).await.unwrap();
    let want = calm.dump().await;
    // Before the first call, in the middle of the claim, in the middle of the commits.
    for from in [0, 7, 30, 60] {
        let world = calm.fresh();
        let full = Arc::new(AtomicBool::new(true));
        let plan = full.clone();
        let lake = FaultyLake::new(Arc::new(world.lake.clone()), move |n, call, path| {
            let grows = matches!(call, Call::Create | Call::Rename);
            let fails = n >= from && grows && plan.load(Ordering::Relaxed);
            fails.then(|| Fault::Before(LakeError::Full { path: path.to_owned() }))
        });
        let components = world.components(Arc::new(lake.clone()));
        let status = components.status.clone();
        let running = tokio::spawn({
            let world = world.clone();
            async move { world.run_with(components).await }
        });
        let mut seen = Vec::new();
        until("somebody says that the lake is full", || {
            seen = status.partitions();
            seen.iter().any(|p| p.reason.as_deref().is_some_and(|r| r.contains("no space left for")))
        })
        .await;
        assert!(seen.iter().all(|p| p.phase != Phase::Halted), "{seen:?}");
        full.store(false, Ordering::Relaxed);
        running.await.unwrap().unwrap();
        world.check().await.unwrap();
        assert_same(&world.dump().await, &want, &format!("full from call {from}"));
        world.assert_tidy().await;
        let still: Vec<_> = status.partitions().into_iter().filter_map(|p| p.reason).collect();
        assert!(still.is_empty(), "{still:?}");
    }
}
