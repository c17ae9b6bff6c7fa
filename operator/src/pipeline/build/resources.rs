//! What each kind of pod asks for where nobody says otherwise. Memory is requested as it is limited: a worker that runs
//! into its limit is its own fault, never a neighbour's. Processor time is asked for and not limited: a limit would
//! only delay forecasts while the node idles.

use crate::pipeline::desired::Role;

/// Requests, limits and time to end of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// Requested processor time.
    pub cpu: &'static str,
    /// Requested memory, and its limit.
    pub memory: &'static str,
    /// Seconds between SIGTERM and SIGKILL: what a drain needs at most.
    pub grace_seconds: i64,
}

/// Ingest: partitions' budgets are 256 MiB, the rest is clients and buffers. A drain commits every partition.
const INGEST: Resources = Resources { cpu: "250m", memory: "384Mi", grace_seconds: 120 };
/// Rekey: a transaction in flight ends first.
const REKEY: Resources = Resources { cpu: "250m", memory: "256Mi", grace_seconds: 60 };
/// The predictor: models of the served and the tried version.
const PREDICTOR: Resources = Resources { cpu: "100m", memory: "256Mi", grace_seconds: 60 };
/// The dashboard: what is shown and who looks.
const DASHBOARD: Resources = Resources { cpu: "50m", memory: "128Mi", grace_seconds: 30 };
/// The producer: symbols' states and one batch.
const PRODUCER: Resources = Resources { cpu: "50m", memory: "96Mi", grace_seconds: 30 };
/// The Jobs that set up and take down.
pub const JOB: Resources = Resources { cpu: "100m", memory: "256Mi", grace_seconds: 30 };

/// Size of `/tmp`: no role keeps data on a disk.
pub const TMP: &str = "64Mi";

/// What a role's pods ask for.
pub const fn of(role: Role) -> Resources {
    match role {
        Role::Ingest => INGEST,
        Role::Rekey => REKEY,
        Role::Predictor => PREDICTOR,
        Role::Dashboard => DASHBOARD,
        Role::Producer => PRODUCER,
    }
}
