//! What can be wrong with a topic on a real Kafka: each a condition of its own within 30 s, never silent, never a flood.
//!
//! The worker runs in this process, on a real log and a real lake; rows go to a store in memory.

mod foreign;
mod lines;
mod topics;
mod world;
