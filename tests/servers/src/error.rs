//! What can go wrong around a server, each with what to do about it.

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
    /// A file or a process that the system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No free block of ports below the ephemeral range.
    #[error("no block of 100 free ports between 20000 and 32700: end other stacks (make down)")]
    Ports,
    /// A server ended before it was ready.
    #[error("{server} ended while it was starting; its log is {log}, the last lines:\n{tail}")]
    Died {
        /// Which.
        server: &'static str,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A server is alive and does not get ready.
    #[error("{server} was not ready after {seconds} s (`{line}` is not in {log}); the last lines:\n{tail}")]
    NotReady {
        /// Which.
        server: &'static str,
        /// How long it had.
        seconds: u64,
        /// What its log should say.
        line: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A server that is only known by its address.
    #[error(
        "{server} was given by address, so it can neither be stopped nor started: use a stack of your own"
    )]
    NotOurs {
        /// Which.
        server: &'static str,
    },
    /// A signal to a server that does not run.
    #[error("{server} does not run: start it first")]
    NotRunning {
        /// Which.
        server: &'static str,
    },
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
        let path = path.into();
        move |source| ServerError::Io { what, path, source }
    }
}
