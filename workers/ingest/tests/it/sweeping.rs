//! What a claimant deletes: what the dead have left, and nothing of the living.

use std::sync::Arc;

use lake::{Call, Fault, FaultyLake};

use crate::world::{World, assert_same};

/// A claimant froze behind its fence, where it lists what the dead have left. Its successor fenced it and wrote the files
/// of a commit; the first thawed, took them for left-overs and deleted them. The successor placed its record, and its
/// files were gone: the partition halted with `FileLost`, and every owner after it. (Found by the simulation.)
#[tokio::test(start_paused = true)]
async fn a_claimant_that_froze_behind_its_fence_deletes_nothing_of_a_later_owner() {
    let mut calm = World::new(47, 60).await;
    calm.settings.roll.rows = 25;
    calm.run(Arc::new(calm.lake.clone())).await.unwrap();
    let want = calm.dump().await;
    let world = calm.fresh();

    let first = FaultyLake::new(Arc::new(world.lake.clone()), |_, call, path| {
        (call == Call::List && path.starts_with("_tmp/")).then_some(Fault::Stall)
    });
    let (zombie, its_lake) = (world.clone(), first.clone());
    let frozen = tokio::spawn(async move { zombie.run(Arc::new(its_lake)).await });
    first.stalled().await;

    // Two fences stand before its first commit.
    let second = FaultyLake::new(Arc::new(world.lake.clone()), |_, call, path| {
        (call == Call::Rename && path.ends_with("00000002.commit")).then_some(Fault::Stall)
    });
    let (successor, its_lake) = (world.clone(), second.clone());
    let working = tokio::spawn(async move { successor.run(Arc::new(its_lake)).await });
    second.stalled().await;

    first.release();
    // It is fenced at its first commit.
    frozen.await.unwrap().unwrap_err();
    second.release();
    working.await.unwrap().unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after a frozen claimant");
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.assert_tidy().await;
}
