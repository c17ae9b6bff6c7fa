//! The HTTP side of the process: dashboard and admin endpoints on TCP, the same and `POST /command` on the socket.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Response, StatusCode},
    response::IntoResponse,
    routing::post,
};
use runtime::{AdminState, ServeError, Shutdown};
use tokio::task::JoinHandle;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

use super::{Plan, health::Health, milestones::Milestones};
use crate::{
    Context, Failure,
    commands::{self, Request},
    exchange,
    output::Output,
    settings,
};

/// What is served, until it ends.
pub struct Served {
    tasks: Vec<JoinHandle<Result<(), ServeError>>>,
    dashboard: Option<dashboard::Handle>,
}

impl Served {
    /// Waits for the end of all endpoints.
    pub async fn ended(self) {
        if let Some(dashboard) = self.dashboard {
            dashboard.close();
        }
        for task in self.tasks {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::warn!("{e}"),
                Err(e) => tracing::warn!("an endpoint ended unexpectedly: {e}"),
            }
        }
    }
}

/// Starts all endpoints.
pub async fn start(
    context: &Context,
    plan: &Plan,
    admin: &AdminState,
    health: &Arc<Health>,
    milestones: &Milestones,
    shutdown: &Shutdown,
) -> Result<Served, Failure> {
    let mut tasks = Vec::new();
    let commands = Router::new().route("/command", post(command)).with_state(context.clone());
    if let Some(dir) = context.dir() {
        let socket = dir.join(exchange::SOCKET);
        match runtime::serve_uds(socket, admin.router().merge(commands), shutdown.clone()).await {
            Ok(task) => tasks.push(tokio::spawn(task)),
            // A path too long for a socket is no reason not to run.
            Err(e) => milestones.say(&format!("commands beside this process will not work: {e}")),
        }
    }
    let mut handle = None;
    if plan.roles.dashboard {
        let port = u16::try_from(context.pipeline.spec.dashboard.port).unwrap_or(0);
        let wanted = plan.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port)));
        let settings = settings::dashboard(&context.pipeline, &context.mounts, wanted)?;
        let (router, dashboard) = dashboard::router(settings, components(context, health).await?).await;
        handle = Some(dashboard);
        let router = router.merge(admin.router());
        let (address, task) = match listen(wanted, &router, shutdown).await {
            Err(ServeError::Listen { error, .. }) if plan.listen.is_none() => {
                milestones.say(&format!("port {port} is not free ({error}): taking another"));
                listen(SocketAddr::from(([127, 0, 0, 1], 0)), &router, shutdown).await?
            }
            other => other?,
        };
        tasks.push(task);
        let base = context.pipeline.spec.dashboard.base_path.clone().unwrap_or_default();
        milestones.say(&format!("dashboard: http://{address}{base}/"));
    } else if let Some(wanted) = plan.listen {
        let (address, task) = listen(wanted, &admin.router(), shutdown).await?;
        tasks.push(task);
        milestones.say(&format!("/livez /readyz /metrics /status: http://{address}/"));
    }
    Ok(Served { tasks, dashboard: handle })
}

type Task = JoinHandle<Result<(), ServeError>>;

async fn listen(
    address: SocketAddr,
    router: &Router,
    shutdown: &Shutdown,
) -> Result<(SocketAddr, Task), ServeError> {
    let (bound, task) = runtime::serve_tcp(address, router.clone(), shutdown.clone()).await?;
    Ok((bound, tokio::spawn(task)))
}

async fn components(context: &Context, health: &Arc<Health>) -> Result<dashboard::Components, Failure> {
    let pipeline = &context.pipeline;
    let health = health.clone();
    Ok(dashboard::Components {
        ticks: Some(context.ticks_topic().await?),
        features: context.log.topic(&settings::features_topic(pipeline)).await?,
        predictions: context.log.topic(&settings::predictions_topic(pipeline)).await?,
        store: context.store.clone(),
        health: Arc::new(move || health.measure()),
        clock: context.instant_clock(),
    })
}

/// `POST /command`: carries a command out and streams its output as frames.
async fn command(State(context): State<Context>, body: Bytes) -> impl IntoResponse {
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(e) => return (StatusCode::BAD_REQUEST, e.to_string()).into_response(),
    };
    let (out, frames) = Output::channel();
    tokio::spawn(async move {
        if request.pipeline == context.pipeline.name() {
            commands::execute_to_end(&context, &request.command, &out).await;
        } else {
            let line = format!(
                "error: the running process serves pipeline {}, the manifest names {}: use its own --data directory",
                context.pipeline.name(),
                request.pipeline
            );
            let _ = out.note(line).await;
            out.exit(2).await;
        }
    });
    let frames =
        ReceiverStream::new(frames).map(|frame| Ok::<_, std::convert::Infallible>(exchange::encode(&frame)));
    Response::new(Body::from_stream(frames))
}
