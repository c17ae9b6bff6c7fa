//! Named limits, each with its unit.

use std::time::Duration;

/// How long a second process waits for the lock of a data directory.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How often it looks again; `flock` has no waiting form with a deadline.
pub const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// First pause of a retry.
pub const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause of a retry.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a role may be silent before `/livez` fails.
pub const HEARTBEAT: Duration = Duration::from_secs(30);
