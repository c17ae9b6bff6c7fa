//! The log: topics of partitions of records, with Kafka's offset semantics, on Kafka and without it.
//!
//! Everything above speaks to [`Log`] and [`Topic`]. Behind them stand
//! - [`kafka::KafkaLog`]: a Kafka cluster;
//! - [`SegmentLog`]: segment files in a directory, durable when an append returns, one process;
//! - [`MemoryLog`]: the same guarantees without a disk, for tests and simulations;
//! - [`FaultyLog`]: a wrapper that fails calls before or after they took effect.
//!
//! [`conformance`] holds the contract as functions; every implementation runs them.
//!
//! [`ownership`] says who should work on which partitions; it hints, and the commit log's fence decides.
//!
//! What this crate deliberately does not do: keep positions for its readers, replicate, compact by key.
//!
//! Architecture Invariant: nothing here looks into a value. A record is bytes; whether it is a tick is decided above.

pub mod conformance;
mod error;
mod faulty;
pub mod kafka;
pub mod limits;
mod memory;
pub mod ownership;
mod partitioner;
mod port;
mod segment;

pub use error::LogError;
pub use faulty::{Call, Fault, FaultyLog, Op};
pub use memory::MemoryLog;
pub use ownership::{Ownership, OwnershipEvent, StaticOwnership};
pub use partitioner::partition_of;
pub use port::{Appended, Bounds, Clock, Log, Topic, TopicFacts, system_clock};
pub use segment::{SegmentLog, SegmentOptions, Sync};
