//! Named limits of the lake, each with its unit.

use std::time::Duration;

/// Longest path below the root, in bytes.
pub const PATH_BYTES: usize = 1_024;
/// Longest part of a path, in bytes (what common file systems allow).
pub const PART_BYTES: usize = 255;
/// Rows of a Parquet row group at most.
pub const ROW_GROUP_ROWS: usize = 128 * 1_024;
/// Rows collected in columns before they are handed to the Parquet encoder.
pub const CHUNK_ROWS: usize = 8 * 1_024;
/// Rows of a page of a column at most. A column keeps eight bytes a row of its open page, whatever they become, and columns
/// are open in every partition; but for less than 16 KiB zstd takes a hash table of 128 KiB instead of 32 KiB a column.
pub const PAGE_ROWS: usize = 2 * CHUNK_ROWS;
/// Longest dictionary of a column, in bytes; then its values are written plainly. A dictionary of prices on their way to
/// the usual 1 MiB takes 4 MiB of memory a column with its hash table, in every partition.
pub const DICTIONARY_BYTES: usize = 128 * 1_024;
/// zstd level of every table.
pub const ZSTD_LEVEL: i32 = 1;
/// Age in seconds from which an abandoned temporary file of the local lake is removed at open.
pub const STALE_TEMPORARY_SECONDS: u64 = 600;
/// How often the local lake makes a parent directory again that a concurrent delete has pruned.
pub const PARENT_ATTEMPTS: usize = 8;

/// Longest answer of a NameNode to one call.
pub const HDFS_RPC: Duration = Duration::from_secs(10);
/// Longest time to write or read a file of no bytes, besides its NameNode calls.
pub const HDFS_TRANSFER: Duration = Duration::from_secs(15);
/// Slowest transfer that is waited for, in bytes a second.
pub const HDFS_BYTES_PER_SECOND: u64 = 2 << 20;
/// Longest time to close a file: the DataNode's report reaches the NameNode after the last byte, and the client asks
/// five times with doubling pauses (15.5 s).
pub const HDFS_CLOSE: Duration = Duration::from_secs(20);
/// Bytes handed to the HDFS client at once.
pub const HDFS_CHUNK_BYTES: usize = 4 << 20;
/// Files being written at once. A close takes about 0.5 s, so commits of many partitions must overlap.
pub const HDFS_WRITES: usize = 64;
/// Files being read at once.
pub const HDFS_READS: usize = 32;
/// Directories being listed at once.
pub const HDFS_LISTINGS: usize = 8;
/// Longest file that is read whole, in bytes.
pub const HDFS_FILE_BYTES: u64 = 2 << 30;
/// How often the client tries another NameNode, or the only one again, before our own pauses rule.
pub const HDFS_FAILOVERS: u32 = 3;
/// First pause of the client between two rounds over the NameNodes.
pub const HDFS_FAILOVER_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause of the client between two rounds over the NameNodes.
pub const HDFS_FAILOVER_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Longest run of all checks of an HDFS.
pub const HDFS_CHECKS: Duration = Duration::from_secs(14);
/// Age in seconds from which an abandoned private file of the HDFS lake is removed at connect.
pub const HDFS_STALE_SECONDS: u64 = 24 * 3_600;
/// Longest text of a server that is passed on, in characters.
pub const REASON_CHARS: usize = 300;
/// Longest Hadoop configuration file that is read, in bytes.
pub const SITE_BYTES: u64 = 4 << 20;
/// Distinct symbols that the Bloom filter of a merged row group is made for.
pub const BLOOM_SYMBOLS: u64 = 10_000;
/// How often a Bloom filter says "perhaps" of a symbol that is not there.
pub const BLOOM_FALSE_RATE: f64 = 0.01;
/// Largest sum of the lengths of files that a compaction puts together by default, in bytes.
pub const COMPACTION_TARGET_BYTES: u64 = 64 << 20;
/// Files that one compaction record takes away at most.
pub const COMPACTION_FILES: usize = 2_048;
/// How often a compaction looks again after it lost a number to another one.
pub const COMPACTION_ROUNDS: usize = 16;
/// Files that a compaction reads or deletes at once.
pub const COMPACTION_AT_ONCE: usize = 8;
/// Sum of the lengths of files from which they are merged on a thread of their own, in bytes.
pub const COMPACTION_INLINE_BYTES: usize = 256 << 10;
/// Longest compaction record that is read, in bytes.
pub const COMPACTION_BYTES: usize = 16 << 20;
/// How often a compaction renames its record again while nobody has the number.
pub const PLACE_ATTEMPTS: usize = 3;
/// Files that a reader of history has open at once.
pub const HISTORY_READS: usize = 8;
/// How often a reader of history starts from a new view because compaction took files away under it.
pub const VIEW_ATTEMPTS: usize = 16;
