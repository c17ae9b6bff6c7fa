//! Named limits of the commit log, each with its unit.

/// Deltas after which a commit writes its state in full.
pub const SNAPSHOT_EVERY: usize = 100;
/// Commits that are kept behind the newest, for readers that are a little behind.
pub const COMMITS_KEPT: u64 = 100;
/// Fences whose records are never swept: a worker frozen over fewer take-overs can never find its number free.
pub const FENCES_KEPT: usize = 32;
/// Longest commit record that is read, in bytes.
pub const COMMIT_BYTES: usize = 16 * 1024 * 1024;
/// Longest state payload that is read, in bytes.
pub const STATE_BYTES: u64 = 1024 * 1024 * 1024;
