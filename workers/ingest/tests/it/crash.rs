//! Kills, freezes and passing faults at every call: the canonical dump stays what an undisturbed run gives.

use std::sync::{Arc, Mutex};

use lake::{Call, Fault, FaultyLake, LakeError};

use crate::world::{Dice, World, assert_same, small};

fn cases() -> u64 {
    if std::env::var_os("STOCKPIPE_LONG").is_some() { 1_000 } else { 12 }
}

/// Any batching, any crash points, any passing faults, any number of restarts.
#[tokio::test]
async fn restarts_leave_no_trace() {
    for seed in 0..cases() {
        let calm = World::new(seed, 150).await;
        calm.run(Arc::new(calm.lake.clone())).await.unwrap();
        let want = calm.dump().await;
        assert!(!want.raw.is_empty() && !want.dead.is_empty() && !want.rows.is_empty());
        let mut dice = Dice(seed ^ 0xdead);
        let mut world = calm.fresh();
        for _ in 0..1 + dice.roll(4) {
            small(&mut world.settings, &mut dice);
            let at = dice.roll(80);
            let crash =
                [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn][dice.roll(3) as usize].clone();
            let faults = Mutex::new(Dice(seed ^ at));
            let lake = FaultyLake::new(Arc::new(world.lake.clone()), move |n, call, path| {
                if n == at {
                    return Some(crash.clone());
                }
                let lost = || LakeError::OutcomeUnknown { path: path.to_owned(), reason: "lost".into() };
                let mut dice = faults.lock().unwrap();
                match (dice.roll(40), call) {
                    (0, _) => Some(Fault::Before(lost())),
                    (1, _) => Some(Fault::After(lost())),
                    (2, Call::Create) => Some(Fault::Torn(lost())),
                    (2, Call::Rename) => Some(Fault::Late),
                    _ => None,
                }
            });
            tokio::select! {
                ended = world.run(Arc::new(lake.clone())) => drop(ended.unwrap()),
                () = lake.crashed() => {}
            }
            lake.apply_late().await;
        }
        world.run(Arc::new(world.lake.clone())).await.unwrap();
        world.check().await.unwrap();
        assert_same(&world.dump().await, &want, &format!("seed {seed}"));
        world.assert_tidy().await;
    }
}

/// A kill at every single call of a run, in every way, and one restart.
#[tokio::test]
async fn a_kill_at_any_call_leaves_no_trace() {
    let mut calm = World::new(9, 50).await;
    calm.settings.roll.rows = 20;
    calm.run(Arc::new(calm.lake.clone())).await.unwrap();
    let want = calm.dump().await;
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn] {
        for n in 0.. {
            let world = calm.fresh();
            let lake = FaultyLake::once(Arc::new(world.lake.clone()), n, fault.clone());
            let killed = tokio::select! {
                ended = world.run(Arc::new(lake.clone())) => ended.map(|_| false).unwrap(),
                () = lake.crashed() => true,
            };
            if !killed {
                assert!(n > 40, "a run has many calls: {n}");
                break;
            }
            world.run(Arc::new(world.lake.clone())).await.unwrap();
            world.check().await.unwrap();
            assert_same(&world.dump().await, &want, &format!("{fault:?} at call {n}"));
            world.assert_tidy().await;
        }
    }
}

/// A worker frozen before its n-th call while another takes over, for every n; then it goes on.
async fn zombies(overwrite: bool) -> u64 {
    let mut world = World::new(7, 60).await;
    world.settings.roll.rows = 25;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let want = world.dump().await;
    let mut caught = 0;
    for n in 0.. {
        let world = world.fresh();
        let lake = FaultyLake::new(Arc::new(world.lake.clone()), move |at, call, path| {
            let record = call == Call::Rename && path.ends_with(".commit");
            match at == n {
                true => Some(Fault::Stall),
                false => (overwrite && record && at > n).then_some(Fault::Overwrite),
            }
        });
        let zombie = world.clone();
        let zombie_lake = lake.clone();
        let frozen = tokio::spawn(async move { zombie.run(Arc::new(zombie_lake)).await });
        let stalled = tokio::select! {
            () = lake.stalled() => true,
            () = async { while !frozen.is_finished() { tokio::task::yield_now().await } } => false,
        };
        if !stalled {
            break;
        }
        world.run(Arc::new(world.lake.clone())).await.unwrap();
        lake.release();
        // Fenced, or still the owner of what it had finished: what counts is what is stored.
        let _ = frozen.await;
        let same = world.check().await.is_ok() && world.dump().await == want;
        caught += u64::from(!same);
    }
    caught
}

#[tokio::test]
async fn a_zombie_changes_nothing() {
    assert_eq!(zombies(false).await, 0);
}

/// The checkers notice a lake whose renames replace files.
#[tokio::test]
async fn a_lake_that_overwrites_is_caught() {
    assert!(zombies(true).await > 0);
}
