//! The streaming core against golden cases, a brute-force model, restarts and hostile bytes.

mod cases;
mod codec;
mod collect;
mod controls;
mod dedup;
mod equivalence;
mod logs;
mod model;
mod order;
mod reapply;
mod semantics;
mod symbols;
