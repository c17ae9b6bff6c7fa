//! What the log loses: records past their retention, and whole topics.

use std::time::Duration;

use ingest::{OnGap, Settings, accept_topic};
use tick_log::Log;

use super::storms::{death, deaths, done, records};
use crate::{
    dice::Dice,
    error::{Broken, Doing},
    faults::Weather,
    gate::Gate,
    settings::PATIENCE,
    worker::{Hire, Worker},
    world::World,
};

const DAY: Duration = Duration::from_secs(86_400);

/// Raw ticks are kept for a day; lost records are recorded.
pub fn kept_briefly(_: &Dice, settings: &mut Settings) {
    settings.retention = Some(DAY);
    settings.on_gap = OnGap::Record;
}

/// `retention`
pub async fn retention(world: &World) -> Result<Vec<Worker>, Broken> {
    let kept = Some(world.dice.millis(2_000, 15_000));
    let topic = world.settings().ticks_topic;
    world.log.create_topic(&topic, world.partitions(), kept).await.doing("setting the retention")?;
    let produced = world.produce("before the days", records(world));
    let mut left = deaths(world, Weather::FOUL, produced).await?;
    if world.dice.chance(500) {
        // Whoever was there stays; else a successor finds days that are past their retention.
        for worker in left.drain(..) {
            worker.kill().await;
        }
    }
    for worker in left {
        worker.drain().await?;
    }
    tokio::time::sleep(DAY * (1 + world.dice.below(3) as u32)).await;
    let produced = world.produce("after the days", records(world));
    deaths(world, Weather::FOUL, produced).await
}

/// `recreated-topic`
pub async fn recreated(world: &World) -> Result<Vec<Worker>, Broken> {
    let topic = world.settings().ticks_topic;
    let worker = Hire::new(world, "worker").weather(Weather::FOUL).start(world);
    done(world.produce("first topic", records(world))).await?;
    for round in 0..2 {
        // What was read of a topic and is not committed when it goes is lost with it: nobody could read it again.
        world.until("everything is committed", PATIENCE, async || world.is_committed().await).await?;
        world.log.delete_topic(&topic).await.doing("deleting the topic")?;
        world.pause(0, 20_000).await;
        world.log.create_topic(&topic, world.partitions(), None).await.doing("making the topic again")?;
        world.faults.count("log: topic made again");
        let produced = world.produce(&format!("topic {round}"), records(world));
        world.pause(0, 10_000).await;
        accept(world, round).await?;
        done(produced).await?;
    }
    Ok(vec![worker])
}

/// The command is given until it ends well; it dies now and then.
async fn accept(world: &World, round: usize) -> Result<(), Broken> {
    for attempt in 0.. {
        let hire = Hire::new(world, format!("command-{round}-{attempt}")).weather(Weather::FOUL);
        let crash = (attempt < 3).then(|| (world.dice.below(30), death(&world.dice)));
        let hire = Hire { crash, ..hire };
        let (components, lake) = hire.connect(world, &Gate::default());
        let accepted = tokio::select! {
            biased;
            () = lake.crashed() => None,
            accepted = accept_topic(hire.settings, components, None) => Some(accepted),
        };
        match accepted {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => world.trace.say(&hire.name, format_args!("gives up: {error}")),
            None => world.trace.say(&hire.name, "dies"),
        }
        world.pause(100, 3_000).await;
    }
    Ok(())
}
