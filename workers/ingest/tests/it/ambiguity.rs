//! The linearisation point: every way in which a rename's answer can mislead.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lake::{Call, Fault, FaultyLake, LakeError};

use crate::world::{World, assert_same};

fn lost() -> LakeError {
    LakeError::OutcomeUnknown { path: "commit".into(), reason: "timed out".into() }
}

/// `fault` at the n-th rename onto a commit record.
fn at_commit(world: &World, n: u64, fault: Fault, then: Option<Fault>) -> FaultyLake {
    let seen = AtomicU64::new(0);
    let hit = AtomicU64::new(u64::MAX);
    FaultyLake::new(Arc::new(world.lake.clone()), move |at, call, path| {
        if call == Call::Rename && path.ends_with(".commit") && seen.fetch_add(1, Ordering::Relaxed) == n {
            hit.store(at, Ordering::Relaxed);
            return Some(fault.clone());
        }
        (at == hit.load(Ordering::Relaxed).saturating_add(1)).then(|| then.clone()).flatten()
    })
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_up() {
    let mut world = World::new(3, 60).await;
    world.settings.roll.rows = 20;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let want = world.dump().await;
    for n in 0..6 {
        for fault in [Fault::Before(lost()), Fault::After(lost()), Fault::Late] {
            let world = world.fresh();
            let lake = at_commit(&world, n, fault.clone(), None);
            world.run(Arc::new(lake.clone())).await.unwrap();
            lake.apply_late().await;
            world.check().await.unwrap();
            assert_same(&world.dump().await, &want, &format!("{n} {fault:?}"));
        }
    }
}

/// The rename is applied after its worker died: the next owner adopts the commit and fences behind it.
#[tokio::test]
async fn a_late_rename_is_adopted() {
    let mut world = World::new(4, 60).await;
    world.settings.roll.rows = 20;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let want = world.dump().await;
    for n in 2..6 {
        let world = world.fresh();
        let lake = at_commit(&world, n, Fault::Late, Some(Fault::CrashBefore));
        tokio::select! {
            ended = world.run(Arc::new(lake.clone())) => panic!("{ended:?}"),
            () = lake.crashed() => {}
        }
        lake.apply_late().await;
        world.run(Arc::new(world.lake.clone())).await.unwrap();
        world.check().await.unwrap();
        assert_same(&world.dump().await, &want, &format!("{n}"));
    }
}
