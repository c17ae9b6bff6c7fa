//! The dashboard as a role of its own: listen, serve, drain.

use market::ErrorKind;
use runtime::Shutdown;
use tokio::net::TcpListener;

use crate::{Components, Settings, router};

/// Why the dashboard could not serve.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The address cannot be listened on.
    #[error("dashboard: cannot listen on {address}: {source}; free the port or set dashboard.port")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The server failed later.
    #[error("dashboard: the server on {address} failed: {source}; start it again")]
    Serve {
        /// The address served.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl DashboardError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            DashboardError::Listen { .. } => ErrorKind::Misconfigured,
            DashboardError::Serve { .. } => ErrorKind::Unavailable,
        }
    }
}

/// What was served, said at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Where it listened: the port asked for, or the one given for port 0.
    pub address: std::net::SocketAddr,
}

/// Serves until the shutdown drains. Open streams are ended first, so that draining does not wait for browsers.
pub async fn run(
    settings: Settings,
    components: Components,
    shutdown: Shutdown,
) -> Result<Summary, DashboardError> {
    let asked = settings.listen;
    let listener =
        TcpListener::bind(asked).await.map_err(|source| DashboardError::Listen { address: asked, source })?;
    let address =
        listener.local_addr().map_err(|source| DashboardError::Listen { address: asked, source })?;
    let base = settings.base_path.clone();
    let (routes, handle) = router(settings, components).await;
    tracing::info!(url = %format!("http://{address}{base}/"), "dashboard listens");
    let draining = async move {
        shutdown.cancelled().await;
        handle.close();
    };
    axum::serve(listener, routes)
        .with_graceful_shutdown(draining)
        .await
        .map_err(|source| DashboardError::Serve { address, source })?;
    Ok(Summary { address })
}
