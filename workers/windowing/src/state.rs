//! The stored form of a partition.

/// Version of the format.
pub const VERSION: u16 = 1;
