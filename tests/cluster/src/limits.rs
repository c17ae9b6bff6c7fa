//! How long and how much, each with its unit.

use std::time::Duration;

/// From the API server's first line to its yes on `/readyz`, and from a kubelet's to a node that takes pods.
pub const READY: Duration = Duration::from_secs(120);
/// Between two looks at a condition.
pub const LOOK: Duration = Duration::from_millis(100);
/// Volumes of a node: a volume is not used twice.
pub const VOLUMES: usize = 32;
