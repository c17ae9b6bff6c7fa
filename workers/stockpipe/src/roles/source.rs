//! `stockpipe produce` on servers: it needs Kafka alone.

use std::sync::Arc;

use super::{SAYS, live};
use crate::{Failure, cli, context::connect::Needs};

/// Makes ticks until it has made as many as asked for, or is told to end.
pub async fn produce(
    args: cli::ProduceArgs,
    documents: crds::Documents,
    wanted: producer::ProduceSettings,
) -> Result<u8, Failure> {
    let role = cli::RoleArgs { manifest: args.manifest, process: args.process };
    live("producer", &role, documents, Needs::LOG, |process, context| async move {
        let topic = async || context.source_topic().await;
        let Some(topic) = process.patiently(topic).await? else { return Ok(()) };
        let components = producer::Components {
            log: context.log.clone(),
            topic,
            clock: context.clock.clone(),
            progress: Arc::new(|_| {}),
        };
        let made = producer::produce::run(wanted, components, process.shutdown.clone()).await?;
        tracing::info!(target: SAYS, "{} ticks made, up to {}", made.ticks, made.through);
        Ok(())
    })
    .await
}
