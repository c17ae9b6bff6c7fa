//! Another topic under the old name: recognised, accepted by hand, and read from its beginning.

use std::sync::Arc;

use commitlog::{Kind, invariants};
use ingest::{Accepted, Error, accept_topic};
use lake::{Fault, FaultyLake, Lake, history};

use crate::world::{PARTITIONS, World, assert_same};

/// 60 records are committed; then the topic is made again, with 90 others: more than it held before.
async fn made_again() -> World {
    let mut world = World::new(51, 60).await;
    world.settings.roll.rows = 25;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.log.delete_topic("ticks").await.unwrap();
    world.log.create_topic("ticks", PARTITIONS, None).await.unwrap();
    world.append(52, 90).await;
    world
}

async fn accept(world: &World, lake: Arc<dyn Lake>) -> Result<Vec<Accepted>, Error> {
    accept_topic(world.settings.clone(), world.components(lake), None).await
}

/// Each generation holds its records once, and the chain holds.
async fn check(world: &World) {
    let raw = history::raw(&world.lake, "").await.unwrap();
    let dead = history::dead(&world.lake, "").await.unwrap();
    for p in 0..PARTITIONS {
        for (generation, records) in [(1, 60), (2, 90)] {
            let is = |g: u32, of: u32| g == generation && of == p;
            let stored = raw.iter().filter(|r| is(r.generation, r.partition)).map(|r| r.offset);
            let dead = dead.iter().filter(|r| is(r.generation, r.partition)).map(|r| r.offset);
            invariants::exactly_once(stored.chain(dead), 0..records).unwrap();
        }
        let commits = world.commits(p).await;
        commits.windows(2).try_for_each(|pair| invariants::follows(&pair[0], &pair[1])).unwrap();
        let of_kind = commits.iter().filter(|c| c.kind == Kind::Generation).count();
        assert_eq!(of_kind, 1, "it is accepted once");
    }
}

#[tokio::test]
async fn a_topic_that_was_made_again_is_read_from_its_beginning_once_accepted() {
    let world = made_again().await;
    let before = world.dump().await;
    let error = world.run(Arc::new(world.lake.clone())).await.unwrap_err();
    assert!(matches!(error, Error::LogDiverged { .. }), "{error}");
    assert_same(&world.dump().await, &before, "nothing is written before it is accepted");
    let accepted = accept(&world, Arc::new(world.lake.clone())).await.unwrap();
    assert_eq!(accepted.len(), PARTITIONS as usize);
    assert!(
        accepted.iter().all(|a| a.generation == 2 && a.next_offset == 0 && a.diverged.is_some()),
        "{accepted:?}"
    );
    let heads = world.heads().await;
    let floor = world.clock.load(std::sync::atomic::Ordering::Relaxed) * 1_000;
    assert!(
        heads.iter().all(|h| h.write_ts >= floor),
        "T is ahead of whatever was written before: {heads:?}"
    );
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    check(&world).await;
    assert_eq!(world.dump().await.raw[..before.raw.len()], before.raw[..], "what was stored stays");
    // Again, it changes nothing.
    let again = accept(&world, Arc::new(world.lake.clone())).await.unwrap();
    assert!(again.iter().all(|a| a.generation == 2 && a.diverged.is_none()), "{again:?}");
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    check(&world).await;
}

#[tokio::test]
async fn only_the_named_partitions_are_accepted() {
    let world = made_again().await;
    let components = world.components(Arc::new(world.lake.clone()));
    let accepted = accept_topic(world.settings.clone(), components, Some(vec![1])).await.unwrap();
    assert_eq!(accepted.iter().map(|a| a.partition).collect::<Vec<_>>(), [1]);
    let error = world.run(Arc::new(world.lake.clone())).await.unwrap_err();
    assert!(matches!(error, Error::LogDiverged { partition: 0, .. }), "{error}");
}

/// The command is killed at any of its calls, and given again.
#[tokio::test]
async fn a_kill_at_any_call_accepts_nothing_twice() {
    let calm = made_again().await;
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn] {
        for n in 0.. {
            let world = calm.copied().await;
            let lake = FaultyLake::once(Arc::new(world.lake.clone()), n, fault.clone());
            let killed = tokio::select! {
                done = accept(&world, Arc::new(lake.clone())) => done.map(|_| false).unwrap(),
                () = lake.crashed() => true,
            };
            if !killed {
                assert!(n > 10, "the command has many calls: {n}");
                break;
            }
            accept(&world, Arc::new(world.lake.clone())).await.unwrap();
            let fresh = World { store: Arc::new(feature_store::MemoryStore::new()), ..world.clone() };
            fresh.run(Arc::new(world.lake.clone())).await.unwrap();
            check(&fresh).await;
        }
    }
}
