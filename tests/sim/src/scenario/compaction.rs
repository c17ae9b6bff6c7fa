//! Compaction of the day that midnight has closed, beside those who write and those who read.

use std::{collections::BTreeSet, time::Duration};

use commitlog::invariants::Invariant;
use ingest::{Roll, Settings};
use lake::{
    Lake,
    compact::{self, Options},
    history,
};

use super::storms::{death, deaths, records};
use crate::{
    dice::Dice,
    error::{Broken, Doing},
    faults::Weather,
    gate::Gate,
    worker::{Hire, Worker},
    world::World,
};

/// What compactors and readers meet: enough faults to break runs off, few enough to get some through.
const BREEZE: Weather =
    Weather { lake_before: 3, lake_after: 3, lake_torn: 5, lake_late: 15, lake_silent: 1, ..Weather::FAIR };

/// Many small files.
pub fn many_files(dice: &Dice, settings: &mut Settings) {
    settings.roll = Roll { rows: dice.between(4, 20), age: dice.millis(500, 4_000), ..settings.roll };
}

/// `compaction`
pub async fn beside_readers(world: &World) -> Result<Vec<Worker>, Broken> {
    let produced = world.produce("ticks", records(world));
    let (compacting, reading) = (tokio::spawn(compact(world.clone())), tokio::spawn(read(world.clone())));
    let left = deaths(world, Weather { store: 0, ..BREEZE }, produced).await?;
    // The clock that closes a day is the log's: by now it has passed midnight, or the scenario goes on until it has.
    tokio::time::sleep(Duration::from_secs(20)).await;
    compacting.abort();
    reading.abort();
    for task in [compacting, reading] {
        if let Ok(failed) = task.await {
            failed?;
        }
    }
    let (dead, alive): (Vec<Worker>, Vec<Worker>) = left.into_iter().partition(Worker::is_crashed);
    for worker in dead {
        worker.kill().await;
    }
    Ok(alive)
}

/// Compactors, one after the other and two at a time, that die.
async fn compact(world: World) -> Result<(), Broken> {
    for n in 0.. {
        world.pause(500, 6_000).await;
        let run = |side: &str| {
            let name = format!("compactor-{n}{side}");
            let crash = world.dice.chance(600).then(|| (world.dice.below(60), death(&world.dice)));
            let hire = Hire { crash, ..Hire::new(&world, &name).weather(BREEZE) };
            let options = Options {
                target_bytes: world.dice.pick(&[20 << 10, 1 << 20]).unwrap_or(1 << 20),
                nonce: Some(name),
                ..Options::default()
            };
            let world = world.clone();
            async move {
                let (_, lake) = hire.connect(&world, &Gate::default());
                tokio::select! {
                    biased;
                    () = lake.crashed() => {}
                    done = compact::run(&lake, "", &options, &|_| {}) => match done {
                        Ok(report) => {
                            let (before, after) = (report.files_before, report.files_after);
                            world.trace.say(&hire.name, format_args!("put {before} files into {after}"));
                        }
                        Err(error) => world.trace.say(&hire.name, error),
                    }
                }
            }
        };
        tokio::join!(run("a"), run("b"));
    }
    Ok(())
}

/// A reader: whatever was committed before it looks, it sees, and nothing twice.
async fn read(world: World) -> Result<(), Broken> {
    let weather = Weather { lake_read_ms: 30, ..Weather::FAIR };
    let (_, lake) = Hire::new(&world, "reader").weather(weather).connect(&world, &Gate::default());
    loop {
        world.pause(500, 5_000).await;
        let ends: Vec<u64> =
            (0..world.partitions()).map(|p| world.witness.end(p).map_or(0, |(_, end)| end)).collect();
        let seen = look(&lake).await?;
        let mut once = BTreeSet::new();
        for at in &seen {
            if !once.insert(*at) {
                world.witness.broken(Invariant::I1, format!("a reader sees {at:?} twice"));
            }
        }
        for (p, end) in ends.iter().enumerate() {
            let missing = (0..*end).find(|o| !once.contains(&(p as u32, *o)));
            if let Some(o) = missing {
                world
                    .witness
                    .broken(Invariant::I1, format!("a reader misses offset {o} of {p}, committed to {end}"));
            }
        }
    }
}

async fn look(lake: &dyn Lake) -> Result<Vec<(u32, u64)>, Broken> {
    let raw = history::raw(lake, "").await.doing("reading raw rows")?;
    let dead = history::dead(lake, "").await.doing("reading dead letters")?;
    let raw = raw.iter().map(|r| (r.partition, r.offset));
    Ok(raw.chain(dead.iter().map(|r| (r.partition, r.offset))).collect())
}
