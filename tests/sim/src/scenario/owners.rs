//! More than one worker: with a group that says who owns what, and without.

use ingest::Settings;

use super::storms::{death, done, records};
use crate::{
    dice::Dice,
    error::Broken,
    faults::Weather,
    group::Group,
    worker::{Hire, Worker},
    world::World,
};

/// Where only fences decide, claimants take turns.
pub fn in_turns(dice: &Dice, settings: &mut Settings) {
    settings.fence_backoff = dice.chance(700);
}

/// `two-claimants`
pub async fn claimants(world: &World) -> Result<Vec<Worker>, Broken> {
    let produced = world.produce("ticks", records(world));
    let mut workers = Vec::new();
    for n in 0..world.dice.between(2, 4) {
        workers.push(Hire::new(world, format!("claimant-{n}")).weather(Weather::FOUL).start(world));
        world.pause(0, 3_000).await;
    }
    done(produced).await?;
    Ok(workers)
}

/// `zombie`
pub async fn zombies(world: &World) -> Result<Vec<Worker>, Broken> {
    let produced = world.produce("ticks", records(world));
    let mut workers: Vec<Worker> = Vec::new();
    let mut n = 0;
    while !produced.is_finished() {
        // At most three: whoever freezes is replaced, and comes back.
        if workers.len() < 3 {
            workers.push(Hire::new(world, format!("worker-{n}")).weather(Weather::FOUL).start(world));
            n += 1;
        }
        world.pause(100, 8_000).await;
        if let Some(worker) = workers.last().filter(|w| !w.gate.is_frozen()) {
            worker.freeze();
        }
        world.pause(100, 8_000).await;
        let at = world.dice.below(workers.len() as u64) as usize;
        if workers[at].gate.is_frozen() {
            workers[at].thaw();
        }
        if workers.len() == 3 && world.dice.chance(300) {
            workers.remove(at).kill().await;
        }
    }
    done(produced).await?;
    Ok(workers)
}

/// `freeze`
pub async fn freezes(world: &World) -> Result<Vec<Worker>, Broken> {
    let group = Group::new(world);
    let produced = world.produce("ticks", records(world));
    let mut workers = Vec::new();
    for n in 0..world.dice.between(2, 4) {
        let hire = Hire::new(world, format!("member-{n}")).weather(Weather::FOUL);
        workers.push(hire.member_of(&group).start(world));
    }
    while !produced.is_finished() {
        world.pause(500, 8_000).await;
        let at = world.dice.below(workers.len() as u64) as usize;
        workers[at].freeze();
        // For less than anybody notices, or for longer than a session.
        let (from, to) = world.dice.pick(&[(50, 7_000), (9_000, 30_000)]).unwrap_or((50, 7_000));
        world.pause(from, to).await;
        workers[at].thaw();
    }
    done(produced).await?;
    Ok(workers)
}

/// `scaling`
pub async fn scaling(world: &World) -> Result<Vec<Worker>, Broken> {
    let group = Group::new(world);
    let produced = world.produce("ticks", records(world));
    let mut n = 0;
    let mut hire = || {
        n += 1;
        Hire::new(world, format!("member-{n}")).weather(Weather::FOUL).member_of(&group).start(world)
    };
    let mut workers = vec![hire()];
    world.pause(1_000, 20_000).await;
    workers.push(hire());
    world.pause(0, 2_000).await;
    workers.push(hire());
    world.pause(1_000, 20_000).await;
    if world.dice.chance(500) {
        let at = world.dice.below(workers.len() as u64) as usize;
        workers.remove(at).kill().await;
        workers.push(hire());
        world.pause(0, 15_000).await;
    }
    workers.remove(0).drain().await?;
    if world.dice.chance(500) {
        // It dies in the middle of what it was given.
        let crash = Some((world.dice.below(40), death(&world.dice)));
        let mortal = Hire::new(world, "mortal").weather(Weather::FOUL).member_of(&group);
        let mortal = Hire { crash, ..mortal }.start(world);
        tokio::select! {
            biased;
            () = mortal.crashed() => {}
            () = world.pause(10_000, 30_000) => {}
        }
        mortal.kill().await;
    }
    done(produced).await?;
    Ok(workers)
}
