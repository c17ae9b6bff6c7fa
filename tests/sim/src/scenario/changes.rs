//! What is configured changes under way.

use std::sync::Arc;

use ingest::Settings;

use super::storms::{death, done, records};
use crate::{
    error::Broken,
    faults::Weather,
    settings,
    worker::{Hire, Worker},
    world::World,
};

/// `config-change`
pub async fn semantics(world: &World) -> Result<Vec<Worker>, Broken> {
    let produced = world.produce("ticks", records(world));
    let mut life = 0;
    loop {
        let hire = Hire::new(world, format!("worker-{life}")).weather(Weather::FOUL);
        let mortal = world.dice.chance(500);
        let crash = mortal.then(|| (world.dice.below(120), death(&world.dice)));
        let worker = Hire { crash, ..hire }.start(world);
        let lives = tokio::select! {
            biased;
            () = worker.crashed() => false,
            () = world.pause(2_000, 30_000) => true,
        };
        if lives && produced.is_finished() {
            done(produced).await?;
            return Ok(vec![worker]);
        }
        // A rolling restart drains; a node that is lost does not.
        match mortal {
            true => worker.kill().await,
            false => worker.drain().await?,
        }
        let before = world.settings();
        let drawn = settings::semantics(&world.dice, before.semantics.partitions);
        world.set(Settings { semantics: Arc::new(drawn), ..before });
        world.faults.count("other semantics");
        world.pause(0, 2_000).await;
        life += 1;
    }
}
