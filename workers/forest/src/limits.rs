//! Named limits of training and of the model file, each with its unit. A hostile file is refused by these before
//! anything of its size is allocated.

/// Features of a model, columns.
pub const FEATURES: usize = 4_096;
/// Trees of one section.
pub const TREES: u32 = 10_000;
/// Greatest depth of a tree, counted from 0 at the root.
pub const DEPTH: u16 = 64;
/// Rows of one training set: the engine keeps row numbers in 32 bits.
pub const ROWS: usize = u32::MAX as usize;
/// Greatest absolute target. Sums of squares of more rows than [`ROWS`] stay far from overflow below it.
pub const TARGET: f64 = 1e60;
/// Sections of one model file.
pub const SECTIONS: usize = 200_000;
/// Longest group name, bytes of UTF-8: that of a symbol.
pub const GROUP_BYTES: usize = market::limits::SYMBOL_BYTES;
/// Largest model file, bytes.
pub const FILE_BYTES: usize = 1 << 30;
