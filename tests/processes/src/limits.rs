//! How long and how much, each with its unit.

use std::time::Duration;

/// From a server's start to the log line that says it is ready. Seconds on a quiet machine.
pub const READY: Duration = Duration::from_secs(180);
/// From SIGTERM to SIGKILL.
pub const STOP: Duration = Duration::from_secs(30);
/// From SIGKILL to the end of a process: it only waits for the kernel.
pub const DEATH: Duration = Duration::from_secs(20);
/// Between two looks at a condition.
pub const LOOK: Duration = Duration::from_millis(50);
/// Lines of a log that an error carries.
pub const TAIL_LINES: usize = 25;
/// First port of the first block; the last block ends below 32768, where ephemeral ports begin.
pub const FIRST_PORT: u16 = 20_000;
/// Blocks of 100 ports.
pub const PORT_BLOCKS: u16 = 127;
