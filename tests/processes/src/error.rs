//! What can go wrong around a process, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a server could not be had, or not be disturbed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
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
}

impl ProcessError {
    /// For `map_err`: what was tried, and on what.
    pub fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ProcessError {
        let path = path.into();
        move |source| ProcessError::Io { what, path, source }
    }
}
