//! Named limits of the predictor, each with its unit.

use std::time::Duration;

/// Bytes of one read of the features topic.
pub const READ_BYTES: usize = 1024 * 1024;
/// Longest wait of one read at the end of the topic.
pub const READ_WAIT: Duration = Duration::from_millis(1_000);
/// Reads per partition after a drain was asked for: what ingest published before it drained is still predicted from.
pub const DRAIN_READS: u32 = 64;
/// Batches between the readers and the predictor: readers wait when it is full.
pub const QUEUED_BATCHES: usize = 8;
/// Bars kept per symbol while a backlog is read: the newest so many get a (LATE) forecast, older ones are counted.
pub const BACKLOG_BARS_PER_SYMBOL: usize = 240;
/// Bars kept over all symbols while a backlog is read.
pub const BACKLOG_BARS: usize = 20_000;
/// How often alias histories are looked at and the status is renewed while nothing happens.
pub const ALIASES_EVERY: Duration = Duration::from_millis(500);
/// Pause before a version that could not be loaded is tried again.
pub const RELOAD_AFTER: Duration = Duration::from_secs(30);
/// Loaded versions kept; the least recently used goes first.
pub const MODELS: usize = 8;
/// Shortest time between two writes of the position.
pub const POSITION_EVERY: Duration = Duration::from_secs(1);
/// Outcomes in a rolling live skill, per symbol, horizon and version.
pub const SKILL_OUTCOMES: usize = 500;
/// Stored outcomes read at start-up to fill the rolling skills.
pub const SKILL_RELOADED: usize = 20_000;
/// (symbol, horizon, version) triples with a rolling skill; the first ones of a retired version go first.
pub const SKILLS: usize = 50_000;
/// Predictions without an outcome kept in memory; the store keeps all.
pub const PENDING: usize = 1_000_000;
