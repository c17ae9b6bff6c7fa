//! The machine alone: time and answers are given by hand.

use std::{sync::Arc, time::Duration};

use commitlog::{Commit, Layout};
use ingest::{
    Roll,
    limits::{DRAIN_PATIENCE, SWEEP_AFTER},
    machine::{Effect, Input, Machine, Plan},
};
use windowing::Partition;

use crate::world::World;

/// Partition 0 of a world, claimed before anything was read.
async fn machine(world: &World) -> Machine {
    let empty = World::new(0, 0).await;
    empty.run(Arc::new(empty.lake.clone())).await.unwrap();
    let head = empty.heads().await.swap_remove(0);
    let partition = Partition::new(world.settings.semantics.clone(), 0, 1).unwrap();
    let plan = Plan {
        layout: Layout::new(""),
        roll: Roll::default(),
        pending_bytes: 1 << 20,
        stagger: Duration::ZERO,
        skips: Default::default(),
    };
    Machine::new(plan, head, partition, Duration::ZERO).unwrap()
}

/// Upkeep goes on where nothing arrives.
#[tokio::test]
async fn an_idle_partition_is_swept() {
    let mut machine = machine(&World::new(19, 0).await).await;
    let mut sweeps = 0;
    let mut now = Duration::ZERO;
    while now < 3 * SWEEP_AFTER {
        now = machine.next_timer().unwrap();
        for effect in machine.step(now, Input::Timer) {
            match effect {
                Effect::Sweep(_) => sweeps += 1,
                Effect::Confirm(seq) => {
                    assert!(machine.step(now, Input::Confirmed { seq, taken: false }).is_empty());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(sweeps, 3);
}

/// A store that never answers does not keep a worker from ending: its finals are in a file of the last commit.
#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let world = World::new(20, 60).await;
    let mut machine = machine(&world).await;
    let ticks = world.log.topic("ticks").await.unwrap();
    let batch = ticks.read(0, 0, 1 << 20, Duration::ZERO).await.unwrap();
    let mut now = Duration::from_secs(1);
    let mut effects = machine.step(now, Input::Batch(batch));
    assert!(effects.iter().any(|e| matches!(e, Effect::Upsert { .. })), "{effects:?}");
    effects.extend(machine.step(now, Input::Drain));
    let mut committed: Option<Commit> = None;
    loop {
        let answer = match effects.pop() {
            Some(Effect::Done) => break,
            Some(Effect::Write { file, .. }) => Input::Written { file, tmp: format!("_tmp/{file}") },
            Some(Effect::Commit(record)) => {
                committed = Some(*record);
                Input::Placed(true)
            }
            Some(Effect::Move { .. }) => Input::Moved,
            Some(Effect::Confirm(seq)) => Input::Confirmed { seq, taken: false },
            Some(Effect::Upsert { .. } | Effect::Sweep(_)) => continue,
            Some(other) => panic!("{other:?}"),
            None => {
                now = machine.next_timer().unwrap();
                assert!(now < 2 * DRAIN_PATIENCE, "it ends in time");
                Input::Timer
            }
        };
        effects.extend(machine.step(now, answer));
    }
    let committed = committed.unwrap();
    assert_eq!(committed.end, 60);
    assert!(committed.pending.iter().map(|f| f.rows).sum::<u64>() > 0, "{committed:?}");
    assert_eq!(machine.pending_rows(), committed.pending.iter().map(|f| f.rows).sum::<u64>());
}

/// While a drain waits for the lake it sends no provisional rows: they must not be due again and again meanwhile, or the
/// shell turns without a pause for as long as the lake takes. (Found by the simulation, whose clock then stood still.)
#[tokio::test]
async fn a_drain_that_waits_for_the_lake_asks_for_no_timer_that_nothing_serves() {
    let world = World::new(21, 12).await;
    let mut machine = machine(&world).await;
    let ticks = world.log.topic("ticks").await.unwrap();
    let batch = ticks.read(0, 0, 1 << 20, Duration::ZERO).await.unwrap();
    let end = market::RecordBatch::new(0, batch.next_offset);
    let mut now = Duration::from_secs(1);
    let mut effects = machine.step(now, Input::Batch(batch));
    effects.extend(machine.step(now, Input::Batch(end)));
    effects.extend(machine.step(now, Input::Drain));
    let mut writes = 0;
    while now < Duration::from_secs(60) {
        let answer = match effects.pop() {
            Some(Effect::Upsert { .. }) => Input::Upserted(true),
            Some(Effect::Publish(_)) => Input::Published(true),
            Some(Effect::Confirm(seq)) => Input::Confirmed { seq, taken: false },
            Some(Effect::Write { .. }) => {
                writes += 1;
                continue;
            }
            Some(other) => panic!("{other:?}"),
            None => {
                let due = machine.next_timer().unwrap();
                assert!(due > now, "due at {due:?}, at {now:?} already");
                now = due;
                Input::Timer
            }
        };
        effects.extend(machine.step(now, answer));
    }
    assert!(writes > 0, "it waits for files to be written");
}
