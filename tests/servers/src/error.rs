//! What can go wrong around a server, each with what to do about it.

use processes::ProcessError;
use std::io;
use std::path::PathBuf;

/// Why a server could not be had, or not be disturbed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A program that must be installed.
    #[error("{program} is missing: install {package} (Debian: apt-get install {package})")]
    Missing {
        /// What was looked for.
        program: &'static str,
        /// What brings it.
        package: &'static str,
    },
    /// Maven did not bring the jars.
    #[error("the jars of {server} could not be fetched ({why}); last words: {tail}")]
    Fetch {
        /// Whose jars.
        server: &'static str,
        /// How Maven ended.
        why: String,
        /// The end of what Maven said.
        tail: String,
    },
    /// A process or a file of it.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A stack's folder that cannot be understood.
    #[error("{path} is no stack: {why}. Start one with `make up`")]
    NoStack {
        /// The folder.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// Certificates could not be made.
    #[error("certificates: {0}")]
    Certificates(#[from] openssl::error::ErrorStack),
    /// The broker refused something the harness asked of it.
    #[error("kafka: {0}")]
    Kafka(String),
}

impl ServerError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ServerError {
        let told = ProcessError::io(what, path);
        move |source| ServerError::Process(told(source))
    }
}
