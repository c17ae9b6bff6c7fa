//! The program: command line, settings from the manifest, and `local`, which runs all roles in one process.
//!
//! Architecture Invariant: no logic that a role or a port could hold. Here is only what joins them.

pub mod app;
pub mod cli;
pub mod commands;
mod context;
pub mod exchange;
mod failure;
mod import;
mod load;
pub mod local;
pub mod output;
pub mod settings;
mod truths;

pub use context::Context;
pub use failure::Failure;
