//! One run: a seed and a scenario, from an empty world to a verdict.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    checks,
    error::{Broken, Doing},
    faults::Break,
    scenario::Scenario,
    settings::PATIENCE,
    worker::{Hire, Worker},
    world::World,
};

/// What is to be played.
#[derive(Clone, Copy)]
pub struct Play<'a> {
    /// What reproduces it.
    pub seed: u64,
    /// What happens.
    pub scenario: &'a Scenario,
    /// A promise that the world breaks on purpose.
    pub broken: Option<Break>,
    /// Print the trace as it grows.
    pub live: bool,
}

impl<'a> Play<'a> {
    /// That scenario under that seed.
    pub fn new(seed: u64, scenario: &'a Scenario) -> Self {
        Self { seed, scenario, broken: None, live: false }
    }

    /// The same in a world that breaks a promise.
    pub fn breaking(self, what: Break) -> Self {
        Self { broken: Some(what), ..self }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Simulated time.
    pub took: Duration,
    /// Records appended.
    pub records: u64,
    /// Records of the commit logs, fences and controls included.
    pub commits: u64,
    /// Faults by kind.
    pub injected: BTreeMap<String, u64>,
    /// Everything that crossed a border.
    pub trace: String,
    /// Its fingerprint.
    pub digest: String,
}

/// A run that failed, with what led to it.
#[derive(Debug, thiserror::Error)]
#[error("{why}\nlast lines of the trace:\n{tail}")]
pub struct Failure {
    /// Why.
    #[source]
    pub why: Broken,
    /// The last lines of the trace.
    pub tail: String,
}

/// Lines of a trace that a failure shows.
const TAIL: usize = 12;

/// Plays a scenario under a seed.
pub fn run(play: Play<'_>) -> Result<Outcome, Box<Failure>> {
    let bare = |why: Broken| Box::new(Failure { why, tail: String::new() });
    // One thread and a clock that leaps: what happens next is a function of what happened before.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.doing("making a runtime").map_err(bare)?;
    runtime.block_on(async {
        let world = World::new(&play).await.map_err(bare)?;
        let played = whole(&world, play.scenario).await;
        match played {
            Ok(()) => Ok(Outcome {
                took: world.time.since_start(),
                records: world.ledger.count(),
                commits: world.witness.commits(),
                injected: world.faults.injected(),
                trace: world.trace.text(),
                digest: world.trace.digest(),
            }),
            Err(why) => Err(Box::new(Failure { why, tail: world.trace.tail(TAIL) })),
        }
    })
}

async fn whole(world: &World, scenario: &Scenario) -> Result<(), Broken> {
    let left = (scenario.play)(world).await?;
    if world.faults.injected().is_empty() {
        return Err(Broken::Harmless);
    }
    settle(world, left).await?;
    checks::all(world).await
}

/// No more faults: what is left commits everything and drains; one more owner finds nothing to do.
async fn settle(world: &World, mut workers: Vec<Worker>) -> Result<(), Broken> {
    world.trace.say("world", "no more faults");
    world.faults.end();
    workers.iter().filter(|w| w.gate.is_frozen()).for_each(Worker::thaw);
    if workers.is_empty() {
        workers.push(Hire::new(world, "heir").start(world));
    }
    committed(world, &mut workers).await?;
    for worker in workers {
        worker.drain().await?;
    }
    let mut last = vec![Hire::new(world, "last").start(world)];
    let high = |p: &ingest::PartitionStatus| p.phase == ingest::Phase::Running && p.committed == p.log_end;
    world
        .until("the last owner has everything", PATIENCE, async || {
            let status = last[0].status().partitions();
            Ok(status.len() == world.partitions() as usize && status.iter().all(high))
        })
        .await?;
    for worker in last.drain(..) {
        worker.drain().await?;
    }
    Ok(())
}

async fn committed(world: &World, workers: &mut [Worker]) -> Result<(), Broken> {
    let waited = world.until("everything is committed", PATIENCE, async || world.is_committed().await).await;
    if let Some(worker) = workers.iter_mut().find(|w| !w.is_alive()) {
        let why = worker.died().await;
        return Err(Broken::Ended { worker: worker.name.to_string(), why });
    }
    waited.map_err(|why| {
        let told: Vec<String> = workers.iter().map(Worker::told).collect();
        Broken::Stuck(format!("{why}: {}", told.join("; ")))
    })
}
