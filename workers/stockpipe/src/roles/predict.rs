//! `stockpipe predict` on servers: final bars to forecasts and outcomes.

use std::sync::Arc;

use super::{SAYS, documents, live};
use crate::{Failure, cli, context::connect::Needs, settings};

/// Runs until told to end.
pub async fn predict(args: cli::RoleArgs) -> Result<u8, Failure> {
    let documents = documents(&args.manifest)?;
    live("predictor", &args, documents, Needs::ALL, |process, context| async move {
        let topics = async || context.output_topics().await;
        let Some(()) = process.patiently(topics).await? else { return Ok(()) };
        let status = Arc::new(predictor::Status::new());
        process.admin.status("predictor", {
            let status = status.clone();
            move || status.json()
        });
        let components = predictor::Components {
            log: context.log.clone(),
            lake: context.lake.clone(),
            store: context.store.clone(),
            clock: context.instant_clock(),
            metrics: process.admin.metrics().clone(),
            status: status.clone(),
        };
        let settings = settings::predictor(&context)?;
        predictor::run(settings, components, process.shutdown.clone()).await?;
        let made = status.summary();
        tracing::info!(target: SAYS, "{} forecasts made, {} outcomes joined", made.made, made.joined);
        Ok(())
    })
    .await
}
