//! A real Kubernetes without images or downloads, for tests and for people.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ApiServer`] | etcd and kube-apiserver on loopback: schemas, rules, server-side apply, access. Nothing else runs |
//! | [`jobs`] | plays the Job controller there: pods that ended, with their exit codes and last words |
//! | [`operator`] | the operator's program as a process there |
//! | [`Node`] | a whole node in a network namespace of its own: pods, Services, names, volumes. Needs root |
//! | [`image`] | folders as container images |
//! | [`request`] | requests written by hand, for what a typed client hides |
//! | `binaries` | what `tests/cluster/build` built |
//!
//! What is started by a test ends with its process, even after `kill -9`; `stockpipe-cluster up` leaves a node running for
//! a person.
//!
//! What this crate deliberately does not do: assert anything about Stockpipe (the test target `cluster` does), run more
//! than one node, enforce NetworkPolicies, or pull an image.

mod access;
mod api_server;
mod binaries;
mod certificates;
mod command;
mod control_plane;
mod error;
pub mod image;
pub mod jobs;
pub mod limits;
mod node;
pub mod operator;
pub mod request;
mod shared;
mod wait;

pub use access::{ADMIN, NOBODY, OPERATOR};
pub use api_server::ApiServer;
pub use binaries::binaries;
pub use command::run;
pub use error::ClusterError;
pub use node::{Node, kubeconfig as node_kubeconfig, load};
pub use processes::Server;
pub use shared::shared;
pub use wait::until;
