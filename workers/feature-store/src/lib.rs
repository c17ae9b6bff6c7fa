//! The feature store: rows for readers. Windows, bars, predictions, alias histories, runs and small notes.
//!
//! Everything above speaks to [`FeatureStore`]. Behind it stand
//! - [`RedbStore`]: one file, durable when a call returns;
//! - [`cassandra::CassandraStore`]: a keyspace of a Cassandra cluster, shared by many processes;
//! - [`MemoryStore`]: the same guarantees without a disk, for tests and simulations;
//! - [`FaultyStore`]: a wrapper that fails calls before or after they took effect.
//!
//! [`conformance`] holds the contract as functions; every implementation runs them.
//!
//! What this crate deliberately does not do: it computes nothing, it keeps no history that the lake does not have
//! (every feature row can be made again by a replay), and it never decides which row is right: the greatest `write_ts`
//! wins, and who gives write timestamps is not its business.

pub mod cassandra;
pub mod conformance;
mod error;
mod faulty;
pub mod limits;
mod memory;
mod port;
mod redb_store;

pub use error::StoreError;
pub use faulty::{Fault, FaultyStore, Op};
pub use memory::MemoryStore;
pub use port::{FeatureStore, PredictionQuery, RowQuery, RowSink};
pub use redb_store::RedbStore;
