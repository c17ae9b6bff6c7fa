//! What can go wrong around a cluster, each with what to do about it.

use processes::ProcessError;
use std::io;
use std::path::PathBuf;

/// Why a cluster could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A process or a file of it.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The binaries are not there and could not be built.
    #[error("the Kubernetes binaries could not be built: {tail}\nrun tests/cluster/build to see all of it")]
    Build {
        /// The end of what the build said.
        tail: String,
    },
    /// Something this machine lacks.
    #[error("a node needs {what}: {remedy}")]
    Missing {
        /// What was looked for.
        what: String,
        /// What brings it.
        remedy: &'static str,
    },
    /// A command that failed.
    #[error("`{command}` failed: {tail}")]
    Command {
        /// Program and arguments.
        command: String,
        /// The end of what it said.
        tail: String,
    },
    /// There can be one node on a machine.
    #[error("a node is up already in {dir}: end it first (make cluster-down)")]
    Busy {
        /// Its folder.
        dir: PathBuf,
    },
    /// Certificates could not be made.
    #[error("certificates: {0}")]
    Certificates(#[from] openssl::error::ErrorStack),
    /// The API server refused something the harness asked of it.
    #[error("the API server: {0}")]
    Kube(#[from] kube::Error),
    /// A kubeconfig that the client cannot use.
    #[error("{path}: {why}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What the client says.
        why: String,
    },
    /// A condition that did not come about.
    #[error("{what} did not come about within {seconds} s; last seen: {seen}")]
    Late {
        /// The condition.
        what: String,
        /// How long it had.
        seconds: u64,
        /// What there was instead.
        seen: String,
    },
}

impl ClusterError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ClusterError {
        let told = ProcessError::io(what, path);
        move |source| ClusterError::Process(told(source))
    }
}
