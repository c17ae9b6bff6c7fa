//! One role as a process on Kafka, HDFS and Cassandra: its endpoints, its connection, its drain.
//!
//! The endpoints are there before the servers have answered. A server that does not answer is no reason to end: the role
//! tries again and says so; what is set up wrong ends it at once. SIGTERM drains; a second signal ends at once.

mod dashboard;
mod dry_run;
mod front;
mod ingest;
mod late_store;
mod predict;
mod rekey;
mod source;
mod train;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use crds::{Bare, Documents};
use market::{ErrorKind, Timestamp};
use runtime::{AdminState, Metrics, Readiness, Shutdown};
use serde_json::json;
use tokio::task::JoinHandle;

use self::front::Front;
use crate::{
    Context, Failure, cli,
    context::{Patience, connect::Needs},
    load,
    settings::{mounts::Mounts, stores::Stores},
};

pub use dashboard::dashboard;
pub use ingest::ingest;
pub use predict::predict;
pub use rekey::rekey;
pub use source::produce;
pub use train::train;

/// Target of the few lines that a role says of itself whatever the log filter.
pub const SAYS: &str = "stockpipe::role";
/// First pause before servers are tried again.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause before servers are tried again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often the same reason for not being connected is said again.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// How often the loop of a role's process turns.
const TURN: Duration = Duration::from_millis(200);
/// Silence of that loop after which `/livez` fails.
const SILENCE: Duration = Duration::from_secs(30);

/// A process that runs one role.
pub struct Process {
    name: &'static str,
    /// Follows signals and `--run-for`.
    pub shutdown: Shutdown,
    /// Behind the endpoints.
    pub admin: AdminState,
    front: Front,
    connected: Readiness,
    servers: Shutdown,
    serving: JoinHandle<()>,
    signals: Shutdown,
    /// Where the endpoints are.
    pub address: SocketAddr,
}

