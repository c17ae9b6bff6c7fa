//! How a run fails.

use commitlog::invariants::Violation;

/// A run that did not hold what is promised, or that tested nothing.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// A promise of the pipeline.
    #[error(transparent)]
    Promise(#[from] Violation),
    /// What is stored is not what the log gives.
    #[error("{what} is not what the log gives:\n  stored   {stored}\n  computed {computed}")]
    Differs {
        /// Which line.
        what: String,
        /// What stands there.
        stored: String,
        /// What should.
        computed: String,
    },
    /// Nothing moves any more although no fault is left.
    #[error("no progress: {0}")]
    Stuck(String),
    /// A worker ended in a way that nothing injected explains.
    #[error("worker {worker} ended: {why}")]
    Ended {
        /// Its name.
        worker: String,
        /// Its error.
        why: String,
    },
    /// Left-overs, or findings of a check.
    #[error("{0}")]
    Untidy(String),
    /// No fault was injected: the run proves nothing.
    #[error("nothing was injected: a scenario without a fault proves nothing")]
    Harmless,
    /// A part of the world itself failed.
    #[error("{what}: {why}")]
    World {
        /// What was being done.
        what: &'static str,
        /// What was said.
        why: String,
    },
}

/// Names what was being done when a part of the world failed.
pub trait Doing<T> {
    /// The same, as a failure of the run.
    fn doing(self, what: &'static str) -> Result<T, Broken>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, Broken> {
        self.map_err(|why| Broken::World { what, why: why.to_string() })
    }
}
