//! `stockpipe dashboard` on servers: the page and its interface, at the same address as the endpoints.

mod fleet;

use std::{net::SocketAddr, sync::Arc};

use self::fleet::Fleet;
use super::{Process, SAYS, documents};
use crate::{
    Context, Failure, cli,
    context::connect::Needs,
    local::{Health, Roles},
    settings::{self, mounts::Mounts},
};

/// Runs until told to end.
pub async fn dashboard(args: cli::DashboardArgs) -> Result<u8, Failure> {
    let cli::DashboardArgs { role: args, workers } = args;
    let documents = documents(&args.manifest)?;
    let port = u16::try_from(documents.pipeline.spec.dashboard.port).unwrap_or(0);
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    let base = documents.pipeline.spec.dashboard.base_path.clone().unwrap_or_default();
    // A password that cannot be read is told before anything is served.
    let listen = args.process.listen.unwrap_or(usual);
    let settings = settings::dashboard(&documents.pipeline, &Mounts::new(&args.manifest.mounts), listen)?;
    let process = Process::start("dashboard", &documents, &args.process, usual).await?;
    if let Some(context) = process.connect(documents, &args.manifest, &args.process, Needs::SHOWN).await? {
        let fleet = Fleet::watch(workers, context.clock.clone(), process.shutdown.clone());
        let components = components(&context, fleet).await?;
        let (router, handle) = dashboard::router(settings, components).await;
        process.serve(router);
        tracing::info!(target: SAYS, "dashboard: http://{}{base}/", process.address);
        process.shutdown.draining().await;
        handle.close();
        if let Err(e) = context.close().await {
            tracing::warn!("{e}");
        }
    }
    Ok(process.finish().await)
}

async fn components(context: &Context, fleet: Arc<Fleet>) -> Result<dashboard::Components, Failure> {
    let pipeline = &context.pipeline;
    let health = Arc::new(Health::new(
        context.clock.clone(),
        Arc::new(ingest::Status::new()),
        Arc::new(predictor::Status::new()),
        Roles::DASHBOARD,
    ));
    Ok(dashboard::Components {
        ticks: Some(context.source_topic().await?),
        features: context.existing_topic(&settings::features_topic(pipeline)).await?,
        predictions: context.existing_topic(&settings::predictions_topic(pipeline)).await?,
        store: context.store.clone(),
        health: Arc::new(move || fleet.add_to(health.measure())),
        clock: context.instant_clock(),
    })
}
