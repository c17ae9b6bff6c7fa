//! What every role needs around its work: telemetry, the admin endpoints, an orderly end, a byte budget, retries by
//! error kind, a lock on the data directory.
//!
//! Architecture Invariant: nothing here knows a tick. A role that needs more than this crate gives it needs it alone.

mod admin;
mod budget;
pub mod limits;
mod lock;
mod metrics;
mod process;
mod retry;
mod shutdown;
pub mod telemetry;
mod uds;

pub use admin::{AdminState, Heartbeat, Readiness};
pub use budget::{ByteBudget, Reserved};
pub use lock::{DirLock, LockError};
pub use market::ErrorKind;
pub use metrics::{MetricError, Metrics};
pub use process::{Usage, host_name, usage};
pub use retry::{Classified, RetryPolicy, retry};
pub use shutdown::Shutdown;
pub use uds::{ServeError, Serving, serve_tcp, serve_uds};
