//! The streaming core against golden cases, a brute-force model and hostile bytes.

mod cases;
mod collect;
