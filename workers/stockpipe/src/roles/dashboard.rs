//! `stockpipe dashboard` on servers: the page and its interface, at the same address as the endpoints.

use std::{net::SocketAddr, sync::Arc};

use super::{Process, SAYS, documents};
use crate::{Context, Failure, cli, context::connect::Needs, local::Health, local::Roles, settings};

/// Runs until told to end.
pub async fn dashboard(args: cli::RoleArgs) -> Result<u8, Failure> {
    let documents = documents(&args.manifest)?;
    let port = u16::try_from(documents.pipeline.spec.dashboard.port).unwrap_or(0);
    let usual = SocketAddr::from(([127, 0, 0, 1], port));
    let base = documents.pipeline.spec.dashboard.base_path.clone().unwrap_or_default();
    let process = Process::start("dashboard", &documents, &args.process, usual).await?;
    if let Some(context) = process.connect(documents, &args.manifest, &args.process, Needs::SHOWN).await? {
        let components = components(&context).await?;
        let (router, handle) =
            dashboard::router(settings::dashboard(&context, process.address)?, components).await;
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

async fn components(context: &Context) -> Result<dashboard::Components, Failure> {
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
        health: Arc::new(move || health.measure()),
        clock: context.instant_clock(),
    })
}
