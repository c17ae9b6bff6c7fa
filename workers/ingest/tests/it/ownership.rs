//! Partitions come and go, are lost and come back, at any moment: what is stored is the same.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use commitlog::Kind;
use ingest::{Components, Error, OnHalt, Phase, Status, Summary};
use lake::{Call, Fault, FaultyLake, Lake};
use runtime::Shutdown;
use tick_log::{Ownership, OwnershipEvent};
use tokio::task::JoinHandle;

use crate::{
    told::Told,
    world::{PARTITIONS, World, assert_same, until},
};

/// A running worker.
struct Worker {
    told: Arc<Told>,
    status: Arc<Status>,
    shutdown: Shutdown,
    running: JoinHandle<Result<Summary, Error>>,
}

impl Worker {
    fn start(world: &World, lake: Arc<dyn Lake>, told: Arc<Told>) -> Self {
        let components =
            Components { ownership: told.clone() as Arc<dyn Ownership>, ..world.components(lake) };
        let (status, shutdown) = (components.status.clone(), Shutdown::new());
        let settings = ingest::Settings { on_halt: OnHalt::Keep, ..world.settings.clone() };
        let running = tokio::spawn(ingest::run(settings, components, shutdown.clone()));
        Self { told, status, shutdown, running }
    }

    async fn has_read(&self, partitions: &[u32], to: u64) {
        let read = |p: &u32| self.status.partitions().iter().any(|s| s.partition == *p && s.offset >= to);
        until(&format!("{partitions:?} are read to {to}"), || partitions.iter().all(read)).await;
    }

