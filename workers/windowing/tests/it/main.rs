//! The streaming core against golden cases, a brute-force model, restarts and hostile bytes.

mod cases;
mod collect;
mod equivalence;
mod logs;
mod model;
