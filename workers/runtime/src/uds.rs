//! Serving a router on TCP or on a unix socket until a shutdown.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    pin::Pin,
};

use axum::Router;
use market::ErrorKind;
use tokio::net::{TcpListener, UnixListener};

use crate::{Classified, Shutdown};

/// Why an endpoint cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {error}; choose another port or path, or stop what uses it")]
    Listen {
        /// Address or path.
        address: String,
        /// The system's words.
        error: io::Error,
    },
    /// Something that is no socket lies at the path.
    #[error("{path} exists and is no socket: move it away", path = .path.display())]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// Serving ended with an error.
    #[error("serving {address} ended: {error}")]
    Serve {
        /// Address or path.
        address: String,
        /// The system's words.
        error: io::Error,
    },
}

impl Classified for ServeError {
    fn kind(&self) -> ErrorKind {
        match self {
            ServeError::Listen { .. } | ServeError::NoSocket { .. } => ErrorKind::Misconfigured,
            ServeError::Serve { .. } => ErrorKind::Unavailable,
        }
    }
}

/// A server to await; it ends with the shutdown.
pub type Serving = Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>;

/// Listens on `address` and serves `router` until the shutdown is cancelled. Returns where it listens (port 0 is
/// resolved) and the task to await. Requests in flight end with the process: streams to browsers never would.
pub async fn serve_tcp(
    address: SocketAddr,
    router: Router,
    shutdown: Shutdown,
) -> Result<(SocketAddr, Serving), ServeError> {
    let listen = |error| ServeError::Listen { address: address.to_string(), error };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let task = Box::pin(async move {
        tokio::select! {
            ended = axum::serve(listener, router) => {
                ended.map_err(|error| ServeError::Serve { address: bound.to_string(), error })
            }
            () = shutdown.cancelled() => Ok(()),
        }
    });
    Ok((bound, task))
}

/// Removes the socket when serving ends, also where it is abandoned.
struct Unlink(PathBuf);

impl Drop for Unlink {
    fn drop(&mut self) {
        // Whoever comes next removes a leftover; nobody connects to it successfully.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens on a unix socket that only this user may open and serves `router` until the shutdown is cancelled. A socket
/// left over at the path is replaced: the caller owns the directory (see [`crate::DirLock`]).
pub async fn serve_uds(
    path: impl AsRef<Path>,
    router: Router,
    shutdown: Shutdown,
) -> Result<Serving, ServeError> {
    let path = path.as_ref().to_path_buf();
    let address = path.display().to_string();
    let listen = |error| ServeError::Listen { address: address.clone(), error };
    match std::fs::symlink_metadata(&path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(&path).map_err(listen)?,
        Ok(_) => return Err(ServeError::NoSocket { path }),
        Err(_) => {}
    }
    let listener = UnixListener::bind(&path).map_err(listen)?;
    let unlink = Unlink(path.clone());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(listen)?;
    Ok(Box::pin(async move {
        let _unlink = unlink;
        tokio::select! {
            ended = axum::serve(listener, router) => ended.map_err(|error| ServeError::Serve { address, error }),
            () = shutdown.cancelled() => Ok(()),
        }
    }))
}