impl Process {
    /// Listens, and follows signals. `usual` = where to listen if nobody says.
    pub async fn start(
        name: &'static str,
        documents: &Documents,
        args: &cli::ProcessArgs,
        usual: SocketAddr,
    ) -> Result<Self, Failure> {
        let signals = Shutdown::new();
        signals.follow_signals().map_err(|e| {
            Failure::new(ErrorKind::Misconfigured, format!("signals cannot be followed: {e}"))
        })?;
        let shutdown = signals.child();
        if let Some(time) = args.run_for {
            let ending = shutdown.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                ending.drain();
            });
        }
        let admin = AdminState::new(Metrics::new());
        let connected = admin.readiness("connected");
        admin.status("process", {
            let pipeline = documents.pipeline.name().to_owned();
            let namespace = documents.pipeline.metadata.namespace.clone();
            let (instance, pod_uid, host) =
                (args.instance.clone(), args.pod_uid.clone(), runtime::host_name());
            let since = Timestamp::from_millis((tick_log::system_clock())());
            move || {
                let usage = runtime::usage();
                json!({
                    "role": name,
                    "pipeline": pipeline,
                    "namespace": namespace,
                    "instance": instance,
                    "podUid": pod_uid,
                    "host": host,
                    "pid": std::process::id(),
                    "version": env!("CARGO_PKG_VERSION"),
                    "since": since,
                    "rssBytes": usage.rss_bytes,
                    "peakRssBytes": usage.peak_rss_bytes,
                    "cpuSeconds": usage.cpu.as_secs_f64(),
                })
            }
        });
        let front = Front::new(admin.router());
        let servers = Shutdown::new();
        let (address, task) =
            runtime::serve_tcp(args.listen.unwrap_or(usual), front.router(), servers.clone()).await?;
        let serving = tokio::spawn(async move {
            if let Err(e) = task.await {
                tracing::error!("{e}");
            }
        });
        tracing::info!(target: SAYS, "{name} of pipeline {}: http://{address}/status", documents.pipeline.name());
        let heart = admin.heartbeat("process", SILENCE);
        let turning = servers.clone();
        tokio::spawn(async move {
            while !turning.is_draining() {
                heart.beat();
                tokio::time::sleep(TURN).await;
            }
        });
        Ok(Self { name, shutdown, admin, front, connected, servers, serving, signals, address })
    }

    /// Connects, or opens embedded stores, however long that takes; `None` where a signal ended the process meanwhile. Where its time ran out, the
    /// reason why it never connected is the error.
    pub async fn connect(
        &self,
        documents: Documents,
        manifest: &cli::ManifestArgs,
        args: &cli::ProcessArgs,
        needs: Needs,
    ) -> Result<Option<Context>, Failure> {
        let mounts = Mounts::new(&manifest.mounts);
        if let Some(dir) = &manifest.data {
            let opened = Context::open(dir, documents, mounts, false, Patience::Usual).await?;
            self.connected.set(true);
            return Ok(Some(opened));
        }
        let stores =
            Stores::new(&documents.pipeline, &mounts, &client_id(self.name, args.instance.as_deref()))?;
        let connected = self
            .patiently(async || {
                Context::connect(stores.clone(), documents.clone(), mounts.clone(), needs).await
            })
            .await?;
        if connected.is_some() {
            self.connected.set(true);
        }
        Ok(connected)
    }

    /// Asks the servers something, again and again while they do not answer; `None` where the process was told to end
    /// meanwhile.
    pub async fn patiently<T>(
        &self,
        mut ask: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let (mut pause, mut said): (_, Option<(String, Instant)>) = (PAUSE_MIN, None);
        loop {
            let failure = tokio::select! {
                answer = ask() => match answer {
                    Ok(answer) => {
                        self.admin.status("connection", || json!({"connected": true}));
                        return Ok(Some(answer));
                    }
                    Err(failure) => failure,
                },
                () = self.shutdown.draining() => return self.never(said.map(|(text, _)| text)),
            };
            if !matches!(failure.kind, ErrorKind::Retry | ErrorKind::Unavailable) {
                return Err(failure);
            }
            let now =
                said.as_ref().is_none_or(|(text, at)| *text != failure.text || at.elapsed() >= SAY_AGAIN);
            if now {
                tracing::error!("{failure}; the {} waits and tries again", self.name);
                said = Some((failure.text.clone(), Instant::now()));
            }
            self.admin.status("connection", move || json!({"connected": false, "reason": failure.text}));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shutdown.draining() => return self.never(said.map(|(text, _)| text)),
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The end of a process that got no answer.
    fn never<T>(&self, reason: Option<String>) -> Result<Option<T>, Failure> {
        match (self.signals.is_draining(), reason) {
            (false, Some(reason)) => Err(Failure::new(ErrorKind::Unavailable, reason)),
            _ => Ok(None),
        }
    }

    /// Serves more than the endpoints.
    pub fn serve(&self, router: Router) {
        self.front.serve(router.merge(self.admin.router()));
    }

    /// Keeps a condition of readiness at what `ready` says, until the end.
    pub fn keep_ready(&self, condition: &str, ready: impl Fn() -> bool + Send + 'static) {
        let (condition, ending) = (self.admin.readiness(condition), self.servers.clone());
        tokio::spawn(async move {
            while !ending.is_draining() {
                condition.set(ready());
                tokio::time::sleep(TURN).await;
            }
        });
    }

    /// Ends the endpoints; the exit code.
    pub async fn finish(self) -> u8 {
        self.servers.cancel();
        // Requests in flight end with the process.
        let _ = self.serving.await;
        self.signals.signal_exit_code().unwrap_or(0)
    }
}

/// How this process calls itself at Kafka. The producer is one, and keeps its name: what a killed predecessor left open in
/// a transaction ends at once. Of the others there may be many.
fn client_id(role: &str, instance: Option<&str>) -> String {
    match (role, instance) {
        ("producer", _) => role.to_owned(),
        (_, Some(instance)) => format!("{role}-{instance}"),
        (_, None) => format!("{role}-{}", std::process::id()),
    }
}

/// Where a role listens that nobody told: a free port of this machine.
fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// The life of a role: endpoints, connection, work, end.
async fn live<F, W>(
    name: &'static str,
    args: &cli::RoleArgs,
    documents: Documents,
    needs: Needs,
    work: F,
) -> Result<u8, Failure>
where
    F: FnOnce(Arc<Process>, Context) -> W,
    W: Future<Output = Result<(), Failure>>,
{
    let process = Arc::new(Process::start(name, &documents, &args.process, anywhere()).await?);
    let connected = process.connect(documents, &args.manifest, &args.process, needs).await?;
    if let Some(context) = connected {
        let closing = context.clone();
        let done = tokio::select! {
            done = work(process.clone(), context) => done,
            // A second signal: what is not committed is read again.
            () = process.shutdown.cancelled() => Ok(()),
        };
        done?;
        if let Err(e) = closing.close().await {
            tracing::warn!("{e}");
        }
    }
    match Arc::try_unwrap(process) {
        Ok(process) => Ok(process.finish().await),
        Err(shared) => Ok(shared.signals.signal_exit_code().unwrap_or(0)),
    }
}

/// Loads the manifest of a role.
fn documents(manifest: &cli::ManifestArgs) -> Result<Documents, Failure> {
    load::load(manifest, Bare::Pipeline)
}
