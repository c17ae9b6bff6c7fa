//! How one worker sees the servers: through its own connections, with its own faults and delays.

mod lake;
mod log;
mod store;

pub use self::{
    lake::{ClientLake, ServerLake},
    log::ClientLog,
    store::{ClientStore, Table},
};

use std::{sync::Arc, time::Duration};

use crate::{dice::Dice, faults::Weather, gate::Gate, world::World};

/// What all connections of one worker share.
#[derive(Clone)]
pub struct Client {
    /// The worker's name.
    pub name: Arc<str>,
    /// The world it lives in.
    pub world: World,
    /// How its calls go.
    pub weather: Weather,
    /// Whether it runs.
    pub gate: Gate,
    /// Its chance.
    pub dice: Dice,
}

impl Client {
    /// A call on its way to a server, or back: at most so many milliseconds, and never while the process is frozen.
    async fn travel(&self, from_ms: u64, to_ms: u64) {
        self.gate.pass().await;
        tokio::time::sleep(Duration::from_micros(self.dice.between(from_ms * 1_000, to_ms * 1_000))).await;
        self.gate.pass().await;
    }

    /// True so often in a thousand while faults are to come; counted.
    fn strikes(&self, permille: u64) -> bool {
        permille > 0 && !self.world.faults.are_over() && self.dice.chance(permille)
    }

    fn say(&self, what: impl std::fmt::Display) {
        self.world.trace.say(&self.name, what);
    }
}
