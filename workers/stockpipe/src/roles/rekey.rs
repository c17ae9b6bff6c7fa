//! `stockpipe rekey` on servers: a topic without keys to one that is keyed by symbol. It needs Kafka alone. Several
//! processes share the work; each needs a name of its own (`--instance`) to end at once what a killed life of it left open.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::{SAYS, documents, live};
use crate::{
    Failure, cli,
    context::{Place, connect::Needs},
    settings,
};

/// Runs until told to end.
pub async fn rekey(args: cli::RoleArgs) -> Result<u8, Failure> {
    let documents = documents(&args.manifest)?;
    if args.manifest.data.is_some() {
        return Err(Failure::bad_input(
            "rekey copies a topic of Kafka: embedded logs are keyed by whoever writes them; leave --data out",
        ));
    }
    if documents.pipeline.spec.source.keyed {
        return Err(Failure::bad_input(
            "source.keyed is true: the topic has its keys, and nothing is to be copied; set source.keyed: false if its \
             records are not keyed by symbol",
        ));
    }
    live("rekey", &args, documents, Needs::LOG, |process, context| async move {
        let Place::Servers(stores) = &context.place else { return Ok(()) };
        let topics = async || Ok((context.source_topic().await?, context.ticks_topic().await?));
        let Some((source, keyed)) = process.patiently(topics).await? else { return Ok(()) };
        let done = Arc::new(Mutex::new(rekey::Progress::default()));
        process.admin.status("rekey", {
            let (done, from, to) = (done.clone(), source.name().to_owned(), keyed.name().to_owned());
            move || {
                let done = *done.lock().unwrap_or_else(PoisonError::into_inner);
                json!({
                    "from": from,
                    "to": to,
                    "copied": done.records,
                    "withoutKey": done.unkeyed,
                    "removedUnread": done.skipped,
                })
            }
        });
        let settings = rekey::Settings {
            kafka: stores.kafka.clone(),
            from: source.name().to_owned(),
            to: keyed.name().to_owned(),
            skip_gaps: settings::skip_gaps(&context.pipeline),
        };
        let components = rekey::Components {
            log: context.log.clone(),
            progress: Arc::new(move |now| *done.lock().unwrap_or_else(PoisonError::into_inner) = now),
        };
        let all = rekey::run(settings, components, process.shutdown.clone()).await?;
        tracing::info!(target: SAYS, "{} records copied, {} of them without a symbol", all.records, all.unkeyed);
        Ok(())
    })
    .await
}
