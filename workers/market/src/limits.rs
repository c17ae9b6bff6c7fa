//! Named limits of the record format, each with its unit.

/// Longest symbol, in bytes of UTF-8.
pub const SYMBOL_BYTES: usize = 64;
/// Longest record that is decoded, in bytes; anything longer is a dead letter `too_large`.
pub const RECORD_BYTES: usize = 64 * 1024;
/// Bytes of a rejected record that its dead letter keeps; length and SHA-256 are always kept.
pub const DEAD_LETTER_BYTES: usize = 4 * 1024;
/// Longest tick id, in bytes.
pub const ID_BYTES: usize = 256;
/// Deepest nesting that is accepted in ignored values.
pub const JSON_DEPTH: usize = 64;