    async fn ends(self) -> Result<Summary, Error> {
        self.shutdown.drain();
        let ended = self.running.await.unwrap();
        assert!(self.told.has_left(), "whoever ends leaves");
        ended
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

async fn calm(seed: u64, records: u64) -> (World, ingest::dump::Dump) {
    let mut world = World::new(seed, records).await;
    world.settings.roll.rows = 20;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let want = world.dump().await;
    (world.fresh(), want)
}

async fn fences(world: &World) -> usize {
    let mut all = 0;
    for p in 0..PARTITIONS {
        all += world.commits(p).await.iter().filter(|c| c.kind == Kind::Fence).count();
    }
    all
}

#[tokio::test]
async fn a_partition_is_handed_over() {
    let (world, want) = calm(31, 150).await;
    let lake: Arc<dyn Lake> = Arc::new(world.lake.clone());
    let a = Worker::start(&world, lake.clone(), Told::owning(&[0, 1]));
    a.has_read(&[0, 1], 150).await;
    a.told.say(OwnershipEvent::Drain { partitions: vec![1], by: soon() });
    until("the hand-over is answered", || a.told.drained_times() == 1).await;
    assert_eq!(a.status.partitions().iter().map(|p| p.partition).collect::<Vec<_>>(), [0]);
    assert!(a.status.is_ready());
    assert_eq!(world.heads().await[1].end, 150, "everything is committed by then");
    let b = Worker::start(&world, lake, Told::owning(&[1]));
    b.has_read(&[1], 150).await;
    let (a, b) = (a.ends().await.unwrap(), b.ends().await.unwrap());
    assert!(a.commits > 0 && b.commits == 0, "{a:?} {b:?}");
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after a hand-over");
    world.assert_tidy().await;
}

/// A store that hangs does not keep a partition past its time: what is not committed is read again by the next owner.
#[tokio::test]
async fn a_hand_over_ends_in_time() {
    let (world, want) = calm(32, 100).await;
    let stuck = FaultyLake::new(Arc::new(world.lake.clone()), |_, call, path| {
        (call == Call::Create && path.contains("p=00001") && path.ends_with(".part")).then_some(Fault::Stall)
    });
    let a = Worker::start(&world, Arc::new(stuck.clone()), Told::owning(&[0, 1]));
    stuck.stalled().await;
    a.told.say(OwnershipEvent::Drain { partitions: vec![1], by: Instant::now() + Duration::from_secs(1) });
    until("it is answered all the same", || a.told.drained_times() == 1).await;
    let b = Worker::start(&world, Arc::new(world.lake.clone()), Told::owning(&[1]));
    b.has_read(&[1], 100).await;
    a.has_read(&[0], 100).await;
    b.ends().await.unwrap();
    a.ends().await.unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after a hand-over without a commit");
}

/// Lost and back: nobody had it, so it goes on from memory, without a fence.
#[tokio::test]
async fn what_comes_back_goes_on_from_memory() {
    let (world, want) = calm(33, 150).await;
    let a = Worker::start(&world, Arc::new(world.lake.clone()), Told::owning(&[0, 1]));
    a.has_read(&[0, 1], 150).await;
    let before = fences(&world).await;
    a.told.say(OwnershipEvent::Lost(vec![0, 1]));
    until("both are parked", || a.status.partitions().iter().all(|p| p.phase == Phase::Parked)).await;
    assert!(!a.status.is_ready());
    a.told.say(OwnershipEvent::Own(vec![0, 1]));
    until("both run", || a.status.partitions().iter().all(|p| p.phase == Phase::Running)).await;
    a.ends().await.unwrap();
    assert_eq!(fences(&world).await, before, "nobody claimed anything again");
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "after a park");
}

/// Lost at every call of a run, while that call hangs; back at once. The call itself may go through or never happen.
#[tokio::test]
async fn a_loss_at_any_call_leaves_no_trace() {
    let (calm, want) = calm(34, 40).await;
    let step = if std::env::var_os("STOCKPIPE_LONG").is_some() { 1 } else { 3 };
    for n in (0..).step_by(step) {
        let world = calm.fresh();
        let lake = FaultyLake::once(Arc::new(world.lake.clone()), n, Fault::Stall);
        let a = Worker::start(&world, Arc::new(lake.clone()), Told::owning(&[0, 1]));
        let all = async {
            a.has_read(&[0, 1], 40).await;
            a.status.request_commit();
            until("all is committed", || a.status.partitions().iter().all(|p| p.committed == 40)).await;
        };
        let hangs = tokio::select! {
            () = lake.stalled() => true,
            () = all => false,
        };
        a.told.say(OwnershipEvent::Lost(vec![0, 1]));
        a.told.say(OwnershipEvent::Own(vec![0, 1]));
        lake.release();
        a.has_read(&[0, 1], 40).await;
        a.ends().await.unwrap();
        // It may have been told to end before it was told that it owns them again.
        world.run(Arc::new(world.lake.clone())).await.unwrap();
        world.check().await.unwrap();
        assert_same(&world.dump().await, &want, &format!("lost at call {n}"));
        world.assert_tidy().await;
        if !hangs {
            assert!(n > 30, "a run has many calls: {n}");
            break;
        }
    }
}

/// Lost, and another had it meanwhile: what is in memory is thrown away.
#[tokio::test]
async fn what_another_had_is_restored() {
    let (world, _) = calm(35, 100).await;
    let lake: Arc<dyn Lake> = Arc::new(world.lake.clone());
    let a = Worker::start(&world, lake.clone(), Told::owning(&[0, 1]));
    a.has_read(&[0, 1], 100).await;
    a.told.say(OwnershipEvent::Lost(vec![0]));
    until("it is parked", || a.status.partitions()[0].phase == Phase::Parked).await;
    let b = Worker::start(&world, lake, Told::owning(&[0]));
    b.has_read(&[0], 100).await;
    world.append(36, 30).await;
    b.has_read(&[0], 130).await;
    b.ends().await.unwrap();
    let before = fences(&world).await;
    a.told.say(OwnershipEvent::Own(vec![0]));
    a.has_read(&[0, 1], 130).await;
    a.ends().await.unwrap();
    assert_eq!(fences(&world).await, before + 1);
    world.check().await.unwrap();
    let again = world.fresh();
    again.run(Arc::new(again.lake.clone())).await.unwrap();
    assert_same(&world.dump().await, &again.dump().await, "after another owner");
}

/// Whoever is not sure to own anything writes nothing that others could see.
#[tokio::test]
async fn nothing_is_written_by_whoever_is_not_sure() {
    let (world, _) = calm(37, 60).await;
    let a = Worker::start(&world, Arc::new(world.lake.clone()), Told::owning(&[0, 1]));
    a.has_read(&[0, 1], 60).await;
    a.told.be_sure(false);
    let ends = |heads: Vec<commitlog::Commit>| heads.iter().map(|h| h.end).collect::<Vec<_>>();
    let (committed, rows) =
        (ends(world.heads().await), world.store.rows(&Default::default()).await.unwrap().len());
    world.append(38, 200).await;
    a.status.request_commit();
    // Longer than the pauses between two looks, with everything there to be read.
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(a.status.partitions().iter().all(|p| p.offset <= 60), "no batch is applied");
        assert_eq!(ends(world.heads().await), committed);
    }
    assert_eq!(world.store.rows(&Default::default()).await.unwrap().len(), rows);
    a.told.be_sure(true);
    a.has_read(&[0, 1], 260).await;
    a.ends().await.unwrap();
    assert!(world.store.rows(&Default::default()).await.unwrap().len() > rows);
    world.check().await.unwrap();
}

