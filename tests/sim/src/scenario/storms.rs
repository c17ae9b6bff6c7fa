//! Deaths, one after the other, in any weather.

use lake::Fault;
use tokio::task::JoinHandle;

use crate::{
    dice::Dice,
    error::{Broken, Doing},
    faults::Weather,
    worker::{Hire, Worker},
    world::World,
};

/// Records of each partition.
pub fn records(world: &World) -> u64 {
    world.dice.between(60, 300)
}

/// How a process dies at a call.
pub fn death(dice: &Dice) -> Fault {
    dice.pick(&[Fault::CrashBefore, Fault::CrashAfter, Fault::CrashTorn]).unwrap_or(Fault::CrashBefore)
}

/// What producers said when they were done.
pub async fn done(produced: JoinHandle<Result<(), Broken>>) -> Result<(), Broken> {
    produced.await.doing("producing")?
}

/// Workers that die at a call, or are killed between calls, until everything was appended.
pub async fn deaths(
    world: &World,
    weather: Weather,
    produced: JoinHandle<Result<(), Broken>>,
) -> Result<Vec<Worker>, Broken> {
    let mut life = 0;
    loop {
        let hire = Hire::new(world, format!("worker-{life}")).weather(weather);
        let crash = world.dice.chance(700).then(|| (world.dice.below(120), death(&world.dice)));
        let worker = Hire { crash, ..hire }.start(world);
        let lives = tokio::select! {
            biased;
            () = worker.crashed() => false,
            () = world.pause(200, 30_000) => true,
        };
        if lives && produced.is_finished() {
            done(produced).await?;
            return Ok(vec![worker]);
        }
        worker.kill().await;
        world.pause(0, 2_000).await;
        life += 1;
    }
}

/// `crash-storm`
pub async fn crashes(world: &World) -> Result<Vec<Worker>, Broken> {
    let produced = world.produce("ticks", records(world));
    deaths(world, Weather::FOUL, produced).await
}

/// `slow-store`
pub async fn slow_store(world: &World) -> Result<Vec<Worker>, Broken> {
    let weather =
        Weather { store_ms: world.dice.between(2_000, 12_000), store: 100, log: 5, ..Weather::FAIR };
    let produced = world.produce("ticks", records(world));
    deaths(world, weather, produced).await
}

/// `absent-store`
pub async fn absent_store(world: &World) -> Result<Vec<Worker>, Broken> {
    let produced = world.produce("ticks", records(world));
    let goes = world.clone();
    tokio::spawn(async move {
        loop {
            goes.pause(500, 5_000).await;
            goes.store_goes(true);
            goes.faults.count("store: goes away");
            goes.pause(5_000, 60_000).await;
            goes.store_goes(false);
        }
    });
    let weather = Weather { lake_late: 10, lake_torn: 10, ..Weather::FAIR };
    deaths(world, weather, produced).await
}

/// `slow-lake`
pub async fn slow_lake(world: &World) -> Result<Vec<Worker>, Broken> {
    let weather = Weather {
        lake_write_ms: world.dice.between(500, 1_500),
        lake_read_ms: world.dice.between(10, 400),
        lake_late: 80,
        lake_silent: 20,
        ..Weather::FAIR
    };
    let produced = world.produce("ticks", records(world));
    deaths(world, weather, produced).await
}
