//! The log: topics of partitions of records, with Kafka's offset semantics and without Kafka.
//!
//! Everything above speaks to [`Log`] and [`Topic`]. Behind them stand
//! - [`SegmentLog`]: segment files in a directory, durable when an append returns, one process;
//! - [`MemoryLog`]: the same guarantees without a disk, for tests and simulations;
//! - [`FaultyLog`]: a wrapper that fails calls before or after they took effect.
//!
//! [`conformance`] holds the contract as functions; every implementation runs them.
//!
//! What this crate deliberately does not do: consumer groups (who owns a partition is the caller's business and the
//! commit log's fence decides), transactions over several partitions, replication, compaction by key.
//!
//! Architecture Invariant: nothing here looks into a value. A record is bytes; whether it is a tick is decided above.

pub mod conformance;
mod error;
mod faulty;
pub mod limits;
mod memory;
pub mod ownership;
mod partitioner;
mod port;
mod segment;

pub use error::LogError;
pub use faulty::{Call, Fault, FaultyLog, Op};
pub use memory::MemoryLog;
pub use partitioner::partition_of;
pub use ownership::{Ownership, OwnershipEvent, StaticOwnership};
pub use port::{Appended, Bounds, Clock, Log, Topic, TopicFacts, system_clock};
pub use segment::{SegmentLog, SegmentOptions, Sync};
