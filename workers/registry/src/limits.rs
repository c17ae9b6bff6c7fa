//! Named limits of the registry, each with its unit.

/// Longest pipeline name, bar name or run uid, in bytes.
pub const NAME_BYTES: usize = 128;
/// Files of one version, manifest not counted.
pub const FILES_PER_VERSION: usize = 64;
/// Longest manifest that is decoded, in bytes.
pub const MANIFEST_BYTES: usize = 4 * 1024 * 1024;
/// Attempts of one run uid that leave a staging directory before publishing is refused.
pub const STAGING_ATTEMPTS: u32 = 1_000;
/// Numbers tried after the first free one, each lost to another publisher, before publishing is given up as contended.
pub const NUMBERS_TRIED: u64 = 64;
/// Appends tried for one alias swap before it is given up as contended.
pub const SWAP_ATTEMPTS: u32 = 8;
