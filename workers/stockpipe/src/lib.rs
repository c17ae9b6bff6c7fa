//! The program: command line, settings from the manifest, `local`, which runs all roles in one process on embedded stores,
//! and each role as a process of its own on Kafka, HDFS and Cassandra.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | what can be typed |
//! | [`settings`] | from the manifest to roles and servers |
//! | [`context`] | the stores of a pipeline, embedded or on servers |
//! | [`commands`] | reading, training, models: also beside a running `local` |
//! | [`operate`] | init, doctor, repair |
//! | [`roles`] | one role as a process on servers |
//! | [`local`] | all roles in one process |
//!
//! Architecture Invariant: no logic that a role or a port could hold. Here is only what joins them.

pub mod app;
pub mod cli;
pub mod commands;
pub mod context;
pub mod exchange;
mod failure;
mod http;
mod import;
mod load;
pub mod local;
pub mod operate;
pub mod output;
mod progress;
pub mod roles;
pub mod settings;
mod truths;

pub use context::Context;
pub use failure::Failure;
