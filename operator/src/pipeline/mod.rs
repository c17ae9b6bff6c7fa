//! The pipeline controller.

pub mod build;
pub mod desired;
pub mod references;
