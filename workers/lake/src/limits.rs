//! Named limits of the lake, each with its unit.

/// Longest path below the root, in bytes.
pub const PATH_BYTES: usize = 1_024;
/// Longest part of a path, in bytes (what common file systems allow).
pub const PART_BYTES: usize = 255;
/// Rows of a Parquet row group at most.
pub const ROW_GROUP_ROWS: usize = 128 * 1_024;
/// Rows collected in columns before they are handed to the Parquet encoder.
pub const CHUNK_ROWS: usize = 8 * 1_024;
/// zstd level of every table.
pub const ZSTD_LEVEL: i32 = 1;
/// Age in seconds from which an abandoned temporary file of the local lake is removed at open.
pub const STALE_TEMPORARY_SECONDS: u64 = 600;
/// How often the local lake makes a parent directory again that a concurrent delete has pruned.
pub const PARENT_ATTEMPTS: usize = 8;
