//! What every pass of the pipeline controller shares: the client, the clock, what is remembered of each pipeline.
//!
//! Nothing here has to survive a restart: what is forgotten costs a wait that begins anew, never a wrong decision.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use parking_lot::Mutex;

use super::rollouts::Rollouts;
use super::scaling;
use crate::backoff::Backoff;
use crate::cache::Cache;
use crate::environment::Environment;
use crate::events::Events;
use crate::metrics::OperatorMetrics;
use crate::workers::Ask;

/// Namespace and name of a pipeline.
pub type Key = (String, String);

/// The time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// A number in 0..1, another one each time.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Shared by all passes.
pub struct Context {
    /// Talks to the API server.
    pub client: Client,
    /// The operator's settings.
    pub environment: Environment,
    /// What there is of every pipeline.
    pub cache: Arc<Cache>,
    /// Writes Events.
    pub events: Events,
    /// What is counted.
    pub metrics: OperatorMetrics,
    /// Asks workers.
    pub ask: Ask,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub jitter: Jitter,
    /// Failures in a row.
    pub backoff: Backoff<Key>,
    /// Who may change pods after an upgrade of the operator.
    pub rollouts: Rollouts<Key>,
    memories: Mutex<HashMap<Key, Memory>>,
}

/// What is remembered of one pipeline between two passes.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// The uid it is remembered of: a pipeline of the same name is another one.
    pub uid: String,
    /// What autoscaling has seen.
    pub scaling: scaling::Memory,
    /// Uid of the Job that failed last, and failures in a row.
    pub failed_job: (String, u32),
    /// The last status written.
    pub written: Option<Timestamp>,
}

impl Memory {
    /// How often init or cleanup has failed in a row, with this failed Job.
    pub fn failures(&mut self, job_uid: &str) -> u32 {
        if self.failed_job.0 != job_uid {
            self.failed_job = (job_uid.to_owned(), self.failed_job.1.saturating_add(1));
        }
        self.failed_job.1
    }
}

impl Context {
    /// Nothing remembered yet.
    pub fn new(
        client: Client,
        environment: Environment,
        metrics: OperatorMetrics,
        ask: Ask,
        (clock, jitter): (Clock, Jitter),
        instance: Option<String>,
    ) -> Self {
        let events = Events::new(client.clone(), instance);
        Context {
            client,
            environment,
            cache: Arc::default(),
            events,
            metrics,
            ask,
            clock,
            jitter,
            backoff: Backoff::default(),
            rollouts: Rollouts::default(),
            memories: Mutex::default(),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Works with what is remembered of a pipeline.
    pub fn remember<T>(&self, key: &Key, uid: &str, work: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memories = self.memories.lock();
        let memory = memories.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory { uid: uid.to_owned(), ..Memory::default() };
        }
        work(memory)
    }

    /// The pipeline is gone.
    pub fn forget(&self, key: &Key) {
        self.memories.lock().remove(key);
        self.backoff.clear(key);
        self.rollouts.done(key);
        self.metrics.stated("StockPipeline", &format!("{}/{}", key.0, key.1), &[]);
    }
}
