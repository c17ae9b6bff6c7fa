//! The operator: StockPipeline and TrainingRun objects -> Deployments, Jobs and everything they need.
//!
//! Everything that decides is a pure function of (spec, observed, now) and lies in [`pipeline`] and [`training`].
//! Everything that touches the API is a handful of small files: `dereference`, [`apply`], status writes, [`events`],
//! [`lease`].
//!
//! Architecture Invariant: the operator never touches data, and workers never touch the Kubernetes API. It reads what
//! workers tell on `/status` and in termination messages.

pub mod admin;
pub mod apply;
pub mod backoff;
pub mod cache;
pub mod conditions;
pub mod crd_check;
pub mod environment;
pub mod events;
pub mod labels;
pub mod lease;
pub mod metrics;
pub mod pipeline;
pub mod pods;
pub mod rbac;
pub mod render;
pub mod run;
pub mod training;
pub mod watching;
pub mod workers;
