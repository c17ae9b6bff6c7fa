//! How far an operation is, for whoever draws a bar.

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is being done, in words.
    pub what: String,
    /// So much of it.
    pub done: u64,
    /// Out of so much; 0 where nobody knows yet.
    pub total: u64,
}

/// Takes steps. It is called often and must be quick.
pub type Progress = dyn Fn(Step) + Send + Sync;

/// Shows nothing.
pub fn silent(_: Step) {}

pub(crate) fn step(progress: &Progress, what: impl Into<String>, done: usize, total: usize) {
    progress(Step { what: what.into(), done: done as u64, total: total as u64 });
}
