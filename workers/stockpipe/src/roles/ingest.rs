//! `stockpipe ingest` on servers: ticks to Parquet, bars and features, sharing partitions with the other members of the
//! group.

use std::sync::Arc;

use feature_store::RowSink;
use market::ErrorKind;
use tick_log::kafka::KafkaOwnership;
use tick_log::{Ownership, StaticOwnership};

use super::{Process, SAYS, documents, dry_run, late_store::LateStore, live};
use crate::{
    Context, Failure, cli,
    context::{
        Place,
        connect::{Needs, feature_store},
    },
    settings,
};

/// Exit code of a process that was frozen for longer than its session: others own its partitions, and it must not join
/// again under its old name. Whoever started it starts it again.
const FROZEN: i32 = 75;

/// Runs until told to end.
pub async fn ingest(args: cli::IngestArgs) -> Result<u8, Failure> {
    let documents = documents(&args.role.manifest)?;
    if args.dry_run {
        return dry_run::dry_run(&args, documents).await;
    }
    live("ingest", &args.role, documents, Needs::RAW, |process, context| {
        let args = args.clone();
        async move {
            let topics = async || {
                context.output_topics().await?;
                context.ticks_topic().await
            };
            let Some(ticks) = process.patiently(topics).await? else { return Ok(()) };
            let partitions = ticks.partitions();
            let store = store(&process, &context).await?;
            let owned = args.ordinal.zip(args.replicas);
            let mut settings = settings::ingest(&context)?;
            // Others work on: an orchestrator sees the halt in readiness and in the conditions of /status.
            settings.on_halt = ingest::OnHalt::Keep;
            settings.fence_backoff = owned.is_some();
            let ownership: Arc<dyn Ownership> = match (owned, &context.place) {
                (Some((ordinal, replicas)), _) => {
                    if ordinal >= replicas {
                        return Err(Failure::bad_input(format!(
                            "--ordinal {ordinal}: with --replicas {replicas} there are 0 to {}",
                            replicas - 1
                        )));
                    }
                    Arc::new(StaticOwnership::new((0..partitions).filter(|p| p % replicas == ordinal)))
                }
                (None, Place::Servers(stores)) => Arc::new(KafkaOwnership::join(
                    &stores.kafka,
                    ticks.name(),
                    &settings::stores::group(&context.pipeline),
                    args.role.process.instance.clone(),
                    Box::new(frozen),
                )?),
                (None, Place::Embedded { .. }) => Arc::new(StaticOwnership::new(0..partitions)),
            };
            let status = Arc::new(ingest::Status::new());
            process.admin.status("ingest", {
                let status = status.clone();
                move || status.json()
            });
            process.keep_ready("ingest restored", {
                let status = status.clone();
                move || status.is_ready()
            });
            let components = ingest::Components {
                log: context.log.clone(),
                lake: context.lake.clone(),
                store,
                metrics: process.admin.metrics().clone(),
                status,
                clock: context.clock.clone(),
                entropy: ingest::system_entropy(),
                ownership,
            };
            let summary = ingest::run(settings, components, process.shutdown.clone()).await?;
            tracing::info!(
                target: SAYS,
                "{} commits; {} ticks stored, everything up to {} is committed",
                summary.commits,
                summary.counters.stored,
                summary.committed_until.map_or("the start".to_owned(), |t| t.to_string())
            );
            Ok(())
        }
    })
    .await
}

/// The feature store. Where it does not answer, raw ticks are stored meanwhile.
async fn store(process: &Process, context: &Context) -> Result<Arc<dyn RowSink>, Failure> {
    let Place::Servers(stores) = &context.place else { return Ok(context.store.clone()) };
    match feature_store(stores, &context.pipeline).await {
        Err(failure) if matches!(failure.kind, ErrorKind::Retry | ErrorKind::Unavailable) => {
            let (stores, pipeline) = (stores.clone(), context.pipeline.clone());
            let contact = stores.keyspace_address().to_string();
            Ok(LateStore::start(contact, failure, process.shutdown.clone(), move || {
                let (stores, pipeline) = (stores.clone(), pipeline.clone());
                async move { feature_store(&stores, &pipeline).await }
            }))
        }
        connected => Ok(connected?),
    }
}

fn frozen() {
    eprintln!(
        "error: this process was frozen for longer than its session at Kafka: others own its partitions; start it again"
    );
    std::process::exit(FROZEN);
}
