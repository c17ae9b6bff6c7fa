//! The operator's own `/livez /readyz /metrics /status`, answered from the start, before the lease is won.

use std::net::SocketAddr;
use std::time::Duration;

use runtime::{AdminState, Metrics, Readiness, ServeError, Shutdown};

use crate::metrics::OperatorMetrics;

/// How long the process may be silent before it is restarted.
const SILENCE: Duration = Duration::from_secs(60);
/// How often it beats.
const BEAT: Duration = Duration::from_secs(5);

/// The endpoints and what they show.
pub struct Admin {
    /// What is counted.
    pub metrics: OperatorMetrics,
    /// Set where both CRDs are there, in the form this release needs.
    pub crds: Readiness,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Why there are no endpoints.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// They cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A metric cannot be had.
    #[error(transparent)]
    Metric(#[from] runtime::MetricError),
}

/// Serves until `end` is cancelled.
pub async fn serve(listen: SocketAddr, end: Shutdown) -> Result<Admin, AdminError> {
    let state = AdminState::new(Metrics::new());
    let metrics = OperatorMetrics::new(state.metrics())?;
    let crds = state.readiness("crds");
    state.status("process", || serde_json::json!({"version": env!("CARGO_PKG_VERSION")}));
    let (address, serving) = runtime::serve_tcp(listen, state.router(), end.clone()).await?;
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!("{error}");
        }
    });
    let heart = state.heartbeat("process", SILENCE);
    tokio::spawn(async move {
        while !end.is_cancelled() {
            heart.beat();
            tokio::time::sleep(BEAT).await;
        }
    });
    Ok(Admin { metrics, crds, address })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers;

    #[tokio::test]
    async fn the_endpoints_answer_before_anything_else_works() {
        let end = Shutdown::new();
        let admin = serve("127.0.0.1:0".parse().unwrap(), end.clone()).await.unwrap();
        assert!(workers::get(admin.address).await.unwrap()["process"]["version"].is_string());
        admin.metrics.leads(true);
        end.cancel();
    }
}
