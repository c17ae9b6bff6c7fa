//! The scenarios: who works on what, and what goes wrong when.
//!
//! Each is one function over a [`World`]; it ends with the workers that are still there. What must hold afterwards is the
//! same for all (`checks`), and so is the end: no more faults, everything committed, a clean drain, and one more owner
//! who finds nothing to do.

mod changes;
mod compaction;
mod losses;
mod owners;
mod storms;

use futures::future::LocalBoxFuture;
use ingest::Settings;

use crate::{dice::Dice, error::Broken, worker::Worker, world::World};

/// A scenario under way: it ends with the workers that are left.
pub type Played<'a> = LocalBoxFuture<'a, Result<Vec<Worker>, Broken>>;

/// A scenario.
pub struct Scenario {
    /// How it is called.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// What the settings that were drawn must be instead.
    pub set: fn(&Dice, &mut Settings),
    /// What happens.
    pub play: for<'a> fn(&'a World) -> Played<'a>,
}

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "crash-storm",
        about: "a worker dies at any call, is replaced, and dies again; every server fails now and then",
        set: |_, _| {},
        play: |world| Box::pin(storms::crashes(world)),
    },
    Scenario {
        name: "slow-store",
        about: "the feature store takes seconds for a batch, and fails; workers die meanwhile",
        set: |_, _| {},
        play: |world| Box::pin(storms::slow_store(world)),
    },
    Scenario {
        name: "absent-store",
        about: "the feature store is away for half a minute and more, again and again; workers die meanwhile",
        set: |_, _| {},
        play: |world| Box::pin(storms::absent_store(world)),
    },
    Scenario {
        name: "slow-lake",
        about: "every file takes half a second and more to write, renames come late; workers die meanwhile",
        set: |_, _| {},
        play: |world| Box::pin(storms::slow_lake(world)),
    },
    Scenario {
        name: "two-claimants",
        about: "two or three workers believe to own everything, to the end",
        set: owners::in_turns,
        play: |world| Box::pin(owners::claimants(world)),
    },
    Scenario {
        name: "zombie",
        about: "a worker freezes at any moment, another takes over, and the first goes on as if nothing had been",
        set: owners::in_turns,
        play: |world| Box::pin(owners::zombies(world)),
    },
    Scenario {
        name: "freeze",
        about: "members of a group freeze for less or more than a session: others own their partitions when they thaw",
        set: |_, _| {},
        play: |world| Box::pin(owners::freezes(world)),
    },
    Scenario {
        name: "scaling",
        about: "one worker, then three, then two, which hand partitions over, while some die",
        set: |_, _| {},
        play: |world| Box::pin(owners::scaling(world)),
    },
    Scenario {
        name: "retention",
        about: "the log drops records that were never read, and the lake drops days; workers die and stay away",
        set: losses::kept_briefly,
        play: |world| Box::pin(losses::retention(world)),
    },
    Scenario {
        name: "recreated-topic",
        about: "the topic is made again, twice, and accepted by a command that dies and is given again",
        set: |_, _| {},
        play: |world| Box::pin(losses::recreated(world)),
    },
    Scenario {
        name: "config-change",
        about: "each worker that follows a dead one is told another meaning of time",
        set: |_, _| {},
        play: |world| Box::pin(changes::semantics(world)),
    },
    Scenario {
        name: "compaction",
        about: "several processes compact the closed day and die, beside workers and readers",
        set: compaction::many_files,
        play: |world| Box::pin(compaction::beside_readers(world)),
    },
];

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|s| s.name == name)
}
