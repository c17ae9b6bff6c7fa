//! One worker process: the real `ingest::run`, with connections of its own, that can be killed, frozen and drained.

use std::{sync::Arc, time::Duration};

use ingest::{Components, Error, Settings, Status, Summary};
use lake::Fault;
use market::ErrorKind;
use parking_lot::Mutex;
use runtime::Shutdown;
use tick_log::{Ownership, StaticOwnership};
use tokio::task::JoinHandle;

use crate::{
    dice::Dice,
    error::Broken,
    faults::Weather,
    gate::Gate,
    group::Group,
    ports::{Client, ClientLake, ClientLog, ClientStore},
    world::World,
};

/// How long a drain may take, stores that do not answer included.
const DRAIN: Duration = Duration::from_secs(300);

/// How a worker is set up.
pub struct Hire {
    /// Its name, used once.
    pub name: String,
    /// How its calls go.
    pub weather: Weather,
    /// At which call of the lake its process dies, and how.
    pub crash: Option<(u64, Fault)>,
    /// What its own clock is ahead, in milliseconds.
    pub clock_ahead_ms: i64,
    /// What it is told.
    pub settings: Settings,
    /// Who says what it owns; absent: it owns everything, whoever else does.
    pub group: Option<Group>,
}

impl Hire {
    /// The owner of everything with the world's settings, a clock of its own, and fair weather.
    pub fn new(world: &World, name: impl Into<String>) -> Self {
        let clock_ahead_ms = world.dice.below(4_000) as i64 - 2_000;
        let settings = world.settings();
        Self { name: name.into(), weather: Weather::FAIR, crash: None, clock_ahead_ms, settings, group: None }
    }

    /// The same in that weather.
    pub fn weather(self, weather: Weather) -> Self {
        Self { weather, ..self }
    }

    /// The same as a member of that group.
    pub fn member_of(self, group: &Group) -> Self {
        Self { group: Some(group.clone()), ..self }
    }

    /// Connections of a process of that name, and the lake that may kill it.
    pub fn connect(&self, world: &World, gate: &Gate) -> (Components, ClientLake) {
        let client = Client {
            name: self.name.as_str().into(),
            world: world.clone(),
            weather: self.weather,
            gate: gate.clone(),
            dice: Dice::new(world.seed, &self.name),
        };
        let lake = ClientLake::new(client.clone(), self.crash.clone());
        let names = Dice::new(world.seed, &format!("entropy of {}", self.name));
        let components = Components {
            log: Arc::new(ClientLog::new(client.clone())),
            ownership: ownership(world, self.group.as_ref(), gate),
            lake: Arc::new(lake.clone()),
            store: Arc::new(ClientStore::new(client)),
            metrics: runtime::Metrics::new(),
            status: Arc::new(Status::new()),
            clock: world.time.clock(self.clock_ahead_ms),
            entropy: Arc::new(move || names.number()),
        };
        (components, lake)
    }

    /// Starts it.
    pub fn start(self, world: &World) -> Worker {
        let (gate, shutdown) = (Gate::default(), Shutdown::new());
        let (components, lake) = self.connect(world, &gate);
        let status = Arc::new(Mutex::new(components.status.clone()));
        let pod = Pod {
            name: self.name.as_str().into(),
            world: world.clone(),
            gate: gate.clone(),
            status: status.clone(),
            shutdown: shutdown.clone(),
            settings: self.settings,
            group: self.group,
        };
        world.trace.say(&self.name, "starts");
        let name = pod.name.clone();
        let running = tokio::spawn(pod.live(components));
        Worker { name, world: world.clone(), gate, status, lake, shutdown, running }
    }
}

fn ownership(world: &World, group: Option<&Group>, gate: &Gate) -> Arc<dyn Ownership> {
    match group {
        Some(group) => group.join(gate),
        None => Arc::new(StaticOwnership::new(0..world.partitions())),
    }
}

/// What starts a process again that ended by itself.
struct Pod {
    name: Arc<str>,
    world: World,
    gate: Gate,
    status: Arc<Mutex<Arc<Status>>>,
    shutdown: Shutdown,
    settings: Settings,
    group: Option<Group>,
}

