//! Every call of the lake x every fault, with two owners and three commits. The clock leaps: nothing here waits.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ingest::dump::Dump;
use lake::{Call, Fault, FaultyLake, LakeError};

use crate::world::{World, assert_same};

/// What an undisturbed worker makes of three commits a partition.
async fn calm() -> (World, Dump) {
    let mut calm = World::new(9, 50).await;
    calm.settings.roll.rows = 20;
    calm.run(Arc::new(calm.lake.clone())).await.unwrap();
    let want = calm.dump().await;
    (calm, want)
}

fn lost() -> LakeError {
    LakeError::OutcomeUnknown { path: "somewhere".into(), reason: "lost".into() }
}

/// A lake with `fault` at call `n`, whose process dies at the next call if it is to.
fn at(world: &World, n: u64, fault: &Fault, dies: bool) -> FaultyLake {
    let fault = fault.clone();
    FaultyLake::new(Arc::new(world.lake.clone()), move |call, _, _| match call {
        call if call == n => Some(fault.clone()),
        call if dies && call == n + 1 => Some(Fault::CrashBefore),
        _ => None,
    })
}

async fn holds(world: &World, want: &Dump, what: &str) {
    world.check().await.unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_same(&world.dump().await, want, what);
    world.assert_tidy().await;
}

/// The first owner meets a fault and lives on, or dies at its next call; what was to come late comes before the second
/// owner looks.
async fn met(fault: Fault, dies: bool) {
    let (calm, want) = calm().await;
    for n in 0.. {
        let world = calm.fresh();
        let lake = at(&world, n, &fault, dies);
        let what = format!("{fault:?} at call {n}, and {}", if dies { "death at the next" } else { "on" });
        tokio::select! {
            ended = world.run(Arc::new(lake.clone())) => drop(ended.unwrap_or_else(|e| panic!("{what}: {e}"))),
            () = lake.crashed() => {}
        }
        lake.apply_late().await;
        world.run(Arc::new(world.lake.clone())).await.unwrap_or_else(|e| panic!("{what}: {e}"));
        holds(&world, &want, &what).await;
        if lake.calls() <= n {
            assert!(n > 40, "a run has many calls: {n}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failing_before_dispatch_at_any_call() {
    met(Fault::Before(lost()), false).await;
    met(Fault::Before(lost()), true).await;
}

#[tokio::test(start_paused = true)]
async fn failing_after_dispatch_at_any_call() {
    met(Fault::After(lost()), false).await;
    met(Fault::After(lost()), true).await;
}

#[tokio::test(start_paused = true)]
async fn half_a_file_at_any_call() {
    met(Fault::Torn(lost()), false).await;
    met(Fault::Torn(lost()), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_rename_at_any_call() {
    met(Fault::Late, false).await;
    met(Fault::Late, true).await;
}

/// A call that is never answered ends with its process: nothing here limits its time.
#[tokio::test(start_paused = true)]
async fn no_answer_at_any_call() {
    met(Fault::Silent { carried_out: false }, true).await;
    met(Fault::Silent { carried_out: true }, true).await;
}

/// The first owner dies with a rename on its way, which is carried out before any call of the second: after its look at
/// the log, before its fence, between its commits.
#[tokio::test(start_paused = true)]
async fn a_rename_of_the_dead_at_any_call_of_the_next_owner() {
    let (calm, want) = calm().await;
    // Everything that the second owner does before it reads on, and some of what follows.
    let most = if std::env::var_os("STOCKPIPE_LONG").is_some() { u64::MAX } else { 24 };
    let mut renames = 0;
    for n in 0.. {
        for m in 0..most {
            let world = calm.fresh();
            let renamed = Arc::new(AtomicBool::new(false));
            let seen = renamed.clone();
            let lake = FaultyLake::new(Arc::new(world.lake.clone()), move |at, call, _| {
                if at == n && call == Call::Rename {
                    seen.store(true, Ordering::Relaxed);
                    return Some(Fault::Late);
                }
                (at == n + 1).then_some(Fault::CrashBefore)
            });
            let ended = tokio::select! {
                ended = world.run(Arc::new(lake.clone())) => ended.map(|_| true).unwrap(),
                () = lake.crashed() => false,
            };
            if ended {
                assert!(renames > 20, "a run has many renames: {renames}");
                return;
            }
            if !renamed.load(Ordering::Relaxed) {
                break;
            }
            renames += u64::from(m == 0);
            let next = FaultyLake::once(Arc::new(world.lake.clone()), m, Fault::Stall);
            let mut run = pin!(world.run(Arc::new(next.clone())));
            let what = format!("call {n} carried out at call {m} of the next owner");
            let stalled = tokio::select! {
                ended = &mut run => ended.map(|_| false).unwrap_or_else(|e| panic!("{what}: {e}")),
                () = next.stalled() => true,
            };
            lake.apply_late().await;
            if stalled {
                next.release();
                run.await.unwrap_or_else(|e| panic!("{what}: {e}"));
            }
            world.run(Arc::new(world.lake.clone())).await.unwrap_or_else(|e| panic!("{what}: {e}"));
            holds(&world, &want, &what).await;
            if !stalled {
                break;
            }
        }
    }
}
