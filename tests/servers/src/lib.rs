//! Real Kafka, HDFS and Cassandra as processes on loopback, for tests and for people.
//!
//! [`shared`] gives a test the servers of its process; a test that kills or pauses starts a [`Stack`] of its own. Servers
//! come from Maven Central and run on the Java that is installed. They live in a temporary folder and end with the process
//! that started them, even after `kill -9`; `stockpipe-servers up` leaves a stack running for a person.
//!
//! What this crate deliberately does not do: assert anything about the pipeline (the test target `servers` does), run
//! clusters of several nodes, or listen anywhere but on loopback.

mod acl;
mod cassandra;
mod certificates;
mod error;
pub mod fetch;
mod hdfs;
mod kafka;
pub mod kerberos;
mod ports;
mod shared;
mod stack;
mod template;

pub use cassandra::Cassandra;
pub use certificates::{APP, Certificates, NOBODY, SUPERUSER};
pub use error::ServerError;
pub use hdfs::Hdfs;
pub use kafka::Kafka;
pub use ports::Ports;
pub use processes::{Lifetime, Server, limits};
pub use shared::{shared, unique};
pub use stack::{Options, Stack};