impl Pod {
    /// A process ends by itself where a server does not answer at its start, or where it was frozen for too long. Any
    /// other end is a failure.
    async fn live(self, mut components: Components) -> Result<Summary, Error> {
        loop {
            let ended = ingest::run(self.settings.clone(), components.clone(), self.shutdown.clone()).await;
            match ended {
                Err(error) if is_passing(&error) && !self.shutdown.is_draining() => {
                    self.world.trace.say(&self.name, format_args!("is started again: {error}"));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                ended => return ended,
            }
            let status = Arc::new(Status::new());
            *self.status.lock() = status.clone();
            let ownership = ownership(&self.world, self.group.as_ref(), &self.gate);
            components = Components { metrics: runtime::Metrics::new(), status, ownership, ..components };
        }
    }
}

/// Errors that injected faults explain.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Retry | ErrorKind::Unavailable | ErrorKind::Fenced)
}

/// A running worker.
pub struct Worker {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it runs.
    pub gate: Gate,
    world: World,
    status: Arc<Mutex<Arc<Status>>>,
    lake: ClientLake,
    shutdown: Shutdown,
    running: JoinHandle<Result<Summary, Error>>,
}

impl Worker {
    /// How it stands.
    pub fn status(&self) -> Arc<Status> {
        self.status.lock().clone()
    }

    /// How it stands, in a line.
    pub fn told(&self) -> String {
        let of = |p: &ingest::PartitionStatus| {
            let reason = p.reason.as_deref().unwrap_or_default();
            format!("p{} {:?} {}/{}/{} {reason}", p.partition, p.phase, p.committed, p.offset, p.log_end)
        };
        let partitions: Vec<String> = self.status().partitions().iter().map(of).collect();
        format!("{}: {}", self.name, partitions.join(", "))
    }

    /// Waits until its process dies by a fault of the lake.
    pub async fn crashed(&self) {
        self.lake.crashed().await;
    }

    /// True once its process has died by a fault of the lake.
    pub fn is_crashed(&self) -> bool {
        self.lake.is_crashed()
    }

    /// Waits until it ends by itself; says why.
    pub async fn died(&mut self) -> String {
        match (&mut self.running).await {
            Ok(Ok(summary)) => format!("it left: {summary:?}"),
            Ok(Err(error)) => error.to_string(),
            Err(stopped) => stopped.to_string(),
        }
    }

    /// True while it runs.
    pub fn is_alive(&self) -> bool {
        !self.running.is_finished()
    }

    /// It stands still: nothing goes out or comes in.
    pub fn freeze(&self) {
        self.world.faults.count("freeze");
        self.world.trace.say(&self.name, "freezes");
        self.gate.freeze();
    }

    /// It goes on where it was.
    pub fn thaw(&self) {
        self.world.trace.say(&self.name, "thaws");
        self.gate.thaw();
    }

    /// kill -9: whatever it was doing stops here.
    pub async fn kill(self) {
        self.world.faults.count("kill");
        self.world.trace.say(&self.name, "is killed");
        self.running.abort();
        // The answer says only that it was stopped.
        let _ = self.running.await;
    }

    /// SIGTERM: waits until it has drained. While faults are injected, a store may not answer in time.
    pub async fn drain(self) -> Result<(), Broken> {
        self.world.trace.say(&self.name, "is to drain");
        self.shutdown.drain();
        let told = self.told();
        let ended = |why: String| Broken::Ended { worker: self.name.to_string(), why };
        match tokio::time::timeout(DRAIN, self.running).await {
            Ok(Ok(Ok(summary))) => {
                self.world.trace.say(&self.name, format_args!("has drained: {} commits", summary.commits));
                Ok(())
            }
            // Whoever has lost its partitions to another ends as it may: what counts is what is stored.
            Ok(Ok(Err(error))) if error.kind() == ErrorKind::Fenced => Ok(()),
            Ok(Ok(Err(error))) if is_passing(&error) && !self.world.faults.are_over() => Ok(()),
            Ok(Ok(Err(error))) => Err(ended(error.to_string())),
            Ok(Err(stopped)) => Err(ended(stopped.to_string())),
            Err(_) => Err(Broken::Stuck(format!("it drains for more than {DRAIN:?}: {told}"))),
        }
    }
}
