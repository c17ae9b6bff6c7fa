//! How the effects of a machine are carried out: one future each, whose answer is the machine's next input.
//!
//! Nothing is decided here. Whatever others could see is written only while the ownership of partitions is sure.

use std::sync::Arc;

use futures::future::BoxFuture;
use lake::tables;
use market::{ErrorKind, FeatureRow, NewRecord};

use crate::{
    Error,
    context::Context,
    lakeside::Claim,
    limits,
    machine::{Effect, Input},
};

/// The future of one effect; `None` where the machine waits for no answer.
pub(crate) fn carry_out(
    cx: Arc<Context>,
    claim: Arc<Claim>,
    effect: Effect,
) -> BoxFuture<'static, Option<Input>> {
    let p = claim.partition;
    let failed = |e: Error| Some(Input::Failed(e));
    Box::pin(async move {
        let began = cx.now();
        let took = || cx.now().saturating_sub(began);
        match effect {
            Effect::Write { file, bytes } => {
                cx.figures.file(bytes.len());
                let written = claim.write(&cx, ".part", bytes).await;
                cx.figures.stage("write", took());
                written.map_or_else(failed, |tmp| Some(Input::Written { file, tmp }))
            }
            Effect::Commit(record) => {
                let placed = match cx.same_topic(&record).await {
                    Ok(()) => claim.place(&cx, &record).await,
                    Err(e) => Err(e),
                };
                cx.figures.stage("commit", took());
                if let Ok(false) = placed {
                    cx.figures.conflict();
                }
                placed.map_or_else(failed, |ours| Some(Input::Placed(ours)))
            }
            Effect::Move { files, end } => {
                let moved = claim.finish(&cx, &files).await;
                cx.figures.stage("rename", took());
                if moved.is_ok() {
                    cx.ticks().commit_progress(p, end);
                }
                moved.map_or_else(failed, |()| Some(Input::Moved))
            }
            Effect::Upsert { rows, since } => {
                cx.until_sure().await;
                let result = cx.components.store.upsert_rows(&rows).await;
                cx.figures.wrote("store", took());
                if result.is_ok() {
                    cx.figures.stored(&rows, cx.now().saturating_sub(since), (cx.components.clock)());
                }
                answered(&cx, p, "store", result.map_err(Error::from), Input::Upserted)
            }
            Effect::Publish(rows) => {
                cx.until_sure().await;
                let records = rows.iter().map(record_of).collect();
                let result = cx.features.append(p % cx.features.partitions().max(1), records).await;
                cx.figures.wrote("features_log", took());
                answered(&cx, p, "features_log", result.map(drop).map_err(Error::from), Input::Published)
            }
            Effect::Load(file) => {
                let read = cx.persist(p, "lake", || cx.components.lake.read(&file.path)).await;
                let rows = read.and_then(|bytes| Ok(tables::read_bars(bytes).map_err(|e| e.at(&file.path))?));
                rows.map_or_else(failed, |rows| Some(Input::Read(rows)))
            }
            Effect::Confirm(seq) => {
                let path = cx.layout.commit(p, seq);
                let seen = cx.persist(p, "lake", || cx.components.lake.stat(&path)).await;
                seen.map_or_else(failed, |found| Some(Input::Confirmed { seq, taken: found.is_some() }))
            }
            Effect::Sweep(head) => {
                if let Err(e) = claim.sweep(&cx, &head).await
                    && let Some(unsaid) = cx.quiet.says(p, "lake: sweep")
                {
                    tracing::warn!(partition = p, unsaid, "sweeping later: {e}");
                }
                None
            }
            Effect::Forget(files) => {
                for file in files {
                    if let Err(e) = cx.components.lake.delete(&file.path).await
                        && let Some(unsaid) = cx.quiet.says(p, "lake: forget")
                    {
                        // The next owner deletes spilled files that no commit names.
                        tracing::warn!(partition = p, unsaid, "leaving a spilled file behind: {e}");
                    }
                }
                None
            }
            // Ends are the driver's.
            Effect::Done | Effect::Halt(_) => None,
        }
    })
}

/// A sink's answer as the machine takes it: done, not for the moment, or never.
fn answered(
    cx: &Context,
    p: u32,
    sink: &'static str,
    result: Result<(), Error>,
    input: fn(bool) -> Input,
) -> Option<Input> {
    match result {
        Ok(()) => {
            cx.works(p, sink);
            Some(input(true))
        }
        Err(e) if matches!(e.kind(), ErrorKind::Retry | ErrorKind::Unavailable) => {
            cx.failing(p, sink, &e, limits::BACKOFF_MIN);
            Some(input(false))
        }
        Err(e) => {
            cx.figures.failed(sink, e.kind());
            Some(Input::Failed(e))
        }
    }
}

/// A row's JSON, about, so that it is written without growing.
const RECORD_BYTES: usize = 1_024;

/// A row as the features log carries it: JSON, keyed by symbol.
fn record_of(row: &FeatureRow) -> NewRecord {
    let key = Some(row.symbol.as_str().as_bytes().to_vec());
    let mut value = Vec::with_capacity(RECORD_BYTES);
    // A row is plain values with text keys: serialising it cannot fail.
    let _ = serde_json::to_writer(&mut value, row);
    NewRecord { key, value }
}
