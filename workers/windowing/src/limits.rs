//! Named limits of event time and its windows, each with its unit.

use market::Span;

/// Most windows of one pipeline.
pub const WINDOWS: usize = 16;
/// Most bar sizes of one pipeline.
pub const BARS: usize = 8;
/// Most slides in one window: panes merged for one row, and panes kept beside the watermark.
pub const PANES: i64 = 720;
/// Longest name of a window, in bytes.
pub const NAME_BYTES: usize = 64;
/// A symbol without a tick for this long in event time leaves, once its last window has closed. Microseconds.
pub const IDLE_MICROS: i64 = 30 * 86_400 * 1_000_000;
/// Longest dedup horizon where the manifest names none, before the watermark is added.
pub const AUTO_HORIZON: Span = Span::from_secs(600);
/// Last record time that is believed, 2100-01-01 in milliseconds: a broken broker clock must not run T out of range.
pub const RECORD_MS: i64 = 4_102_444_800_000;
/// Gaps whose rows are told apart; beyond it neighbours are merged, which marks more rows partial, never fewer.
pub const GAPS: usize = 16;
/// Longest window, bar, tickSpan, watermark, maxFuture or dedup horizon: ten years. Event times stay far from the ends of i64.
pub const SPAN: Span = Span::from_secs(3_660 * 86_400);
/// Ticks that one pane may claim to hold in a stored state; a count, far above what a partition sees in a lifetime.
pub const STORED_COUNT: u64 = 1 << 60;
/// New symbols that a partition remembers for whoever asks which they are.
pub const NEWCOMERS: usize = 100_000;
