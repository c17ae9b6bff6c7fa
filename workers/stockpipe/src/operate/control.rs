//! `stockpipe skip` and `stockpipe accept-topic`: what a person decides about a partition that halted. Both leave durable
//! commits; a worker that has the partition is fenced and takes it up again.

use std::sync::Arc;

use runtime::Metrics;
use serde_json::json;
use tick_log::StaticOwnership;

use super::{documents, print};
use crate::{Context, Failure, cli, context::connect::Needs, output::Table, settings};

/// Passes over one record.
pub async fn skip(args: cli::SkipArgs) -> Result<u8, Failure> {
    let context = super::context(documents(&args.manifest)?, &args.manifest, Needs::ALL).await?;
    let done =
        ingest::skip(settings::ingest(&context)?, components(&context), args.partition, args.offset).await;
    context.close().await?;
    let done = done?;
    let mut table = Table::new(["partition", "offset", "did", "committed"]);
    let did = if done.marked { "marked: it becomes a dead letter" } else { "was marked already" };
    table.rows.push(vec![json!(done.partition), json!(done.offset), json!(did), json!(done.committed)]);
    print(args.output, table, json!(done)).await
}

/// Goes on with a topic that was made again.
pub async fn accept_topic(args: cli::AcceptTopicArgs) -> Result<u8, Failure> {
    let context = super::context(documents(&args.manifest)?, &args.manifest, Needs::ALL).await?;
    let partitions = (!args.partitions.is_empty()).then_some(args.partitions);
    let done = ingest::accept_topic(settings::ingest(&context)?, components(&context), partitions).await;
    context.close().await?;
    let done = done?;
    let mut table = Table::new(["partition", "generation", "next_offset", "because"]);
    for a in &done {
        let because = a.diverged.as_deref().unwrap_or("nothing to accept: the log is the one it knows");
        table.rows.push(vec![json!(a.partition), json!(a.generation), json!(a.next_offset), json!(because)]);
    }
    print(args.output, table, json!(done)).await
}

fn components(context: &Context) -> ingest::Components {
    ingest::Components {
        log: context.log.clone(),
        ownership: Arc::new(StaticOwnership::new([])),
        lake: context.lake.clone(),
        store: context.store.clone(),
        metrics: Metrics::new(),
        status: Arc::new(ingest::Status::new()),
        clock: context.clock.clone(),
        entropy: ingest::system_entropy(),
    }
}
