//! Everything that needs a real Kubernetes, in one binary: its API server is started once.

mod crds;
mod harness;
mod jobs;
mod node;
mod operator;
mod rules;
mod support;
mod training;
