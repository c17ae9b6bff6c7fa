//! The operator's process: endpoints first, then the CRDs, then the lease, then the controllers.
//!
//! A CRD that is missing, or older than this release, is waited for: the process is not ready and says what to type; it
//! neither ends nor writes. The loss of the lease ends it at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use rand::RngExt as _;
use runtime::Shutdown;

use crate::admin::{self, Admin};
use crate::crd_check::{self, Verdict};
use crate::environment::Environment;
use crate::lease::{self, Claim, Ended};
use crate::pipeline::context::{Clock, Context, Jitter};
use crate::{pipeline, training, workers};

/// Image of the workers where nobody names one.
pub const USUAL_IMAGE: &str = concat!("stockpipe:", env!("CARGO_PKG_VERSION"));
/// Domain of a cluster where nobody names one.
pub const USUAL_DOMAIN: &str = "cluster.local";
/// Time between two looks for the CRDs.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What `run` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Image of the workers where a pipeline names none.
    #[arg(long, default_value = USUAL_IMAGE)]
    pub image: String,
    /// Name of the Lease by which one of several operators writes.
    #[arg(long, default_value = "stockpipe-operator")]
    pub lease: String,
    /// Domain of the cluster.
    #[arg(long, default_value = USUAL_DOMAIN)]
    pub cluster_domain: String,
    /// A namespace to watch; several are allowed. None: all of them.
    #[arg(long = "watch-namespace", value_name = "NAMESPACE")]
    pub watch_namespaces: Vec<String>,
    /// Where /livez, /readyz, /metrics and /status are answered.
    #[arg(long, default_value = "127.0.0.1:9500")]
    pub listen: SocketAddr,
    /// How log lines look: human or json.
    #[arg(long, default_value = "human", value_parser = ["human", "json"])]
    pub log_format: String,
    /// The operator's namespace. Absent: that of the kubeconfig or the service account.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: Option<String>,
    /// The operator's pod, for its name in the Lease and in Events.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: Option<String>,
}

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Signals cannot be followed.
    #[error("signals cannot be followed: {0}")]
    Signals(std::io::Error),
    /// There are no endpoints.
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    /// There is no cluster.
    #[error("no cluster to talk to: {0}; run it in a pod, or set KUBECONFIG")]
    Client(Box<kube::Error>),
    /// Another one leads, or nobody knows.
    #[error("the lease is lost: {0}; this process ends so that only the holder of the lease writes")]
    LeaseLost(String),
}

/// Runs until a signal, or until the lease is lost.
pub async fn run(args: RunArgs) -> Result<(), RunError> {
    let shutdown = Shutdown::new();
    shutdown.follow_signals().map_err(RunError::Signals)?;
    let Admin { metrics, crds, address } = admin::serve(args.listen, shutdown.clone()).await?;
    tracing::info!("http://{address}/readyz");
    let client = Client::try_default().await.map_err(|error| RunError::Client(Box::new(error)))?;

    let ready = tokio::select! {
        () = crds_are_there(&client, &crds, &metrics) => true,
        () = shutdown.draining() => false,
    };
    if !ready {
        return Ok(());
    }
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let claim = Claim { namespace: namespace.clone(), name: args.lease.clone(), identity: identity(&args) };
    tracing::info!("waiting for lease {} of namespace {namespace}", claim.name);
    let held = tokio::select! {
        held = lease::acquire(client.clone(), claim) => held,
        () = shutdown.draining() => return Ok(()),
    };
    tracing::info!("this process leads");
    metrics.leads(true);
    let environment = Environment {
        image: args.image.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        namespace,
        cluster_domain: args.cluster_domain.clone(),
        prometheus_operator: crd_check::has_group(&client, "monitoring.coreos.com").await,
    };
    let (clock, jitter): (Clock, Jitter) = (Arc::new(Timestamp::now), Arc::new(|| rand::rng().random()));
    let instance = args.pod_name.clone();
    let ctx = Context::new(
        client.clone(),
        environment,
        metrics.clone(),
        workers::over_http(),
        (clock, jitter),
        instance,
    );
    let work = tokio::spawn(controllers(client, args.watch_namespaces, Arc::new(ctx), shutdown));
    let ended = held
        .keep(async {
            if let Err(error) = work.await {
                tracing::error!("a controller ended: {error}");
            }
        })
        .await;
    metrics.leads(false);
    match ended {
        Ended::Released => Ok(()),
        Ended::Lost(why) => Err(RunError::LeaseLost(why)),
    }
}

/// Runs every controller in every namespace until the shutdown drains.
async fn controllers(client: Client, namespaces: Vec<String>, ctx: Arc<Context>, shutdown: Shutdown) {
    let scopes: Vec<Option<String>> =
        if namespaces.is_empty() { vec![None] } else { namespaces.into_iter().map(Some).collect() };
    let training = Arc::new(training::Context::beside(&ctx));
    let runs = scopes.clone().into_iter().map(|scope| {
        let end = shutdown.clone();
        training::run(training.clone(), scope, move || {
            let end = end.clone();
            async move { end.draining().await }
        })
    });
    let all = scopes.into_iter().map(|scope| {
        let end = shutdown.clone();
        pipeline::controller::run(client.clone(), scope, ctx.clone(), async move { end.draining().await })
    });
    futures::future::join(futures::future::join_all(all), futures::future::join_all(runs)).await;
}

/// A name that no other process has: a container that is restarted keeps the name of its pod.
fn identity(args: &RunArgs) -> String {
    let pod = args.pod_name.clone().unwrap_or_else(|| "stockpipe-operator".to_owned());
    format!("{pod}_{:016x}", rand::rng().random::<u64>())
}

async fn crds_are_there(
    client: &Client,
    ready: &runtime::Readiness,
    metrics: &crate::metrics::OperatorMetrics,
) {
    loop {
        let verdict = crd_check::check(client).await;
        let good = verdict == Verdict::Good;
        ready.set(good);
        metrics.crd_missing(!good);
        if good {
            return;
        }
        tracing::error!("{verdict}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