/// One partition stands still: the others go on, and everybody can see it.
#[tokio::test]
async fn a_halt_keeps_the_others() {
    let mut world = World::new(39, 60).await;
    world.settings.roll.rows = 25;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    let path = world.lake.list("_log/p=00000").await.unwrap().pop().unwrap().path;
    let bytes = world.lake.read(&path).await.unwrap();
    world.lake.damage(&path, bytes.slice(..bytes.len() / 2));
    let a = Worker::start(&world, Arc::new(world.lake.clone()), Told::owning(&[0, 1]));
    a.has_read(&[1], 60).await;
    until("it halts", || a.status.partitions()[0].phase == Phase::Halted).await;
    world.append(40, 60).await;
    a.has_read(&[1], 120).await;
    assert!(!a.status.is_ready());
    let conditions = a.status.conditions();
    let halted = conditions.iter().find(|c| c.kind == "Halted").unwrap();
    assert_eq!(halted.partition, Some(0));
    assert!(halted.message.contains(&path), "{halted:?}");
    assert_eq!(a.status.json()["conditions"][0]["kind"], "Halted");
    // Given back, it is no more of ours to tell.
    a.told.say(OwnershipEvent::Drain { partitions: vec![0], by: soon() });
    until("the hand-over is answered", || a.told.drained_times() == 1).await;
    assert!(a.status.conditions().is_empty() && a.status.is_ready());
    a.ends().await.unwrap();
    world.lake.damage(&path, bytes);
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    world.check().await.unwrap();
}

/// More than one worker believes to own everything: each offset is stored once all the same.
#[tokio::test]
async fn two_that_believe_to_own_a_partition_store_it_once() {
    let (world, want) = calm(41, 150).await;
    let lake: Arc<dyn Lake> = Arc::new(world.lake.clone());
    let a = Worker::start(&world, lake.clone(), Told::owning(&[0, 1]));
    let b = Worker::start(&world, lake, Told::owning(&[0, 1]));
    until("each partition is read by one of them", || {
        let read = |w: &Worker, p: usize| {
            w.status.partitions().get(p).is_some_and(|s| s.offset == 150 && s.phase == Phase::Running)
        };
        (0..2).all(|p| read(&a, p) || read(&b, p))
    })
    .await;
    a.ends().await.unwrap();
    b.ends().await.unwrap();
    world.check().await.unwrap();
    assert_same(&world.dump().await, &want, "with two owners");
}

/// The log grows between a claimant's look at it and its fence, and another commits what has come. That is no truncated
/// log: a claimant that said so would halt, and `accept-topic` would read those records a second time. (Found by the
/// simulation: a worker that froze in its claim.)
#[tokio::test]
async fn a_log_that_grew_under_a_claim_is_not_truncated() {
    let world = World::new(43, 60).await;
    let slow = FaultyLake::new(Arc::new(world.lake.clone()), |_, call, path| {
        (call == Call::List && path.starts_with("_log/p=")).then_some(Fault::Stall)
    });
    let (claimant, lake) = (world.clone(), slow.clone());
    let claims = tokio::spawn(async move { claimant.run(Arc::new(lake)).await });
    slow.stalled().await;
    world.append(44, 40).await;
    world.run(Arc::new(world.lake.clone())).await.unwrap();
    slow.release();
    claims.await.unwrap().unwrap();
    world.check().await.unwrap();
}
