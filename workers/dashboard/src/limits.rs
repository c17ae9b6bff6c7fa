//! Named limits of the dashboard, each with its unit.

use std::time::Duration;

/// Rows one history request may ask for.
pub const MAX_ROWS: usize = 5_000;
/// Rows a history request gets when it names no limit.
pub const DEFAULT_ROWS: usize = 500;
/// Symbols that one listing describes.
pub const MAX_SYMBOLS: usize = 1_000;
/// Closes in a symbol's trend line.
pub const TREND_BARS: usize = 60;
/// Matured forecasts a live skill is measured over.
pub const SKILL_FORECASTS: usize = 480;
/// Fewest matured forecasts that are worth a figure.
pub const SKILL_LEAST: usize = 20;

/// Bytes of one `POST /api/v1/ticks`.
pub const TICKS_BODY_BYTES: usize = 1024 * 1024;
/// Bytes of all tick bodies being worked on; beyond it the answer is 429.
pub const TICKS_IN_FLIGHT_BYTES: usize = 8 * 1024 * 1024;
/// Verdicts spelt out in one answer; the counts always cover every line.
pub const TICKS_VERDICTS: usize = 1_000;

/// Browsers following the stream at once.
pub const STREAM_CLIENTS: usize = 256;
/// Events kept for clients that are a little behind.
pub const RING_EVENTS: usize = 16_384;
/// Events handed to one client in one go.
pub const BATCH_EVENTS: usize = 1_024;
/// Records a resuming client may catch up on; beyond it the client is told to load history again.
pub const CATCH_UP_RECORDS: u64 = 50_000;
/// Bytes of one read of a topic.
pub const READ_BYTES: usize = 1024 * 1024;
/// Longest wait for new records of a topic.
pub const READ_WAIT: Duration = Duration::from_millis(500);
/// Pause after a failed read of a topic.
pub const READ_RETRY: Duration = Duration::from_millis(500);
/// Between two sends to one client: 4 Hz.
pub const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// Between two looks at runs, aliases and measurements.
pub const POLL_EVERY: Duration = Duration::from_secs(2);
/// What one look at the feature store may take.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(2);
/// What a history request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Comment lines that keep an idle connection open.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
pub const RECONNECT_AFTER: Duration = Duration::from_millis(1_000);
